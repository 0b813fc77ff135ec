"""Votes and masks that are put together again are those of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_verify import rewrite_manifest
from tests.conftest import Outcome
from topcert.evaluation.results import derive
from topcert.randomization.designs import Design
from topcert.randomization.masks import draw_masks
from topcert.voting import replay
from topcert.voting.ledger import Ledger
from topcert.voting.replay import ReplayedMasks

RUN = [
    "certify",
    "table.npz",
    "models_for_tests:linear",
    "--keep",
    3,
    "--samples",
    90,
    "--seed",
    4,
    "--out",
    "o",
]


def slow_kept_counts(
    votes: np.ndarray, kept: np.ndarray, labels: list[int], num_features: int
) -> list[list[int]]:
    return [
        [
            sum(
                1
                for vote, mask in zip(votes.tolist(), kept.tolist(), strict=True)
                if vote == label and feature in mask
            )
            for feature in range(num_features)
        ]
        for label in labels
    ]


@pytest.mark.parametrize("first", [0, 20])
@pytest.mark.parametrize(
    ("masks", "table"), [(2**28, 2**28), (7 * 12, 2**28), (2**28, 300), (1, 1)]
)
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
    every = [votes[:, 0] for votes in ledger.iterate_inputs()]
    for votes, asked, counts in zip(every, labels.tolist(), found, strict=True):
        assert counts.dtype == np.int64
        assert counts.tolist() == slow_kept_counts(votes[first:], kept, asked, 12)


def test_pairs_of_features_are_counted_under_the_votes_that_kept_both(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert topcert(*RUN, "--selection", 20).code == 0
    ledger = Ledger.open(Path("o"))
    kept = [
        set(mask)
        for mask in draw_masks(seed=4, start=20, stop=110, num_features=12, num_kept=3).tolist()
    ]
    both = [[[i in mask and j in mask for j in range(12)] for i in range(12)] for mask in kept]
    labels, inputs = np.array([[0, 4], [3, 1], [2, 2]]), np.array([1, 4, 7])
    votes = [cast[:, 0] for cast in ledger.iterate_inputs()]
    shown: list[tuple[int, int]] = []
    for dense in (2**13, 7):
        monkeypatch.setattr(replay, "_DENSE_MASKS", dense)
        replayed = ReplayedMasks(ledger, on_pairs=lambda done, total: shown.append((done, total)))
        assert replayed.counts_pairs
        assert replayed.pair_degrees().tolist() == np.array(both).sum(axis=0).tolist()
        for row, asked, counts in zip(
            inputs.tolist(), labels, replayed.kept_pairs(inputs, labels), strict=True
        ):
            of = [np.array(both)[votes[row][20:] == label].sum(axis=0).tolist() for label in asked]
            assert counts.tolist() == of
    assert shown == 2 * [(1, 3), (2, 3), (3, 3)]
    # one label has most masks, or few; labels share masks, as ballots do, or all, or have none
    some = np.random.default_rng(0).random(90)
    for named in (
        [some < 0.8, (some >= 0.8) & (some < 0.9), some >= 0.95],
        [some < 0.3, (some >= 0.3) & (some < 0.4)],
        [some < 0.8, some >= 0.3, some < 0.1],
        [some < 2, some > 2],
    ):
        direct = [np.array(both)[chosen].sum(axis=0).tolist() for chosen in named]
        assert replayed._pairs_by_label(named).tolist() == direct


def test_pairs_are_not_counted_where_that_takes_long(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert topcert(*RUN).code == 0
    ledger = Ledger.open(Path("o"))
    limits = (("_PAIR_STEPS", 90 * 144), ("_MASK_BYTES", 90 * 12), ("_PAIR_BYTES", 4 * 144))
    for name, enough in limits:
        with monkeypatch.context() as small:
            small.setattr(replay, name, enough)
            assert ReplayedMasks(ledger).counts_pairs
            small.setattr(replay, name, enough - 1)
            assert not ReplayedMasks(ledger).counts_pairs
            assert (
                max(derive(ledger, method="located", ks=[1], alpha=0.05).certificates.radius) >= 0
            )


@pytest.mark.parametrize("method", ["ablation", "located", "design"])
def test_the_first_votes_are_those_of_a_shorter_run(
    workplace: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    other = (
        ["--method", "design", "--design", "partitions"]
        if method == "design"
        else ["--selection", 10]
    )
    assert topcert(*RUN, *other).code == 0
    shorter = [37 if part == 90 else "short" if part == "o" else part for part in RUN]
    assert topcert(*shorter, *other).code == 0
    alpha = 0.0 if method == "design" else 0.05
    made, wanted = (
        derive(
            Ledger.open(Path(folder)),
            method=method,
            ks=[1, 3],
            alpha=alpha,
            label_choice="given",
            first=first,
        )
        for folder, first in (("o", 37), ("short", None))
    )
    assert made.counts.tolist() == wanted.counts.tolist()
    assert made.certificates.radius.tolist() == wanted.certificates.radius.tolist()
    assert max(made.certificates.radius) >= 0


def test_masks_of_another_algorithm_are_not_guessed(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN).code == 0
    rewrite_manifest(Path("o"), algorithm="shuffled-by-hand-1")
    with pytest.raises(ValueError, match="masks of shuffled-by-hand-1 cannot be drawn again"):
        ReplayedMasks(Ledger.open(Path("o")))


@pytest.mark.parametrize("name", ["partitions", "random"])
def test_each_mask_of_a_design_counts_a_feature_once(
    workplace: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    run = [
        "certify",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        5,
        "--samples",
        50,
        "--seed",
        4,
        "--out",
        "o",
    ]
    assert topcert(*run, "--method", "design", "--design", name).code == 0
    made = Design(name=name, seed=4, num_features=12, num_kept=5)
    kept = [set(mask) for mask in made.masks(0, 50).tolist()]
    assert name == "random" or {len(mask) for mask in kept} == {4}
    replayed = ReplayedMasks(Ledger.open(Path("o")))
    assert replayed.round_size == made.round_size == (3 if name == "partitions" else 1)
    assert replayed.degrees().tolist() == [
        sum(feature in mask for mask in kept) for feature in range(12)
    ]


def test_a_feature_that_a_mask_names_twice_counts_once(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = [
        "certify",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        7,
        "--samples",
        15,
        "--seed",
        4,
        "--out",
        "o",
    ]
    table = np.load("table.npz")
    np.savez("table.npz", x=table["x"][:, :11], y=table["y"])  # blocks of 6 and 5 columns
    assert topcert(*run, "--method", "design", "--design", "partitions").code == 0
    ledger = Ledger.open(Path("o"))
    replayed = ReplayedMasks(ledger)
    masks = Design(name="partitions", seed=4, num_features=11, num_kept=7).masks(0, 15)
    kept = [set(mask) for mask in masks.tolist()]
    assert {len(mask) for mask in kept} == {5, 6}
    assert replayed.degrees().tolist() == [
        sum(feature in mask for mask in kept) for feature in range(11)
    ]
    cast = list(replayed.cast())
    assert [votes.tolist() for votes in cast] == [
        votes.tolist() for votes in ledger.iterate_inputs()
    ]
    found = list(replayed.kept_counts(np.zeros((8, 1), np.int64)))
    for votes, counts in zip(cast, found, strict=True):
        wanted = [
            sum(
                feature in mask
                for mask, vote in zip(kept, votes[:, 0].tolist(), strict=True)
                if vote == 0
            )
            for feature in range(11)
        ]
        assert counts.tolist() == [wanted]
