"""Ballots over fixed designs and one partition: never wrong, whatever voided masks may name."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.test_design_radius import KnownVotes, radii, small
from topcert.methods import fpa
from topcert.methods.certify import most_voted
from topcert.theory import design_radius as design_theory
from topcert.theory import partition
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.design_radius import partition_radius
from topcert.theory.partition import ballots_radius
from topcert.theory.worst_case import worst_case_radius

Ints = NDArray[np.int64]

# classes, labels a ballot names
SIZES = [(3, 1), (3, 2), (4, 1), (4, 2), (4, 3), (5, 2), (5, 3), (5, 4)]


def counts_of(ballots: Ints, classes: int) -> Ints:
    """How many of ballots `(inputs, masks, w)` name each label."""
    return np.stack(
        [(ballots == label).any(axis=2).sum(axis=1) for label in range(classes)], axis=1
    )


def every_ballot(classes: int, num_named: int) -> Ints:
    return np.array(list(itertools.combinations(range(classes), num_named)), np.int64)


def some_ballots(inputs: int, masks: int, classes: int, num_named: int, *, seed: int) -> Ints:
    """Ranked ballots; a label is the likelier the lower it is, more or less so for different
    inputs.
    """
    generator = np.random.default_rng([seed, classes, num_named])
    leaning = generator.choice([0.0, 0.5, 1.0, 2.0], size=(inputs, 1, 1)) * -np.arange(classes)
    noise = generator.gumbel(size=(inputs, masks, classes))
    shuffled = generator.permuted(np.broadcast_to(np.arange(classes), (inputs, classes)), axis=1)
    ranked = np.argsort(-(leaning + noise), axis=2)[:, :, :num_named]
    return np.take_along_axis(shuffled[:, None], ranked.reshape(inputs, 1, -1), axis=2).reshape(
        ranked.shape
    )


def literal_radius(ballots: Ints, keeps: Ints, label: int, *, classes: int, k: int) -> int:
    """From the definition alone: every R, every ballot of every mask that keeps some of R."""
    every = every_ballot(classes, ballots.shape[1])
    for r in range(keeps.shape[1] + 1):
        for changed in itertools.combinations(range(keeps.shape[1]), r):
            met = np.flatnonzero(keeps[:, list(changed)].any(axis=1))
            replaced = np.array(
                list(itertools.product(range(len(every)), repeat=len(met))), np.int64
            )
            attacked = np.repeat(ballots[None], len(replaced), axis=0)
            attacked[:, met] = every[replaced]
            if not (most_voted(counts_of(attacked, classes), k) == label).any(axis=1).all():
                return r - 1
    return int(keeps.shape[1])


def true_radius(ballots: Ints, keeps: Ints, label: int, *, classes: int, k: int) -> int:
    """The same by the best attack on every R: a voided ballot names min(k, w) of k rivals at
    most.
    """
    features, num_named = keeps.shape[1], ballots.shape[1]
    for r in range(features + 1):
        for changed in itertools.combinations(range(features), r):
            met = keeps[:, list(changed)].any(axis=1)
            left = counts_of(ballots[~met][None], classes)[0]
            needed = np.maximum(left[label] + (np.arange(classes) > label) - left, 0)
            fewest = np.sort(np.delete(needed, label))[:k]
            if fewest.max() <= met.sum() and fewest.sum() <= min(k, num_named) * met.sum():
                return r - 1
    return int(features)


@pytest.mark.parametrize(("classes", "num_named"), SIZES)
def test_the_truth_is_what_every_attack_finds(classes: int, num_named: int) -> None:
    """Partitions of 4 blocks, and overlapping masks."""
    for name, space in [
        ("partitions", (4, 1, 4)),
        ("random", (4, 2, 4)),
        ("partitions", (4, 2, 4)),
    ]:
        keeps, _ = small(name, *space)
        for ballots in some_ballots(4, len(keeps), classes, num_named, seed=0):
            for label, k in itertools.product(range(classes), range(1, classes)):
                asked = {"classes": classes, "k": k}
                true = true_radius(ballots, keeps, label, **asked)
                assert true == literal_radius(ballots, keeps, label, **asked)
                assert true == worst_case_radius(ballots, label, keeps=keeps, **asked)


# Theorem E, over masks that overlap and such that do not.

SPACES = [
    ("partitions", (6, 2, 6)),
    ("random", (6, 2, 7)),
    ("stratified", (6, 2, 8)),
    ("random", (7, 3, 9)),
]


def check_all(
    name: str, space: tuple[int, int, int], classes: int, num_named: int
) -> tuple[int, int, int]:
    """How many radii of `design` exceed the true one, are it, and fall short."""
    keeps, round_size = small(name, *space)
    ballots = some_ballots(12, len(keeps), classes, num_named, seed=1)
    ks, found = list(range(1, classes)), np.zeros(3, np.int64)
    for label in range(classes):
        ours = radii(
            KnownVotes(ballots, keeps, round_size), classes, np.full(len(ballots), label), ks
        )[:, 0]
        for cast, row in zip(ballots, ours.tolist(), strict=True):
            for k, radius in zip(ks, row, strict=True):
                true = true_radius(cast, keeps, label, classes=classes, k=k)
                found += [radius > true, radius == true, radius < true]
    return int(found[0]), int(found[1]), int(found[2])


@pytest.mark.parametrize(("classes", "num_named"), SIZES)
@pytest.mark.parametrize(("name", "space"), SPACES)
def test_no_certificate_is_ever_wrong(
    name: str, space: tuple[int, int, int], classes: int, num_named: int
) -> None:
    above, same, below = check_all(name, space, classes, num_named)
    assert above == 0
    assert same > 2 * below


@pytest.mark.parametrize("near", [0, 1, 2])
def test_fewer_near_rivals_are_as_sure(monkeypatch: pytest.MonkeyPatch, near: int) -> None:
    """Of many classes only some are looked at mask by mask."""
    monkeypatch.setattr("topcert.methods.design.near_rivals", lambda *_: near)
    for classes, num_named in [(4, 2), (5, 4)]:
        above, same, _ = check_all("random", (6, 2, 7), classes, num_named)
        assert above == 0
        assert same


def test_the_search_would_notice_ballots_that_count_as_votes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mask that is changed may name several rivals at once, not one."""
    monkeypatch.setattr(design_theory, "most_named", lambda *_: 1)
    assert any(check_all(name, space, 4, 2)[0] for name, space in SPACES)


def test_the_search_would_notice_ties_that_go_to_the_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        design_theory,
        "tie_adjusted",
        lambda counts, label: counts - (np.arange(len(counts)) != label),
    )
    assert any(check_all(name, space, 4, 2)[0] for name, space in SPACES)


# One partition: the radius is the true one.

PARTITIONS = [
    (blocks, classes, num_named) for classes, num_named in SIZES for blocks in (1, 2, 5, 7)
]


def exact_and_true(blocks: int, classes: int, num_named: int, inputs: int) -> list[tuple[int, int]]:
    keeps = np.eye(blocks, dtype=np.int64)
    return [
        (
            ballots_radius(ballots, label, classes=classes, k=k, num_features=blocks),
            true_radius(ballots, keeps, label, classes=classes, k=k),
        )
        for ballots in some_ballots(inputs, blocks, classes, num_named, seed=blocks)
        for label, k in itertools.product(range(classes), range(1, classes))
    ]


@pytest.mark.parametrize(("blocks", "classes", "num_named"), PARTITIONS)
def test_over_one_partition_the_radius_is_the_true_one(
    blocks: int, classes: int, num_named: int
) -> None:
    pairs = exact_and_true(blocks, classes, num_named, inputs=20)
    assert all(ours == true for ours, true in pairs)
    assert len({true for _, true in pairs}) > (2 if blocks > 2 else 1)


@pytest.mark.parametrize(("classes", "num_named"), [(3, 1), (3, 2), (4, 2)])
def test_it_is_for_all_ballots_there_are(classes: int, num_named: int) -> None:
    every = every_ballot(classes, num_named)
    keeps = np.eye(3, dtype=np.int64)
    for chosen in itertools.product(range(len(every)), repeat=3):
        ballots = every[list(chosen)]
        for label, k in itertools.product(range(classes), range(1, classes)):
            ours = ballots_radius(ballots, label, classes=classes, k=k, num_features=3)
            assert ours == literal_radius(ballots, keeps, label, classes=classes, k=k)


@pytest.mark.parametrize("num_named", [2, 3])
def test_integer_programming_agrees_on_25_blocks(num_named: int) -> None:
    """The sizes of a lattice of CIFAR-10: 25 blocks, 10 classes, k up to 3."""
    keeps, seen, gains = np.eye(25, dtype=np.int64), set(), 0
    for ballots in some_ballots(6, 25, 10, num_named, seed=2):
        label = int(np.bincount(ballots.reshape(-1)).argmax())
        for k in (1, 2, 3):
            ours = ballots_radius(ballots, label, classes=10, k=k, num_features=1024)
            assert ours == worst_case_radius(ballots, label, keeps=keeps, classes=10, k=k)
            by_parts = partition._radius_by_parts(ballots, label, classes=10, k=k)
            assert by_parts <= ours
            seen.add(ours)
            gains += by_parts < ours
    assert len(seen) > 4


def test_the_search_would_notice_changed_blocks_that_take_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        partition._Search, "kinds", lambda _self, blocks, _chosen: [(0, blocks.bit_count())]
    )
    assert any(ours != true for ours, true in exact_and_true(7, 5, 3, inputs=20))


def test_the_rivals_that_lack_the_fewest_need_not_be_the_worst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1 and 2 share the blocks of 0: whatever block is changed takes from one of them. 3 shares
    none.
    """
    ballots = np.array([[0, 1]] * 5 + [[0, 2]] * 5 + [[3, 4]] * 3 + [[3, 5]] * 2)
    asked: dict[str, Any] = {"classes": 6, "k": 2}
    found = ballots_radius(ballots, 0, num_features=15, **asked)
    assert found == worst_case_radius(ballots, 0, keeps=np.eye(15, dtype=np.int64), **asked) == 2
    monkeypatch.setattr(
        partition._Search, "without_duplicates", lambda self, order: order[: self.k]
    )
    assert ballots_radius(ballots, 0, num_features=15, **asked) == 3


def test_no_part_of_the_rivals_need_be_out_of_reach_alone() -> None:
    """Theorem E asks for one part that no blocks can lift, and here each part is lifted by
    others.
    """
    ballots = np.array(
        [[4, 0, 2], [0, 1, 3], [5, 2, 0], [4, 2, 3], [0, 1, 5], [0, 4, 5], [5, 0, 4], [1, 5, 0]]
    )
    asked: dict[str, Any] = {"classes": 6, "k": 4}
    found = ballots_radius(ballots, 0, num_features=8, **asked)
    assert found == true_radius(ballots, np.eye(8, dtype=np.int64), 0, **asked) == 3
    assert partition._radius_by_parts(ballots, 0, **asked) == 2


@pytest.mark.parametrize("steps", [0, 5])
def test_a_search_that_is_too_long_falls_back_on_theorem_e(
    monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(partition, "MOST_STEPS", steps)
    asked: list[int] = []

    def by_parts(*_: Any, **__: Any) -> int:
        asked.append(1)
        return ABSTAIN

    pairs = exact_and_true(6, 4, 2, inputs=10)
    assert all(ours <= true for ours, true in pairs)
    assert any(ours > 0 for ours, _ in pairs)
    monkeypatch.setattr(partition, "_radius_by_parts", by_parts)
    assert all(ours in (ABSTAIN, true) for ours, true in exact_and_true(6, 4, 2, inputs=10))
    assert asked


@pytest.mark.parametrize(("k", "num_named"), [(5, 1), (5, 5), (10, 3), (10, 10)])
def test_a_thousand_classes_are_certified_too(k: int, num_named: int) -> None:
    """25 blocks that all name 0 .. w - 1, by and by in worse order and beside others."""
    generator = np.random.default_rng(k)
    ballots = np.argsort(np.arange(1000) + generator.exponential(3.0, (25, 1000)), axis=1)[
        :, :num_named
    ]
    near = ballots_radius(ballots, 0, classes=1000, k=k, num_features=1024)
    assert near >= partition._radius_by_parts(ballots, 0, classes=1000, k=k)
    assert near >= 5


def test_where_no_attack_moves_the_label_all_features_are_certified() -> None:
    """One block that names one label: two rivals cannot both be lifted over label 0."""
    assert ballots_radius(np.array([[1]]), 0, classes=4, k=3, num_features=9) == 9
    assert ballots_radius(np.array([[1, 2]]), 0, classes=4, k=2, num_features=9) == ABSTAIN


def test_for_one_label_a_ballot_it_is_the_published_rule_or_more() -> None:
    generator = np.random.default_rng(4)
    for cast in generator.choice(4, (60, 20), p=[0.5, 0.3, 0.1, 0.1]):
        counts = np.bincount(cast, minlength=4)
        for label, k in itertools.product(range(4), (1, 2, 3)):
            ours = ballots_radius(cast[:, None], label, classes=4, k=k, num_features=20)
            theirs = partition_radius(counts, label, k=k, num_features=20)
            assert ours >= theirs
            assert k > 1 or ours == theirs


# The methods.


def test_fpa_and_design_take_the_same_over_one_partition() -> None:
    keeps, round_size = small("partitions", 14, 2, 7)
    ballots = some_ballots(30, 7, 5, 2, seed=3)
    known, counts, ks = KnownVotes(ballots, keeps, round_size), counts_of(ballots, 5), [1, 2, 3]
    for labels in (np.zeros(30, np.int64), None):
        ours = radii(known, 5, labels, ks)
        assert np.array_equal(ours, fpa.METHOD.radii(counts, known, labels, ks=ks))
        assert (ours >= 1).any()
    shown = most_voted(counts, 3)
    for rank, (column, k) in itertools.product(range(3), enumerate(ks)):
        assert ((ours[:, rank, column] >= 0) == (rank < k)).all()
        named = radii(known, 5, shown[:, rank], [k])[:, 0, 0]
        assert rank >= k or np.array_equal(named, ours[:, rank, column])
