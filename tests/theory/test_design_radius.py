"""Certificates of fixed designs: never wrong in whole small spaces, under every change and every
vote it allows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.methods import design, fpa
from topcert.methods.certify import most_voted
from topcert.randomization.designs import Design
from topcert.theory import design_radius as theory
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.design_radius import (
    near_rivals,
    partition_radius,
    parts_of,
    rival_sets,
    tie_adjusted,
)
from topcert.theory.worst_case import worst_case_radius

Ints = NDArray[np.int64]


class KnownVotes:
    """Votes `(inputs, masks)`, or ballots of w labels `(inputs, masks, w)`, under the masks of a
    design.

    Or under `keeps` `(masks, num_features)` of which nothing is known.
    """

    def __init__(self, votes: Ints, keeps: Ints, round_size: int = 1) -> None:
        self.votes, self.keeps, self.round_size = votes, keeps, round_size
        self.ballots = votes if votes.ndim == 3 else votes[:, :, None]

    def degrees(self) -> Ints:
        return self.keeps.sum(axis=0)

    def kept_counts(self, labels: Ints) -> Iterator[Ints]:
        for ballots, asked in zip(self.ballots, labels, strict=True):
            yield (ballots == asked[:, None, None]).any(axis=2).astype(np.int64) @ self.keeps

    def cast(self) -> Iterator[Ints]:
        return iter(self.ballots)


def keeps_of(made: Design, masks: int) -> Ints:
    keeps = np.zeros((masks, made.num_features), np.int64)
    np.put_along_axis(keeps, made.masks(0, masks).astype(np.int64), 1, axis=1)
    return keeps


def counts_of(votes: Ints, classes: int) -> Ints:
    return np.stack([(votes == label).sum(axis=1) for label in range(classes)], axis=1)


def radii(known: KnownVotes, classes: int, labels: Ints | None, ks: list[int]) -> Ints:
    counts = sum(counts_of(votes, classes) for votes in np.moveaxis(known.ballots, 2, 0))
    return design.METHOD.radii(counts, known, labels, ks=ks)


# The truth.


def true_radius(cast: Ints, keeps: Ints, label: int, *, classes: int, k: int) -> int:
    """What no attack breaks: votes of masks that R meets go to the k rivals that need the fewest to
    be shown before.
    """
    features = keeps.shape[1]
    for r in range(features + 1):
        for changed in itertools.combinations(range(features), r):
            met = keeps[:, list(changed)].any(axis=1)
            left = np.bincount(cast[~met], minlength=classes)
            needed = np.maximum(left[label] + (np.arange(classes) > label) - left, 0)
            if np.sort(np.delete(needed, label))[:k].sum() <= met.sum():
                return r - 1
    return features


def literal_radius(cast: Ints, keeps: Ints, label: int, *, classes: int, k: int) -> int:
    """The same from the definition alone: every R, every vote of every mask that keeps some of
    R.
    """
    features = keeps.shape[1]
    for r in range(features + 1):
        for changed in itertools.combinations(range(features), r):
            met = np.flatnonzero(keeps[:, list(changed)].any(axis=1))
            replaced = np.array(list(itertools.product(range(classes), repeat=len(met))), np.int64)
            attacked = np.repeat(cast[None], len(replaced), axis=0)
            attacked[:, met] = replaced
            if not (most_voted(counts_of(attacked, classes), k) == label).any(axis=1).all():
                return r - 1
    return features


# features, kept, masks, classes
SMALL = [(4, 2, 6, 3), (5, 2, 6, 3), (5, 1, 5, 3), (4, 2, 5, 4), (3, 3, 3, 3)]


def small(name: str, num_features: int, num_kept: int, masks: int) -> tuple[Ints, int]:
    made = Design(
        name=name, seed=1, num_features=num_features, num_kept=num_kept, grid=(1, num_features)
    )
    return keeps_of(made, masks), made.round_size


@pytest.mark.parametrize("sizes", SMALL)
@pytest.mark.parametrize("name", ["partitions", "random"])
def test_the_truth_is_what_every_attack_finds(name: str, sizes: tuple[int, int, int, int]) -> None:
    *space, classes = sizes
    keeps, _ = small(name, *space)
    votes = np.array(list(itertools.product(range(classes), repeat=len(keeps))), np.int64)[
        :: 7 if len(keeps) > 3 else 1
    ]
    for cast in votes[:12]:
        for label, k in itertools.product(range(classes), range(1, classes)):
            asked = {"classes": classes, "k": k}
            assert true_radius(cast, keeps, label, **asked) == literal_radius(
                cast, keeps, label, **asked
            )


def all_votes(classes: int, masks: int) -> Ints:
    every = np.array(list(itertools.product(range(classes), repeat=masks)), np.int64)
    return every[np.random.default_rng(masks).permutation(len(every))[:400]]


def leaning_votes(classes: int, keeps: Ints) -> Ints:
    """Random votes, and such as lean on few features: votes for 0 that all keep one, or keep none,
    of some.
    """
    generator = np.random.default_rng(classes)
    weights = np.array([0.6, *[0.4 / (classes - 1)] * (classes - 1)])
    parts = [generator.choice(classes, p=weights, size=(40, len(keeps)))]
    for leaning in (1, 2, 3):
        chosen = np.argsort(generator.random((20, keeps.shape[1])), axis=1)[:, :leaning]
        meets = keeps[:, chosen].any(axis=2).T
        base = generator.choice(classes, p=weights, size=meets.shape)
        for lean in (meets, ~meets):
            parts += [np.where(lean, 0, base), np.where(lean, base, np.minimum(base, 1))]
    return np.concatenate(parts)


CASES = [(name, sizes) for name in ("partitions", "stratified", "random") for sizes in SMALL]
CASES += [
    (name, sizes)
    for name in ("partitions", "random")
    for sizes in [(6, 2, 13, 4), (7, 3, 9, 4), (8, 2, 12, 3)]
]


def check_all(name: str, sizes: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """How many radii exceed the true one, are it, and fall short."""
    *space, classes = sizes
    keeps, round_size = small(name, *space)
    votes = all_votes(classes, len(keeps)) if len(keeps) <= 6 else leaning_votes(classes, keeps)
    ks = list(range(1, classes))
    above = same = below = 0
    for label in range(classes):
        found = radii(
            KnownVotes(votes, keeps, round_size), classes, np.full(len(votes), label), ks
        )[:, 0]
        for cast, row in zip(votes[:40], found.tolist(), strict=False):
            for k, radius in zip(ks, row, strict=True):
                true = true_radius(cast, keeps, label, classes=classes, k=k)
                above, same, below = (
                    above + (radius > true),
                    same + (radius == true),
                    below + (radius < true),
                )
    return above, same, below


@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_no_certificate_is_ever_wrong(name: str, sizes: tuple[int, int, int, int]) -> None:
    above, same, below = check_all(name, sizes)
    assert above == 0
    assert same > below


@pytest.mark.parametrize(
    ("place", "broken"),
    [
        # all ties to the label
        ("tie_adjusted", lambda counts, label: counts - (np.arange(len(counts)) != label)),
        ("_by_round", lambda *_: np.full((1, 1, 1), -1)),  # masks that are not there
    ],
)
def test_the_search_would_notice_a_broken_rule(
    monkeypatch: pytest.MonkeyPatch, place: str, broken: Callable[..., object]
) -> None:
    monkeypatch.setattr(theory, place, broken)
    assert any(check_all(name, sizes)[0] for name, sizes in CASES if name == "partitions")


def test_a_label_has_a_radius_exactly_where_it_is_shown() -> None:
    keeps, round_size = small("partitions", 5, 2, 6)
    votes = all_votes(4, 6)
    known, ks = KnownVotes(votes, keeps, round_size), [1, 2, 3]
    shown = most_voted(counts_of(votes, 4), 3)
    picked = radii(known, 4, None, ks)
    for label in range(4):
        named = radii(known, 4, np.full(len(votes), label), ks)[:, 0]
        for column, k in enumerate(ks):
            at = shown[:, :k] == label
            assert ((named[:, column] >= 0) == at.any(axis=1)).all()
            for row, rank in zip(*np.nonzero(at), strict=True):
                assert picked[row, rank, column] == named[row, column]
    assert (picked[:, 2, :2] == ABSTAIN).all()
    assert (picked[:, 1, 0] == ABSTAIN).all()
    one = [radii(known, 4, np.zeros(len(votes), np.int64), [k])[:, 0, 0] for k in ks]
    assert np.array_equal(
        np.stack(one, axis=1), radii(known, 4, np.zeros(len(votes), np.int64), ks)[:, 0]
    )


# Many classes: only some rivals are near.


def test_near_rivals_are_all_where_they_are_few() -> None:
    assert [near_rivals(10, k) for k in (1, 2, 3)] == [9, 9, 9]
    assert [near_rivals(1000, k) for k in (1, 3, 10)] == [9, 10, 3]
    assert near_rivals(2, 1) == 1
    assert list(rival_sets(3, 3, 2)) == [(0, 1), (0, 2), (1, 2)]
    assert list(rival_sets(2, 5, 2)) == [(0, 1), (0, 2), (1, 2), (2, 3)]
    assert list(rival_sets(1, 4, 3)) == [(0, 1, 2), (1, 2, 3)]
    assert list(parts_of((0, 2, 3), 2)) == [(2, 3), (3,), (0, 2, 3), (0, 3), (0,)]
    for classes, k in [(10, 3), (1000, 3), (1000, 10), (5, 4), (7, 2)]:
        near = near_rivals(classes, k)
        parts = {
            part for chosen in rival_sets(near, classes - 1, k) for part in parts_of(chosen, near)
        }
        assert len(parts) <= theory.MOST_PARTS
        assert len(parts) <= theory._count_parts(near, classes - 1, k)


@pytest.mark.parametrize("near", [0, 1, 2, 3])
def test_fewer_near_rivals_are_as_sure_and_never_better(
    monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    keeps, round_size = small("partitions", 7, 3, 9)
    votes = leaning_votes(5, keeps)
    known, labels, ks = (
        KnownVotes(votes, keeps, round_size),
        np.zeros(len(votes), np.int64),
        [1, 2, 3, 4],
    )
    full = radii(known, 5, labels, ks)[:, 0]
    monkeypatch.setattr(design, "near_rivals", lambda *_: near)
    fewer = radii(known, 5, labels, ks)[:, 0]
    assert (fewer <= full).all()
    assert near > 1 or (fewer < full).any()
    assert (fewer >= 0).any()


# Against integer programming, where spaces are too large to go through.


@pytest.mark.parametrize("k", [1, 2])
def test_integer_programming_agrees_and_finds_little_more(k: int) -> None:
    keeps, _ = small("partitions", 5, 2, 6)
    for cast in all_votes(3, 6)[:12]:
        for label in range(3):
            asked = {"classes": 3, "k": k}
            assert worst_case_radius(cast[:, None], label, keeps=keeps, **asked) == true_radius(
                cast, keeps, label, **asked
            )
    made = Design(name="stratified", seed=2, num_features=25, num_kept=5, grid=(5, 5))
    keeps = keeps_of(made, 20)
    votes = leaning_votes(4, keeps)[::20]
    found = radii(
        KnownVotes(votes, keeps, made.round_size), 4, np.zeros(len(votes), np.int64), [k]
    )[:, 0, 0]
    exact = [worst_case_radius(cast[:, None], 0, keeps=keeps, classes=4, k=k) for cast in votes]
    assert all(true is not None for true in exact)
    slack = np.array(exact) - found
    assert (slack >= 0).all()
    assert slack.mean() < 1
    assert found.max() > 0


# One partition.


def test_fpa_is_its_published_formula() -> None:
    generator = np.random.default_rng(0)
    for counts in generator.multinomial(20, [0.6, 0.2, 0.1, 0.1], size=200):
        for label in range(4):
            gaps = [int(counts[label] - counts[a] - (a < label)) for a in range(4) if a != label]
            found = partition_radius(counts, label, k=1, num_features=1024)
            assert found == (min(gaps) // 2 if min(gaps) >= 0 else ABSTAIN)
    assert tie_adjusted(np.array([5, 5, 5]), 1).tolist() == [5, 5, 4]


@pytest.mark.parametrize("sizes", [(6, 2, 3, 3), (6, 1, 6, 3), (7, 2, 4, 4), (5, 1, 5, 4)])
def test_fpa_is_exact_over_one_partition_and_design_never_below(
    sizes: tuple[int, int, int, int],
) -> None:
    num_features, num_kept, masks, classes = sizes
    keeps, round_size = small("partitions", num_features, num_kept, masks)
    assert masks == round_size
    votes = all_votes(classes, masks)
    known, ks = KnownVotes(votes, keeps, round_size), list(range(1, classes))
    counts = counts_of(votes, classes)
    for label in range(classes):
        labels = np.full(len(votes), label)
        theirs = fpa.METHOD.radii(counts, known, labels, ks=ks)[:, 0]
        ours = radii(known, classes, labels, ks)[:, 0]
        assert (ours >= theirs).all()
        for cast, row in zip(votes[:40], theirs.tolist(), strict=False):
            true = [true_radius(cast, keeps, label, classes=classes, k=k) for k in ks]
            assert all(radius <= right for radius, right in zip(row, true, strict=True))
            assert row[0] == true[0]


def test_fpa_takes_one_vote_a_block() -> None:
    keeps, round_size = small("partitions", 6, 2, 6)
    known = KnownVotes(np.zeros((1, 6), np.int64), keeps, round_size)
    with pytest.raises(
        ValueError,
        match=r"fpa takes one vote for each of the 3 blocks .* got 6 votes; use --samples 3",
    ):
        fpa.METHOD.radii(np.array([[6, 0]]), known, None, ks=[1])


# Lattices: one round of classes of different sizes.


@pytest.mark.parametrize(("num_kept", "masks"), [(4, 4), (2, 9), (1, 12)])
def test_a_lattice_is_certified_to_half_the_margin_which_is_the_truth(
    num_kept: int, masks: int
) -> None:
    """3 x 4 pixels; k = 1 by the formula and by every change of so many pixels, k = 2 never beyond
    it.
    """
    generator = np.random.default_rng(num_kept)
    made = Design(name="lattice", seed=0, num_features=12, num_kept=num_kept, grid=(3, 4))
    assert made.round_size == masks
    keeps = keeps_of(made, masks)
    found = set()
    for _ in range(3):
        votes = generator.choice(3, (1, masks), p=(0.15, 0.7, 0.15))
        counts = counts_of(votes, 3)
        for label in range(3):
            certified = radii(KnownVotes(votes, keeps, masks), 3, np.array([label]), [1, 2])[0, 0]
            margin = min(
                int(counts[0, label] - counts[0, rival]) - (rival < label)
                for rival in range(3)
                if rival != label
            )
            assert certified[0] == (margin // 2 if margin >= 0 else ABSTAIN)
            assert certified[0] == true_radius(votes[0], keeps, label, classes=3, k=1)
            if masks == 4:
                assert certified[0] == literal_radius(votes[0], keeps, label, classes=3, k=1)
            assert (
                certified[0] <= certified[1] <= true_radius(votes[0], keeps, label, classes=3, k=2)
            )
            assert (
                fpa.METHOD.radii(
                    counts, KnownVotes(votes, keeps, masks), np.array([label]), ks=[1]
                )[0, 0, 0]
                == certified[0]
            )
            found.add(int(certified[0]))
    assert len(found) > 1
