"""A vote is a function of one row: what mixes rows is found, whatever the kind, and judged one by
one it is accepted.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import Outcome
from topcert import count_votes
from topcert.classifiers.functions import FunctionClassifier
from topcert.modalities.make_encoder import make_encoder
from topcert.noise.ablation import Ablation
from topcert.noise.gaussian import Gaussian
from topcert.randomization.randomizer import Masking
from topcert.voting import run
from topcert.voting.checks import CHECKS, read_check
from topcert.voting.other_rows import FEW, LADDER
from topcert.voting.row_trial import ROUNDING, RowCheck, RowsError, moved_by
from topcert.voting.rows import SMALL, check_rows, refuse_places, why_places_matter
from topcert.voting.voter import Voter

WEIGHTS = np.random.default_rng(0).normal(size=(6 * 64, 5)).astype(np.float32)
IMAGES = np.random.default_rng(1).random((2, 8, 8, 3)).astype(np.float32)
NOISE = Ablation(num_kept=20)


def flat(batch: np.ndarray) -> np.ndarray:
    return batch.reshape(len(batch), -1)


def alone(batch: np.ndarray) -> np.ndarray:
    """Scores whose bits depend on the row alone, in any place."""
    return np.stack([(row[:, None] * WEIGHTS).sum(0) for row in flat(batch)])


def centred(batch: np.ndarray) -> np.ndarray:
    return flat(batch - batch.mean(0)) @ WEIGHTS


def over_the_batch(batch: np.ndarray) -> np.ndarray:
    scores = alone(batch)
    return np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum(0)


def averaged(batch: np.ndarray) -> np.ndarray:
    scores = alone(batch)
    return np.asarray(0.9 * scores + 0.1 * scores.mean(0))


def in_order(batch: np.ndarray) -> np.ndarray:
    scores = alone(batch)
    return scores[np.argsort(scores[:, 0])]


def quantized(batch: np.ndarray) -> np.ndarray:
    scale = np.abs(batch).max() / 127
    return np.asarray(flat(np.round(batch / scale)) @ WEIGHTS * scale)


def padded(batch: np.ndarray) -> np.ndarray:
    """Cuts what no row of the batch shows, and goes by the width of the rest."""
    shown = (flat(batch) != 0).any(axis=0).sum()
    return np.asarray(alone(batch) + 9 * np.cos(shown * np.arange(5)))


def neighbours(batch: np.ndarray) -> np.ndarray:
    return alone(batch) + 0.01 * np.roll(alone(batch), 1, axis=0)


def clipped(batch: np.ndarray) -> np.ndarray:
    """Honest for all inputs that anyone has seen; one wild value switches the batch to another
    branch.
    """
    return alone(batch) if np.abs(batch).max() <= 100 else alone(batch)[:, ::-1]


COUPLED = (centred, over_the_batch, averaged, in_order, quantized, padded, neighbours, clipped)


def votes(
    model: Any, *, batch_size: int | None = None, num_samples: int = 120, **more: Any
) -> np.ndarray:
    return count_votes(
        model, IMAGES, noise=NOISE, num_samples=num_samples, batch_size=batch_size, seed=0, **more
    )


@pytest.mark.parametrize("batch_size", [2, 3, 40, 120])
@pytest.mark.parametrize("model", COUPLED)
def test_what_mixes_rows_is_refused_in_every_batch_shape(
    model: Callable[..., Any], batch_size: int
) -> None:
    with pytest.raises(RowsError, match=r"rows got another answer among other rows.*batch_size=1$"):
        votes(model, batch_size=batch_size)


# whose labels seldom change
@pytest.mark.parametrize("model", [model for model in COUPLED if model is not padded])
def test_labels_without_scores_tell_it_too(model: Callable[..., Any]) -> None:
    with pytest.raises(RowsError, match="rows got another answer"):
        votes(lambda batch: model(batch).argmax(1), batch_size=120, num_classes=5)


def with_second_choice(model: Callable[..., Any]) -> Callable[..., Any]:
    """Ballots whose best label is the row's own, and whose second is what `model` says."""

    def run(batch: np.ndarray) -> np.ndarray:
        first, scores = alone(batch).argmax(1), np.array(model(batch), np.float64)
        scores[np.arange(len(batch)), first] = -np.inf
        return np.stack([first, scores.argmax(1)], axis=1)

    return run


@pytest.mark.parametrize("model", [averaged, centred])
def test_a_second_choice_that_mixes_rows_is_refused_too(model: Callable[..., Any]) -> None:
    with pytest.raises(RowsError, match="rows got another answer"):
        votes(with_second_choice(model), batch_size=120, num_classes=5, num_named=2)
    own = votes(with_second_choice(alone), batch_size=120, num_classes=5, num_named=2)
    assert np.array_equal(own, votes(alone, batch_size=120, num_named=2))
    assert own.sum(axis=1).tolist() == [240, 240]


@pytest.mark.parametrize("model", COUPLED)
def test_judged_one_by_one_it_is_accepted_and_a_row_has_its_own_vote(
    model: Callable[..., Any],
) -> None:
    counts = votes(model, batch_size=1, num_samples=12)
    assert counts.sum(axis=1).tolist() == [12, 12]


def test_a_model_of_one_row_is_accepted_and_its_votes_are_its_own() -> None:
    assert np.array_equal(votes(alone, batch_size=40), votes(alone, batch_size=1))
    assert votes(lambda batch: alone(batch).argmax(1), num_classes=5).sum() == 240


@pytest.mark.parametrize("batch_size", [1, 40])
def test_what_remembers_is_refused(batch_size: int) -> None:
    calls = []

    def counting(batch: np.ndarray) -> np.ndarray:
        calls.append(len(batch))
        return alone(batch) + len(calls) * 1e-3

    def last_seen(batch: np.ndarray) -> np.ndarray:
        before = calls[-1] if calls else 0.0
        calls.append(float(batch.ravel()[batch.ravel() != 0][:1].sum()))
        return alone(batch) + 1e-3 * before

    def noisy(batch: np.ndarray) -> np.ndarray:
        return alone(batch) + np.random.default_rng().normal(size=(len(batch), 5))

    for model in (counting, noisy, last_seen):
        calls.clear()
        with pytest.raises(RowsError, match=r"asked (again|in another order)|among other rows"):
            votes(model, batch_size=batch_size)


def test_a_wrong_answer_in_one_place_is_found_at_the_end() -> None:
    """Honest while it is first tried; the last trial is made of what came last."""
    calls = []

    def late(batch: np.ndarray) -> np.ndarray:
        calls.append(1)
        return alone(batch) if len(calls) < 80 else averaged(batch)

    with pytest.raises(RowsError, match="another answer"):
        votes(late, batch_size=4)


def test_a_buffer_that_is_given_at_every_call_hides_nothing() -> None:
    """What a model gives is copied: else two answers would be one and the same memory."""
    buffer = np.zeros((40, 5), np.float32)

    def into(model: Callable[..., Any]) -> Callable[..., Any]:
        def run(batch: np.ndarray) -> np.ndarray:
            if len(batch) != len(buffer):
                return model(batch)
            buffer[:] = model(batch)
            return buffer

        return run

    assert np.array_equal(votes(into(alone), batch_size=40), votes(alone, batch_size=40))
    with pytest.raises(RowsError, match="another answer"):
        votes(into(averaged), batch_size=40)


def test_a_scale_that_every_row_of_the_data_saturates_is_found() -> None:
    """Bright rows all set it to 1; it takes dim ones among hidden ones to see that it is the
    batch's.
    """

    def bright(batch: np.ndarray) -> np.ndarray:
        return alone(np.clip(batch, 0, 1) / max(float(np.clip(batch, 0, 1).max()), 1e-9))

    with pytest.raises(RowsError, match="among other rows"):
        count_votes(
            bright, np.ones_like(IMAGES), noise=NOISE, num_samples=120, batch_size=40, seed=0
        )


def test_a_range_of_the_batch_is_found_by_its_labels() -> None:
    """Opposite wild values would bring all rows to the middle of the range, whichever half of a
    batch they stand in.
    """

    def ranged(batch: np.ndarray) -> np.ndarray:
        return alone((batch - batch.min()) / max(float(np.ptp(batch)), 1e-9)).argmax(1)

    with pytest.raises(RowsError, match="another answer"):
        votes(ranged, batch_size=120, num_classes=5)


def test_what_is_fitted_to_the_first_batch_is_fitted_to_no_input() -> None:
    """The first batch that a model sees is the same whatever the inputs are."""
    for bright in (1.0, 0.25):
        seen: list[float] = []

        def lazy(batch: np.ndarray, seen: list[float] = seen) -> np.ndarray:
            if not seen:
                seen.append(float(batch.max()))
            return alone(batch / seen[0])

        votes_of = count_votes(
            lazy, IMAGES * np.float32(bright), noise=NOISE, num_samples=40, seed=0
        )
        assert votes_of.sum() == 80
        assert seen == [0.5]


class Layers(nn.Module):
    """A network whose normalization is to be chosen."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm, self.last = nn.Conv2d(6, 8, 3, padding=1), norm, nn.Linear(8 * 64, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.last(self.norm(self.first(x)).relu().flatten(1))
        return out


class Training(nn.BatchNorm2d):
    """Stays in training mode whatever it is told."""

    def train(self, mode: bool = True) -> Training:  # noqa: ARG002
        self.training = True
        return self


def test_layers_of_torch_that_mix_rows_are_named() -> None:
    assert votes(Layers(nn.BatchNorm2d(8)).eval()).sum() == 240
    assert votes(Layers(nn.GroupNorm(2, 8)).eval()).sum() == 240
    for norm in (
        nn.BatchNorm2d(8, track_running_stats=False),
        nn.SyncBatchNorm(8, track_running_stats=False),
    ):
        with pytest.raises(
            RowsError, match=r"BatchNorm\w* \(norm\) normalizes by the statistics of the batch"
        ):
            votes(Layers(norm))
    with pytest.raises(RowsError, match=r"Training \(norm\) normalizes.*stays in training mode"):
        votes(Layers(Training(8)))
    assert (
        votes(
            Layers(nn.BatchNorm2d(8, track_running_stats=False)), batch_size=1, num_samples=9
        ).sum()
        == 18
    )


def test_a_torch_module_quantized_dynamically_is_named() -> None:
    with warnings.catch_warnings():  # it is on its way out
        warnings.simplefilter("ignore")
        made = torch.ao.quantization.quantize_dynamic(
            Layers(nn.Identity()).eval(), {nn.Linear}, dtype=torch.qint8
        )
    with pytest.raises(
        RowsError,
        match=(
            r"layer Linear \(last\) takes the scale of its numbers from the whole batch \(dynamic"
            r" quantization\)"
        ),
    ):
        votes(made)
    assert votes(made, batch_size=1, num_samples=9).sum() == 18


def test_a_row_that_breaks_the_model_tells_nothing_of_its_mates() -> None:
    """It raises on wild rows: then it is asked row by row, and honest rows have their answers."""

    def strict(batch: np.ndarray) -> np.ndarray:
        if np.abs(batch).max() > 10:
            raise ValueError("no such image")
        return alone(batch)

    assert np.array_equal(votes(strict, batch_size=30), votes(alone, batch_size=30))

    def strict_and_coupled(batch: np.ndarray) -> np.ndarray:
        return averaged(batch) if strict(batch) is not None else batch

    with pytest.raises(RowsError, match="another answer"):
        votes(strict_and_coupled, batch_size=30)


def voter_of(model: Callable[..., Any], *, batch_size: int = 16) -> Voter:
    encoder = make_encoder("six-channel", shape=(8, 8, 3), unit="pixel", batch_size=batch_size)
    law = Masking(
        unit="pixel",
        encoder=encoder,
        seed=0,
        num_features=64,
        num_kept=20,
        num_masks=64,
        batch_size=batch_size,
    )
    classifier = FunctionClassifier(model, num_classes=5)
    return Voter(
        read=lambda place: IMAGES[place], randomizer=law, classifier=classifier, num_inputs=2
    )


def test_what_another_place_moves_is_measured_and_no_more_than_rounding() -> None:
    def by_place(size: float) -> Callable[..., Any]:
        return lambda batch: (
            alone(batch)
            + size
            * np.arange(len(batch))[:, None]
            * [
                1.0,
                0,
                0,
                0,
                0,
            ]
        )

    generator = np.random.default_rng(0)
    assert check_rows(voter_of(alone), [(0, 0)], generator=generator).moved == 0
    small = check_rows(voter_of(by_place(1e-6)), [(0, 0), (1, 16)], generator=generator)
    assert 1e-6 < small.moved < 2e-5
    assert small.rows == 2 * (len(LADDER) * SMALL // 2 + FEW) + FEW + 8
    with pytest.raises(
        RowsError, match=r"another answer in (another place of the|a smaller) batch"
    ):
        check_rows(voter_of(by_place(ROUNDING * 20)), [(0, 0)], generator=generator)


def test_where_the_place_matters_only_what_the_theorems_allow_is_accepted() -> None:
    noise = Ablation(num_kept=50)
    large: dict[str, Any] = {"num_features": 1024, "batch_size": 32}
    small: dict[str, Any] = {"num_features": 12, "batch_size": 5}
    assert why_places_matter(noise, **large) is None
    assert why_places_matter(noise, whole=(64, 3200), **large) is None
    assert why_places_matter(Ablation(num_kept=4, design="partitions"), **small) is None
    assert why_places_matter(Gaussian(sigma=0.5), num_features=3072, batch_size=5) is None
    moved, still = (RowCheck(rows=1, passes=1, moved=gap) for gap in (1e-6, 0.0))
    few = why_places_matter(Ablation(num_kept=4), **small)
    refuse_places(still, few)
    refuse_places(moved, None)
    with pytest.raises(RowsError, match=r"multiples of one mask.*--batch-size 1"):
        refuse_places(moved, few)
    for whole in ((100, 3200), (0, 100)):
        with pytest.raises(RowsError, match="not whole batches of 32"):
            refuse_places(moved, why_places_matter(noise, whole=whole, **large))


CERTIFY = (
    "certify",
    "table.npz",
    "coupled:make",
    "--keep",
    "6",
    "--samples",
    "100",
    "--k",
    "1",
    "--batch-size",
    "25",
)


@pytest.fixture
def coupled(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A linear model whose scores are those of all rows of the batch, as dynamic quantization has
    it.
    """
    (workplace / "coupled.py").write_text(
        "import numpy as np\n"
        "W = np.abs(np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32))\n"
        "def make():\n"
        "    def scores(batch):\n"
        "        scale = np.abs(batch).max() / 127\n"
        "        return (np.round(batch / scale)[:, :, None] * W).sum(1) * scale\n"
        "    return scores\n"
    )
    return workplace


def test_nothing_is_stored_and_one_by_one_it_goes(
    coupled: Path, topcert: Callable[..., Outcome]
) -> None:
    for more in ((), ("--method", "design", "--design", "random")):
        found = topcert(*CERTIFY, "--out", "a", *more)
        assert found.code == 2
        assert "rows got another answer among other rows" in found.err
        assert not Path("a").exists()
    assert topcert(*CERTIFY[:-2], "--batch-size", "1", "--out", "b").code == 0
    assert topcert("verify", "b", "--model", "coupled:make", "--replay", "20").code == 0


def test_verify_refutes_what_an_unchecked_run_would_certify(
    coupled: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the trial all goes well, `--replay` too: this is what stood before it."""
    with monkeypatch.context() as patch:
        patch.setattr(run, "check_run", lambda *_, **__: RowCheck(rows=1, passes=1, moved=0.0))
        assert topcert(*CERTIFY, "--out", "a").code == 0
    found = topcert("verify", "a", "--model", "coupled:make", "--replay", "20")
    assert found.code == 1
    assert "no function of one row" in found.out


def test_a_run_says_on_how_many_rows_it_was_checked(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    made = topcert(
        "certify",
        "table.npz",
        "models_for_tests:labels",
        "--classes",
        "5",
        *CERTIFY[3:],
        "--out",
        "a",
    )
    assert made.code == 0, made.err
    assert "186 rows judged again among other rows" in made.err
    assert "checked on 186 rows, not proven" in " ".join(made.out.split())
    record = json.loads((Path("a") / CHECKS).read_text())
    assert record["rows"] == 186
    found = read_check(Path("a"), record["manifest"])
    assert found is not None
    assert found.rows == 186
    again = topcert(
        "verify", "a", "--model", "models_for_tests:labels", "--classes", "5", "--replay", "30"
    )
    assert again.code == 0, again.out + again.err
    assert (
        "186 rows judged again among other rows, no answer differs: a check, no proof" in again.out
    )
    (Path("a") / CHECKS).write_text(json.dumps({**record, "rows": 10**6, "manifest": "0" * 64}))
    assert topcert("evaluate", "a").code == 2
    (Path("a") / CHECKS).unlink()  # as of an older release
    shown = topcert("evaluate", "a")
    assert shown.code == 0
    assert "was not recorded as checked" in " ".join(shown.out.split())


def test_what_is_tried_is_small_beside_a_run() -> None:
    """In the recorded shape two batches, where the model gives scores; the rest is small."""
    small = (len(LADDER) + 3) * SMALL
    for ends, rows in ((False, FEW), (True, 100)):
        voter = voter_of(alone, batch_size=200)
        found = check_rows(
            voter, [(0, 0)], generator=np.random.default_rng(0), ends=ends, places=False
        )
        assert found.passes == 2 * 200 + FEW + small
        assert found.rows == len(LADDER) * SMALL // 2 + FEW + rows
    labels = voter_of(lambda batch: alone(batch).argmax(1), batch_size=200)
    found = check_rows(labels, [(0, 0)], generator=np.random.default_rng(0), places=False)
    assert found.passes == 6 * 200 + FEW + small


@pytest.mark.parametrize("shape", [(0, 3), (0,), (0, 1)])
@pytest.mark.parametrize("scored", [True, False])
def test_where_a_model_has_no_answer_there_is_nothing_to_compare(
    shape: tuple[int, ...], scored: bool
) -> None:
    assert moved_by(np.zeros(shape), np.zeros(shape), "alone", "why", scored=scored) == 0.0
