"""Bounds of ballots: radii made of them are wrong no more often than alpha, and simpler rules would
be.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.boundary import SPACE
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import lower_bound, simultaneous_bounds, trials_of, upper_bound
from topcert.theory.intersection import intersection_union_bounds, lower_bound_by_mass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 2_000
SAMPLES = 400
ALPHA = 0.1
MOST = ALPHA + 5 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)  # exceeded once in millions of seeds


def drawn(p: Floats, *, seed: int = 3) -> Ints:
    """Counts of ballots whose labels have the chances `p`, which sum to w: systematic sampling, so
    far from independent.
    """
    ends = np.concatenate([[0.0], np.cumsum(p)])
    ends[-1] = round(ends[-1])
    start = np.random.default_rng(seed).random((DRAWS, SAMPLES))
    below = np.stack([np.ceil(end - start).sum(axis=1) for end in ends], axis=1)
    return np.diff(below, axis=1).astype(np.int64)


def short_of(radius: int, k: int, others: Floats, named: int) -> Floats:
    """Probabilities that sum to w, whose label 0 has not quite that radius; the others share the
    rest as `others` do.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        p = np.concatenate([[middle], (named - middle) * others])[None]
        reached = certified_radius(p, p, [0], k=k, num_named=named, **SPACE)[0] >= radius
        low, high = (low, middle) if reached else (middle, high)
    return np.concatenate([[low], (named - low) * others])


OTHERS = {
    "even": np.full(19, 1 / 19),
    "two strong": np.array([0.33, 0.32, *[0.35 / 50] * 50]),
    "falling": 0.8 ** np.arange(12) / (0.8 ** np.arange(12)).sum(),
}
RULES = ("simuem", "intersection-union", "shares")


def bounds_of(counts: Ints, rule: str, *, named: int, given: bool, k: int) -> tuple[Floats, Floats]:
    labels = np.zeros(len(counts), np.int64) if given else None
    if rule == "simuem":
        return simultaneous_bounds(counts, alpha=ALPHA, labels=labels, num_named=named)
    if rule == "intersection-union":
        return intersection_union_bounds(counts, alpha=ALPHA, labels=labels, num_named=named, k=k)
    return counts / SAMPLES, counts / SAMPLES


def wrong_radii(p: Floats, rule: str, *, ks: list[int], named: int, given: bool) -> float:
    """The share of samples in which a label gets a radius that is too large, for any of the k."""
    counts = drawn(p)
    lower, upper = bounds_of(counts, rule, named=named, given=given, k=max(ks))
    shown = (
        np.zeros((DRAWS, 1), np.int64)
        if given
        else np.argsort(-counts, axis=1, kind="stable")[:, : max(ks)]
    )
    every = np.tile(p, (len(p), 1))
    true = certified_radius(every, every, np.arange(len(p)), k=ks, num_named=named, **SPACE)
    wrong = np.zeros(DRAWS, np.bool_)
    for rank in range(shown.shape[1]):
        found = certified_radius(lower, upper, shown[:, rank], k=ks, num_named=named, **SPACE)
        asked = [column for column, k in enumerate(ks) if given or k > rank]
        wrong |= (found[:, asked] > true[shown[:, rank]][:, asked]).any(axis=1)
    return float(wrong.mean())


def test_the_drawn_ballots_have_the_chances_they_should() -> None:
    p = short_of(1, 3, OTHERS["two strong"], 2)
    counts = drawn(p)
    assert p.max() <= 1
    assert (trials_of(counts, 2) == SAMPLES).all()
    np.testing.assert_allclose(counts.mean(axis=0) / SAMPLES, p, atol=0.003)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("rule", RULES[:2])
@pytest.mark.parametrize("case", OTHERS)
@pytest.mark.parametrize(("k", "named", "radius"), [(1, 2, 1), (3, 2, 0), (3, 2, 2), (3, 3, 1)])
def test_radii_of_ballots_are_wrong_no_more_often_than_alpha(
    case: str, rule: str, k: int, named: int, radius: int, given: bool
) -> None:
    p = short_of(radius, k, OTHERS[case], named)
    assert certified_radius(p[None], p[None], [0], k=k, num_named=named, **SPACE)[0] == radius - 1
    assert wrong_radii(p, rule, ks=sorted({1, k}), named=named, given=given) <= MOST


@pytest.mark.parametrize("given", [True, False])
def test_the_count_of_wrong_radii_sees_shares_passed_off_as_bounds(given: bool) -> None:
    p = short_of(2, 3, OTHERS["two strong"], 2)
    assert wrong_radii(p, "shares", ks=[3], named=2, given=given) > 2 * MOST


@pytest.mark.parametrize("rule", RULES[:2])
def test_namings_passed_off_as_votes_give_bounds_that_are_wrong(rule: str) -> None:
    # 400 ballots of two labels are no 800 votes: the chance of every label would come out halved.
    p = short_of(2, 3, OTHERS["two strong"], 2)
    counts = drawn(p)
    for named, least, most in ((2, 0.0, MOST), (1, 0.99, 1.0)):
        _, upper = bounds_of(counts, rule, named=named, given=True, k=1)
        assert least <= (upper[:, 1] < p[1]).mean() <= most


def test_lower_bounds_by_mass_hold_together_only_for_a_wth_of_the_error() -> None:
    # w urns of many equal labels, one of each named: the chances sum to w, and so do the errors.
    named, size, trials = 3, 250, 400
    chance = 1 / size
    # misses from there on
    least = next(m for m in range(1, trials) if lower_bound_by_mass(m, trials, ALPHA) > chance)
    p = np.full(size, chance)
    generator = np.random.default_rng(11)
    counts = np.concatenate(
        [generator.multinomial(trials, p, size=DRAWS) for _ in range(named)], axis=1
    )
    assert (trials_of(counts, named) == trials).all()
    naive, right = (
        (lower_bound_by_mass(np.arange(trials + 1), trials, error)[counts] > chance)
        .any(axis=1)
        .mean()
        for error in (ALPHA, ALPHA / named)
    )
    assert least > 2
    assert right <= MOST < naive


@pytest.mark.parametrize("named", [1, 2, 3])
def test_intersection_union_divides_by_the_labels_that_a_vote_names(named: int) -> None:
    counts = np.array([[50, 40, 30, 20, 10]]) * named
    trials = int(counts.sum()) // named
    lower, upper = intersection_union_bounds(counts, alpha=0.01, k=2, num_named=named)
    assert np.array_equal(lower, lower_bound_by_mass(counts, trials, 0.01 / (2 * named)))
    assert np.array_equal(upper, upper_bound(counts, trials, 0.01 / 6))
    lower, upper = intersection_union_bounds(counts, alpha=0.01, k=2, labels=[1], num_named=named)
    assert lower[0, 1] == lower_bound(counts[0, 1], trials, 0.01 / 3)
    assert upper[0, 0] == upper_bound(counts[0, 0], trials, 0.01 / 3)
