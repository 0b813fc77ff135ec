"""The radius is never unsound and never loose: brute force over whole small spaces, and explicit
counterexamples.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.witness import TightnessWitness, tightness_witness

# Brute force. What an attack on changed features does to the votes is settled by counts: the clean
# votes of the N kept sets, how many of them lie in C (common to x and x + delta, M of them), and
# what the attacker makes of the N - M in B. Every division of the votes into C and A, and every
# gift of B, is some base classifier's doing.


@lru_cache(maxsize=256)
def divisions(total: int, parts: int) -> NDArray[np.int64]:
    """All ways to share `total` votes among `parts` labels, `(ways, parts)`."""
    bars = itertools.combinations(range(total + parts - 1), parts - 1)
    edges = np.array([(-1, *bar, total + parts - 1) for bar in bars], np.int64)
    return np.diff(edges, axis=1) - 1


def broken_clean_votes(total: int, common: int, classes: int) -> NDArray[np.int64]:
    """For every way to share the clean votes: the most rivals that an attacker can put level with
    label 0 or above.
    """
    gifts = divisions(total - common, classes)
    kept = divisions(common, classes)
    best = np.array(
        [((votes + gifts)[:, 1:] >= (votes + gifts)[:, :1]).sum(axis=1).max() for votes in kept]
    )
    clean = divisions(total, classes)
    # the votes in C are some of the clean ones
    possible = (kept[None] <= clean[:, None]).all(axis=2)
    return np.where(possible, best[None], -1).max(axis=1)


def true_radii(num_features: int, num_kept: int, classes: int) -> NDArray[np.int64]:
    """The radius that no attack breaks, for all bounds: int `(k, own, limit of rival 1, ...)`, k
    from 1.

    The bounds allow every clean vote with at least `own` votes for label 0 and at most the limits
    for its rivals.
    """
    total = math.comb(num_features, num_kept)
    clean = divisions(total, classes)
    sizes = (total + 1,) * classes
    radii = np.full((classes - 1, *sizes), num_features, np.int64)
    for r in reversed(range(num_features + 1)):
        rivals = broken_clean_votes(total, math.comb(num_features - r, num_kept), classes)
        for k in range(1, classes):
            breaks = np.zeros(sizes, np.bool_)
            breaks[tuple(clean[rivals >= k].T)] = True
            breaks = np.flip(np.logical_or.accumulate(np.flip(breaks, 0), axis=0), 0)
            for axis in range(1, classes):
                breaks = np.logical_or.accumulate(breaks, axis=axis)
            radii[k - 1][breaks] = r - 1
    return radii


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize(
    ("num_features", "num_kept"), [(d, e) for d in range(1, 7) for e in range(1, d + 1)]
)
def test_the_radius_is_what_brute_force_over_all_attacks_finds(
    num_features: int, num_kept: int, classes: int
) -> None:
    total = math.comb(num_features, num_kept)
    expected = true_radii(num_features, num_kept, classes)
    # own count, then the rivals' limits
    grid = np.indices(expected.shape[1:]).reshape(classes, -1).T
    # else the limits alone prove more of label 0 than its own bound says
    attained = grid.sum(axis=1) >= total
    label = classes - 1
    lower, upper = np.zeros_like(grid), np.full_like(grid, total)
    lower[:, label] = grid[:, 0]
    upper[:, :label] = grid[:, 1:]
    found = certified_radius(
        lower,
        upper,
        np.full(len(grid), label),
        k=range(1, classes),
        num_features=num_features,
        num_kept=num_kept,
    )
    for k in range(1, classes):
        true = expected[k - 1].reshape(-1)
        assert (found[:, k - 1] <= true).all()  # sound
        assert (found[attained, k - 1] == true[attained]).all()  # and never loose
    assert attained.any()

    # Raised to what the limits prove, the label's bound is attained and the radius exact for all
    # bounds whatever.
    lower[:, label] = np.maximum(grid[:, 0], total - grid[:, 1:].sum(axis=1))
    raised = certified_radius(
        lower,
        upper,
        np.full(len(grid), label),
        k=range(1, classes),
        num_features=num_features,
        num_kept=num_kept,
    )
    assert np.array_equal(raised, expected.reshape(classes - 1, -1).T)


def test_the_brute_force_knows_a_case_by_hand() -> None:
    # d = 3, e = 1, two classes: one changed feature turns one vote. 3 : 0 survives it (2 : 1), and
    # 2 : 1 does not.
    radii = true_radii(3, 1, 2)[0]
    assert radii[3, 0] == 1
    assert radii[2, 1] == 0
    assert radii[1, 2] == ABSTAIN


def test_the_brute_force_would_notice_a_radius_one_too_large_or_too_small() -> None:
    true = true_radii(5, 2, 3)
    grid = np.indices(true.shape[1:]).reshape(3, -1).T
    lower, upper = np.zeros_like(grid), np.full_like(grid, 10)
    lower[:, 0], upper[:, 1:] = grid[:, 0], grid[:, 1:]
    found = certified_radius(
        lower, upper, np.zeros(len(grid), np.int64), k=2, num_features=5, num_kept=2
    )
    attained = grid.sum(axis=1) >= 10
    flat = true[1].reshape(-1)[attained]
    assert not (found[attained] + 1 <= flat).all()
    assert not (found[attained] - 1 == flat).all()
    assert set(flat.tolist()) >= {ABSTAIN, 0, 1}


# Witnesses.

sizes = st.integers(1, 8).flatmap(lambda d: st.tuples(st.just(d), st.integers(1, d)))


@st.composite
def bounds(draw: st.DrawFn) -> tuple[int, int, int, list[int], list[int], int]:
    """Bounds in whole votes, loose or tight, whose lower bound of the label is attained: d, e,
    label, lower, upper, k.
    """
    num_features, num_kept = draw(sizes)
    total = math.comb(num_features, num_kept)
    classes = draw(st.integers(2, 6))
    label = draw(st.integers(0, classes - 1))
    spare = total - draw(st.one_of(st.integers(0, total), st.integers(total // 2, total)))
    votes = []
    for _ in range(classes - 2):
        votes.append(draw(st.integers(0, spare)))
        spare -= votes[-1]
    votes.append(spare)
    votes.insert(label, total - sum(votes))
    slack = st.one_of(st.just(0), st.integers(0, total))
    lower = [max(count - draw(slack), 0) for count in votes]
    upper = [min(count + draw(slack), total) for count in votes]
    lower[label] = max(lower[label], total - sum(upper) + upper[label])
    return num_features, num_kept, label, lower, upper, draw(st.integers(1, classes - 1))


def assert_breaks(
    witness: TightnessWitness,
    own: int,
    limits: list[int],
    label: int,
    k: int,
    num_features: int,
    num_kept: int,
) -> None:
    """All that a counterexample must do, checked from the definitions."""
    total = math.comb(num_features, num_kept)
    classes = len(limits)
    assert sorted(map(tuple, witness.kept.tolist())) == list(
        itertools.combinations(range(num_features), num_kept)
    )
    assert len(set(witness.changed.tolist())) == len(witness.changed) == witness.radius + 1
    assert all(0 <= feature < num_features for feature in witness.changed.tolist())
    clean, attacked = (
        np.bincount(votes, minlength=classes) for votes in (witness.clean, witness.attacked)
    )
    assert len(clean) == len(attacked) == classes  # no label is invented
    assert clean.sum() == attacked.sum() == total
    assert clean[label] >= own
    assert all(clean[j] <= limits[j] for j in range(classes) if j != label)
    touched = np.isin(witness.kept, witness.changed).any(axis=1)
    assert np.array_equal(witness.clean[~touched], witness.attacked[~touched])
    assert sum(attacked[j] >= attacked[label] for j in range(classes) if j != label) >= k


many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(case=bounds(), form=st.sampled_from(["integer", "fraction"]))
def test_one_more_changed_feature_breaks_the_label(
    case: tuple[int, int, int, list[int], list[int], int], form: str
) -> None:
    num_features, num_kept, label, lower, upper, k = case
    total = math.comb(num_features, num_kept)
    low: list[Any] = lower if form == "integer" else [Fraction(count, total) for count in lower]
    up: list[Any] = upper if form == "integer" else [Fraction(count, total) for count in upper]
    witness = tightness_witness(low, up, label, k=k, num_features=num_features, num_kept=num_kept)
    found = certified_radius(
        [low], [up], [label], k=k, num_features=num_features, num_kept=num_kept
    )
    assert witness.radius == found[0]
    assert_breaks(witness, lower[label], upper, label, k, num_features, num_kept)


@settings(max_examples=100, deadline=None)
@given(case=bounds())
def test_float_bounds_have_a_witness_too(
    case: tuple[int, int, int, list[int], list[int], int],
) -> None:
    num_features, num_kept, label, lower, upper, k = case
    total = math.comb(num_features, num_kept)
    low, up = (np.array(counts) / total for counts in (lower, upper))
    witness = tightness_witness(low, up, label, k=k, num_features=num_features, num_kept=num_kept)
    # A float within its last place of m/N means m votes, so the counts are met as they are.
    assert_breaks(witness, lower[label], upper, label, k, num_features, num_kept)


def test_an_abstained_label_is_beaten_with_nothing_changed() -> None:
    witness = tightness_witness([5, 0, 0], [15, 6, 4], 0, k=1, num_features=6, num_kept=2)
    assert witness.radius == ABSTAIN
    assert witness.changed.tolist() == []
    assert np.array_equal(witness.clean, witness.attacked)
    assert_breaks(witness, 5, [15, 6, 4], 0, 1, 6, 2)


def test_a_certain_label_falls_when_too_few_features_are_left_to_keep() -> None:
    witness = tightness_witness([15, 0, 0], [15, 0, 0], 0, k=2, num_features=6, num_kept=2)
    assert witness.radius == 2
    assert np.bincount(witness.clean, minlength=3).tolist() == [15, 0, 0]
    assert_breaks(witness, 15, [15, 0, 0], 0, 2, 6, 2)


def test_a_space_of_thousands_of_kept_sets_has_a_witness() -> None:
    total = math.comb(40, 3)
    lower, upper = np.array([0.7, 0.0, 0.0, 0.0]), np.array([0.8, 0.2, 0.1, 0.05])
    witness = tightness_witness(lower, upper, 0, k=2, num_features=40, num_kept=3)
    assert witness.radius > 0
    limits = [math.floor(Fraction(value) * total) for value in upper.tolist()]
    assert_breaks(witness, math.ceil(Fraction(0.7) * total), limits, 0, 2, 40, 3)


def test_a_lower_bound_that_no_classifier_is_down_at_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"label 0 has at least 11 of 15 .* its lower bound is 10 of 15: raise it"
    ):
        tightness_witness([10, 0, 0], [15, 2, 2], 0, k=1, num_features=6, num_kept=2)


def test_spaces_too_large_to_list_are_refused() -> None:
    with pytest.raises(ValueError, match=r"C\(1024, 50\) kept sets are too many to list"):
        tightness_witness([0.9, 0.0], [1.0, 0.1], 0, k=1, num_features=1024, num_kept=50)


def test_bad_bounds_are_refused_as_the_radius_refuses_them() -> None:
    with pytest.raises(ValueError, match="lower bounds must be in"):
        tightness_witness([math.nan, 0.0], [1.0, 0.1], 0, k=1, num_features=6, num_kept=2)
    with pytest.raises(ValueError, match="label 2 is out of range"):
        tightness_witness([0.9, 0.0], [1.0, 0.1], 2, k=1, num_features=6, num_kept=2)
