"""Intersection-union bounds: radii made of them are wrong no more often than alpha, whatever the
number of classes.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.boundary import SPACE, short_of
from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.confidence import lower_bound, simultaneous_bounds, upper_bound
from topcert.theory.intersection import intersection_union_bounds, lower_bound_by_mass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 4_000
ALPHA = 0.1


def at_most(alpha: float, draws: int = DRAWS) -> float:
    """The share of failures that a rule of level alpha stays below, but once in millions of
    seeds.
    """
    return alpha + 5 * math.sqrt(alpha * (1 - alpha) / draws)


# What is asked for.


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_named_label_has_k_plus_one_bounds(k: int) -> None:
    counts = np.array([[90, 7, 3, 0], [0, 25, 25, 50]])
    lower, upper = intersection_union_bounds(counts, alpha=0.01, k=k, labels=[0, 3])
    for row, label in enumerate((0, 3)):
        for j in range(4):
            own = j == label
            assert lower[row, j] == (
                lower_bound(counts[row, j], 100, 0.01 / (k + 1)) if own else 0.0
            )
            assert upper[row, j] == (
                1.0 if own else upper_bound(counts[row, j], 100, 0.01 / (k + 1))
            )


def test_against_all_other_labels_they_are_the_papers() -> None:
    counts = np.random.default_rng(0).multinomial(500, [0.5, 0.3, 0.1, 0.1], size=40)
    labels = np.arange(40) % 4
    ours, papers = (
        intersection_union_bounds(counts, alpha=0.01, k=3, labels=labels),
        simultaneous_bounds(counts, alpha=0.01, labels=labels),
    )
    for one, other in zip(ours, papers, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("classes", [10, 1000])
@pytest.mark.parametrize("k", [1, 3, 9])
def test_a_named_label_never_has_a_smaller_radius_than_with_simuem(classes: int, k: int) -> None:
    generator = np.random.default_rng(k)
    counts = generator.multinomial(2000, generator.dirichlet(np.full(classes, 0.1), size=200))
    labels = counts.argmax(axis=1)
    ours, papers = (
        certified_radius(*bounds, labels, k=k, **SPACE)
        for bounds in (
            intersection_union_bounds(counts, alpha=0.001, k=k, labels=labels),
            simultaneous_bounds(counts, alpha=0.001, labels=labels),
        )
    )
    assert (ours >= papers).all()
    assert (ours > papers).any() == (k + 1 < classes)


def test_the_most_voted_rivals_stand_for_all_sets_of_rivals() -> None:
    # The rule claims r only if every set of k rivals passes on its own; the k most voted decide,
    # also among ties.
    generator = np.random.default_rng(1)
    for counts in generator.multinomial(60, [0.6, 0.1, 0.1, 0.1, 0.1], size=25):
        for k in (1, 2, 3):
            lower, upper = intersection_union_bounds(counts[None], alpha=0.1, k=k, labels=[0])
            found = certified_radius(lower, upper, [0], k=k, num_features=12, num_kept=2)[0]
            alone = [
                certified_radius(
                    lower[:, [0, *some]],
                    upper[:, [0, *some]],
                    [0],
                    k=k,
                    num_features=12,
                    num_kept=2,
                )[0]
                for some in itertools.combinations(range(1, 5), k)
            ]
            assert found == min(alone)


# Lower bounds of all labels together.


def exact_tail(successes: int, trials: int, chance: Fraction) -> Fraction:
    terms = (
        math.comb(trials, i) * chance**i * (1 - chance) ** (trials - i)
        for i in range(successes, trials + 1)
    )
    return sum(terms, start=Fraction(0))


@pytest.mark.parametrize("error", [0.05, 1e-4])
def test_a_bound_by_mass_is_wrong_with_chance_error_times_itself(error: float) -> None:
    trials = 60
    found = lower_bound_by_mass(np.arange(trials + 1), trials, error)
    assert found[:2].tolist() == [0.0, 0.0]
    assert (np.diff(found[2:]) > 0).all()
    for successes, bound in list(enumerate(found.tolist()))[2::7]:
        exact = Fraction(bound)
        assert exact_tail(successes, trials, exact) <= Fraction(error) * exact
        # what steps are left to take
        more = exact * (1 + Fraction(1, 10**4) + 25 * Fraction(1, successes**6))
        assert exact_tail(successes, trials, more) > Fraction(error) * more
        # so a probability below the bound is missed no more often than it may be
        for smaller in (exact / 2, exact / 10):
            assert exact_tail(successes, trials, smaller) <= Fraction(error) * smaller


def test_a_bound_by_mass_costs_a_likely_label_little_and_does_without_the_number_of_classes() -> (
    None
):
    plain, by_mass, by_classes = (
        lower_bound(700, 1000, 0.001),
        lower_bound_by_mass(700, 1000, 0.001),
        lower_bound(700, 1000, 0.001 / 1000),
    )
    assert by_classes < by_mass < plain
    assert plain - by_mass < 0.15 * (plain - by_classes)


MANY = {
    "a thousand equal labels": np.full(1000, 1 / 1000),
    "one and a thousand": np.array([0.5] + [0.0005] * 1000),
    "two": np.array([0.5, 0.5]),
    "falling": 0.5 ** np.arange(1, 40),
}


def errors_of_lower_bounds(probabilities: Floats, *, by_mass: bool) -> float:
    counts = np.random.default_rng(7).multinomial(
        400, probabilities / probabilities.sum(), size=DRAWS
    )
    table = (lower_bound_by_mass if by_mass else lower_bound)(np.arange(401), 400, ALPHA)
    return float((table[counts] > probabilities / probabilities.sum()).any(axis=1).mean())


@pytest.mark.parametrize("case", MANY)
def test_lower_bounds_by_mass_hold_together(case: str) -> None:
    assert errors_of_lower_bounds(MANY[case], by_mass=True) <= at_most(ALPHA)


def test_the_test_of_lower_bounds_would_notice_bounds_that_hold_one_by_one() -> None:
    assert errors_of_lower_bounds(MANY["a thousand equal labels"], by_mass=False) > 2 * ALPHA


# Radii. Label 0 falls just short of a radius, against k rivals of which each may come out too low.


OTHERS = {
    "even": np.full(19, 1 / 19),
    "one strong": np.array([0.9, *[0.1 / 200] * 200]),
    "falling": (0.6 ** np.arange(12)) / (0.6 ** np.arange(12)).sum(),
}


def wrong_radii(p: Floats, *, ks: list[int], named: bool, honest: bool) -> float:
    """The share of samples in which a label gets a radius that is too large, for any of the k."""
    counts = np.random.default_rng(len(p)).multinomial(500, p, size=DRAWS // 2)
    if honest:
        lower, upper = intersection_union_bounds(
            counts,
            alpha=ALPHA,
            k=max(ks),
            labels=np.zeros(len(counts), np.int64) if named else None,
        )
    else:
        lower = upper = counts / 500
    wrong = np.zeros(len(counts), np.bool_)
    shown = (
        np.zeros((len(counts), 1), np.int64)
        if named
        else np.argsort(-counts, axis=1, kind="stable")[:, : max(ks)]
    )
    every = np.tile(p, (len(p), 1))
    true = certified_radius(every, every, np.arange(len(p)), k=ks, **SPACE)
    for rank in range(shown.shape[1]):
        found = certified_radius(lower, upper, shown[:, rank], k=ks, **SPACE)
        counted = [column for column, k in enumerate(ks) if named or k > rank]
        wrong |= (found[:, counted] > true[shown[:, rank]][:, counted]).any(axis=1)
    return float(wrong.mean())


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("case", OTHERS)
@pytest.mark.parametrize(("k", "radius"), [(1, 1), (3, 0), (3, 2)])
def test_radii_are_wrong_no_more_often_than_alpha(
    case: str, k: int, radius: int, named: bool
) -> None:
    p = short_of(radius, k, OTHERS[case])
    assert certified_radius(p[None], p[None], [0], k=k, **SPACE)[0] == radius - 1
    assert wrong_radii(p, ks=sorted({1, k}), named=named, honest=True) <= at_most(ALPHA, DRAWS // 2)


@pytest.mark.parametrize("named", [True, False])
def test_the_count_of_wrong_radii_sees_shares_passed_off_as_bounds(named: bool) -> None:
    p = short_of(1, 1, OTHERS["one strong"])
    assert wrong_radii(p, ks=[1], named=named, honest=False) > 2 * at_most(ALPHA, DRAWS // 2)


def test_a_label_without_votes_is_not_certified() -> None:
    lower, upper = intersection_union_bounds([[0, 1, 99]], alpha=0.5, k=2)
    assert lower[0, :2].tolist() == [0.0, 0.0]
    assert certified_radius(lower, upper, [0], k=2, num_features=9, num_kept=2)[0] == ABSTAIN


@pytest.mark.parametrize(
    ("k", "alpha", "message"),
    [
        (0, 0.1, r"k must lie in 1 \.\. classes - 1 = 2, got 0"),
        (3, 0.1, "got 3"),
        (1, 1.0, "alpha must lie in"),
    ],
)
def test_what_does_not_fit_is_refused(k: int, alpha: float, message: str) -> None:
    for labels in (None, [0]):
        with pytest.raises(ValueError, match=message):
            intersection_union_bounds([[5, 3, 2]], alpha=alpha, k=k, labels=labels)
