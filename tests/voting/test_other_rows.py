"""Models that look at their batch only now and then: within limits, in large batches, or where most
of it is wild.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from topcert.classifiers.functions import FunctionClassifier
from topcert.modalities.make_encoder import make_encoder
from topcert.randomization.randomizer import Masking
from topcert.voting.other_rows import RowwiseClassifier
from topcert.voting.row_trial import RowCheck, RowsError
from topcert.voting.rows import check_rows
from topcert.voting.voter import Voter

WEIGHTS = np.random.default_rng(0).normal(size=(6 * 64, 5)).astype(np.float32)
IMAGES = np.random.default_rng(1).random((2, 8, 8, 3)).astype(np.float32)
LARGE = 64


def alone(batch: np.ndarray) -> np.ndarray:
    """Scores whose bits depend on the row alone, in any place."""
    return np.asarray((batch.reshape(len(batch), -1)[:, :, None] * WEIGHTS).sum(1))


def turned(batch: np.ndarray) -> np.ndarray:
    return alone(batch)[:, ::-1]


def up_to(batch: np.ndarray, limit: float, *, least: float = -np.inf) -> None:
    if np.abs(batch).max() > limit or batch.min() < least:
        raise ValueError("no such image")


def mended(batch: np.ndarray) -> np.ndarray:
    """Drops what is too wild to be true, and scales by the rest."""
    sane = np.where(np.abs(batch) > 100, 0, batch)
    return alone(sane / max(1.0, float(sane.max())))


def up_to_100_and_other_above_2(batch: np.ndarray) -> np.ndarray:
    up_to(batch, 100)
    return alone(batch) if batch.max() <= 2 else turned(batch)


def up_to_255_and_other_above_240(batch: np.ndarray) -> np.ndarray:
    up_to(batch, 255)
    return alone(batch) if batch.max() <= 240 else turned(batch)


def up_to_3_and_other_below_0(batch: np.ndarray) -> np.ndarray:
    up_to(batch, 3)
    return alone(batch) if batch.min() >= -0.5 else turned(batch)


def positive_and_other_above_50(batch: np.ndarray) -> np.ndarray:
    up_to(batch, 4000, least=0)
    return alone(batch) if batch.max() <= 50 else turned(batch)


def up_to_1_and_scaled(batch: np.ndarray) -> np.ndarray:
    up_to(batch, 1)
    return alone(batch / max(float(batch.max()), 1e-9))


def up_to_1_and_other_at_1(batch: np.ndarray) -> np.ndarray:
    up_to(batch, 1)
    return alone(batch) if batch.max() < 0.9999 else turned(batch)


def where_most_is_wild(batch: np.ndarray) -> np.ndarray:
    extreme = np.abs(batch.reshape(len(batch), -1)).max(1) > 5
    return alone(batch) if extreme.mean() < 0.4 else turned(batch)


def dark_alone(batch: np.ndarray) -> np.ndarray:
    return alone(batch) if batch.mean() > 0.04 else alone(batch / (batch.mean() + 1e-6))


def labels_where_wild(batch: np.ndarray) -> np.ndarray:
    return alone(batch) if np.abs(batch).max() <= 100 else alone(batch).argmax(1)


def saturating(batch: np.ndarray) -> np.ndarray:
    scale = min(float(np.abs(batch).max()), 6.0) / 127 + 1e-9
    return alone(np.round(batch / scale)) * scale


def large(model: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Looks at its batch only where this is large."""

    def run(batch: np.ndarray) -> np.ndarray:
        return alone(batch) if len(batch) < LARGE else model(batch)

    run.__name__ = f"large_{model.__name__}"
    return run


@large
def large_above_100(batch: np.ndarray) -> np.ndarray:
    return alone(batch) if batch.max() < 100 else turned(batch)


@large
def large_below_100(batch: np.ndarray) -> np.ndarray:
    return alone(batch) if batch.min() > -100 else turned(batch)


@large
def large_clipped(batch: np.ndarray) -> np.ndarray:
    return alone(np.clip(batch, 0, 1) / max(float(np.clip(batch, 0, 1).max()), 1e-9))


@large
def large_cut(batch: np.ndarray) -> np.ndarray:
    shown = (batch.reshape(len(batch), -1) != 0).any(0).sum()
    return np.asarray(alone(batch) + 9 * np.cos(shown * np.arange(5)))


@large
def large_sorted(batch: np.ndarray) -> np.ndarray:
    scores = alone(batch)
    return scores[np.argsort(scores[:, 0])]


@large
def large_by_the_first(batch: np.ndarray) -> np.ndarray:
    return alone(batch - batch[:1])


NOW_AND_THEN = (
    mended,
    up_to_100_and_other_above_2,
    up_to_255_and_other_above_240,
    up_to_3_and_other_below_0,
    positive_and_other_above_50,
    up_to_1_and_scaled,
    up_to_1_and_other_at_1,
    where_most_is_wild,
    dark_alone,
    labels_where_wild,
    saturating,
)
IN_LARGE = (
    large_above_100,
    large_below_100,
    large_clipped,
    large_cut,
    large_sorted,
    large_by_the_first,
)


def voter_of(
    model: Callable[[np.ndarray], np.ndarray], size: int, images: np.ndarray = IMAGES
) -> Voter:
    encoder = make_encoder("six-channel", shape=(8, 8, 3), unit="pixel", batch_size=size)
    law = Masking(
        unit="pixel",
        encoder=encoder,
        seed=0,
        num_features=64,
        num_kept=20,
        num_masks=2 * size,
        batch_size=size,
    )
    classifier = FunctionClassifier(model, num_classes=5)
    return Voter(
        read=lambda place: images[place], randomizer=law, classifier=classifier, num_inputs=2
    )


def try_as_a_run_does(voter: Voter, seed: int) -> RowCheck:
    generator = np.random.default_rng(seed)
    began = check_rows(voter, [(0, 0)], generator=generator, places=False)
    return began + check_rows(
        voter, [(1, voter.batch_size)], generator=generator, ends=True, places=False
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("model", "size"),
    [
        *((model, size) for model in NOW_AND_THEN for size in (5, 20, 100)),
        *((model, 100) for model in IN_LARGE),
    ],
)
def test_what_mixes_rows_now_and_then_is_refused(
    model: Callable[[np.ndarray], np.ndarray], size: int, seed: int
) -> None:
    with pytest.raises(RowsError, match="rows got another answer"):
        try_as_a_run_does(voter_of(model, size), seed)


@pytest.mark.parametrize("size", [5, 20, 100])
def test_bright_images_hide_no_scale(size: int) -> None:
    for model in (saturating, up_to_1_and_scaled):
        with pytest.raises(RowsError, match="rows got another answer"):
            try_as_a_run_does(voter_of(model, size, np.ones_like(IMAGES)), 0)


@pytest.mark.parametrize("size", [5, 20, 100])
def test_a_model_with_limits_and_one_of_its_own_rows_are_accepted(size: int) -> None:
    def within(batch: np.ndarray) -> np.ndarray:
        up_to(batch, 7, least=-0.1)
        return alone(batch)

    for model in (alone, within):
        found = try_as_a_run_does(voter_of(model, size), 0)
        assert found.rows >= size
        assert found.moved == 0


def test_how_far_a_model_goes_is_found() -> None:
    def within(batch: np.ndarray) -> np.ndarray:
        up_to(batch, 255, least=-3)
        return alone(batch)

    ask = RowwiseClassifier(FunctionClassifier(within, num_classes=5))
    batch = np.zeros((2, 6, 8, 8), np.float32)
    assert 255 * 0.97 < ask.farthest(batch, 3e38) <= 255
    assert -3 <= ask.farthest(batch, -3e38) < -3 * 0.97
    assert (
        RowwiseClassifier(
            FunctionClassifier(lambda batch: up_to(batch, 0.1), num_classes=5)
        ).farthest(batch, 3e38)
        == 0
    )
