"""Votes and masks that are put together again are those of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_verify import rewrite_manifest
from tests.conftest import Outcome
from topcert.evaluation import replay
from topcert.evaluation.replay import ReplayedMasks
from topcert.randomization.masks import draw_masks
from topcert.voting.ledger import Ledger

RUN = ["certify", "table.npz", "models_for_tests:linear", "--keep", 3, "--samples", 90, "--seed", 4, "--out", "o"]


def slow_kept_counts(votes: np.ndarray, kept: np.ndarray, labels: list[int], num_features: int) -> list[list[int]]:
    return [
        [
            sum(1 for vote, mask in zip(votes.tolist(), kept.tolist(), strict=True) if vote == label and feature in mask)
            for feature in range(num_features)
        ]
        for label in labels
    ]


@pytest.mark.parametrize("first", [0, 20])
@pytest.mark.parametrize(("masks", "table"), [(2**28, 2**28), (7 * 12, 2**28), (2**28, 300), (1, 1)])
def test_features_are_counted_under_the_votes_that_kept_them(
    workplace: Path,
    topcert: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    masks: int,
    table: int,
) -> None:
    assert topcert(*RUN, "--selection", first).code == 0
    ledger = Ledger.open(Path("o"))
    kept = draw_masks(seed=4, start=first, stop=first + 90, num_features=12, num_kept=3)
    monkeypatch.setattr(replay, "_MASK_BYTES", masks)
    monkeypatch.setattr(replay, "_TABLE_BYTES", table)
    replayed = ReplayedMasks(ledger)
    assert replayed.degrees().tolist() == np.bincount(kept.reshape(-1), minlength=12).tolist()
    labels = np.stack([np.arange(8) % 5, (np.arange(8) + 2) % 5, np.full(8, 4)], axis=1)
    found = list(replayed.kept_counts(labels))
    assert len(found) == 8
    for votes, asked, counts in zip(ledger.iterate_inputs(), labels.tolist(), found, strict=True):
        assert counts.dtype == np.int64
        assert counts.tolist() == slow_kept_counts(votes[first:], kept, asked, 12)


def test_masks_of_another_algorithm_are_not_guessed(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN).code == 0
    rewrite_manifest(Path("o"), algorithm="shuffled-by-hand-1")
    with pytest.raises(ValueError, match="masks of shuffled-by-hand-1 cannot be drawn again"):
        ReplayedMasks(Ledger.open(Path("o")))
