"""Theorem 1 with ballots: never unsound, exactly tight for two labels named, and the paper's for
one.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.theory.oracle import ballots_hold, oracle_radius
from tests.theory.test_exactness import true_radii as true_radii_of_votes
from topcert.theory.certified_radius import ABSTAIN, _bar, certified_radius, room
from topcert.theory.witness import TightnessWitness, tightness_witness

many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Brute force. What ballots can do is settled by counts: any counts of at most n each that sum to n
# w are those of n ballots of w different labels (dealt out in turn, a label's namings go to
# different ballots); a test below tries it on ballots.


@lru_cache(maxsize=256)
def namings(ballots: int, classes: int, named: int) -> NDArray[np.int64]:
    """All counts of so many ballots, `(ways, classes)`."""
    ways = [
        way
        for way in itertools.product(range(ballots + 1), repeat=classes)
        if sum(way) == ballots * named
    ]
    return np.array(ways, np.int64)


def level_rivals(total: int, common: int, classes: int, named: int) -> NDArray[np.int64]:
    """For each of `namings(total, ...)`: the most rivals that an attacker can put level with label
    0 or above.
    """
    clean, gifts = namings(total, classes, named), namings(total - common, classes, named)
    out = np.full(len(clean), -1)
    for kept in namings(common, classes, named):
        named_labels = kept + gifts
        best = int((named_labels[:, 1:] >= named_labels[:, :1]).sum(axis=1).max())
        possible = ((kept <= clean) & (clean - kept <= total - common)).all(axis=1)
        out[possible] = np.maximum(out[possible], best)
    return out


def true_radii(num_features: int, num_kept: int, classes: int, named: int) -> NDArray[np.int64]:
    """The radius that no attack breaks, for all bounds: int `(k, own, limit of rival 1, ...)`, k
    from 1.
    """
    total = math.comb(num_features, num_kept)
    sizes = (total + 1,) * classes
    clean = namings(total, classes, named)
    radii = np.full((classes - 1, *sizes), num_features, np.int64)
    for r in reversed(range(num_features + 1)):
        rivals = level_rivals(total, math.comb(num_features - r, num_kept), classes, named)
        for k in range(1, classes):
            breaks = np.zeros(sizes, np.bool_)
            breaks[tuple(clean[rivals >= k].T)] = True
            breaks = np.flip(np.logical_or.accumulate(np.flip(breaks, 0), axis=0), 0)
            for axis in range(1, classes):
                breaks = np.logical_or.accumulate(breaks, axis=axis)
            radii[k - 1][breaks] = r - 1
    return radii


def exact_radius(
    own: int, limits: list[int], *, k: int, num_features: int, num_kept: int, named: int
) -> int:
    """What docs/theory/theorem-h.md proves to be exact: what voided masks must name of Y_t is
    counted by all bounds.
    """
    total, ordered = math.comb(num_features, num_kept), sorted(limits)
    for r in range(num_features + 1):
        voided = total - math.comb(num_features - r, num_kept)
        passed = k >= named and (k + 1) * (own - voided) > named * total
        for t in range(1, k + 1):
            mine, others = ordered[-k:][:t], ordered[:-k] + ordered[-k:][t:]
            must = max(0, (named - 1) * voided - sum(min(limit, voided) for limit in others))
            passed = passed or t * (own - voided) > sum(mine) - must + min(t, named) * voided
        if not passed:
            return r - 1
    return num_features


SPACES = [
    (d, e, c, w)
    for d, e, c in [(2, 1, 5), (3, 1, 5), (4, 1, 4), (5, 1, 3), (4, 2, 3), (4, 3, 4)]
    for w in range(2, c)
]


@pytest.mark.parametrize(("num_features", "num_kept", "classes", "named"), [*SPACES, (4, 1, 5, 3)])
def test_the_radius_is_what_brute_force_over_all_attacks_finds(
    num_features: int, num_kept: int, classes: int, named: int
) -> None:
    total = math.comb(num_features, num_kept)
    expected = true_radii(num_features, num_kept, classes, named)
    # own count, then the rivals' limits
    grid = np.indices(expected.shape[1:]).reshape(classes, -1).T
    # else the limits alone prove more of label 0 than its own bound says
    grid = grid[grid.sum(axis=1) >= named * total]
    lower, upper = np.zeros_like(grid), np.full_like(grid, total)
    lower[:, 0], upper[:, 1:] = grid[:, 0], grid[:, 1:]
    found = certified_radius(
        lower,
        upper,
        np.zeros(len(grid), np.int64),
        k=range(1, classes),
        num_features=num_features,
        num_kept=num_kept,
        num_named=named,
    )
    true = np.stack([expected[k][tuple(grid.T)] for k in range(classes - 1)], axis=1)
    assert (found <= true).all()
    assert (found > ABSTAIN).any()
    loose = np.argwhere(found != true)
    if named <= 2 or named == classes - 1:
        assert not len(loose)
    if (num_features, classes, named) == (4, 5, 3):
        assert len(loose) == 12  # one case, by its order of rivals
    for row, column in [*loose.tolist(), *np.argwhere(found == true)[::97].tolist()]:
        space = {"num_features": num_features, "num_kept": num_kept, "named": named}
        assert (
            exact_radius(int(grid[row, 0]), grid[row, 1:].tolist(), k=column + 1, **space)
            == true[row, column]
        )


def test_where_three_labels_are_named_a_radius_may_be_one_too_small() -> None:
    # A voided mask names l, the label that is always named, and one of two others: not two of
    # those, as the cap has it.
    counts = [4, 0, 2, 2, 4]
    space = {"num_features": 4, "num_kept": 1}
    assert certified_radius([counts], [counts], [0], k=3, num_named=3, **space)[0] == 0
    assert exact_radius(4, counts[1:], k=3, named=3, **space) == 1
    witness = tightness_witness(counts, counts, 0, k=3, num_named=3, **space)
    assert witness.radius == 1
    assert_breaks(witness, 4, counts, 0, 3, 4, 1, 3)


@pytest.mark.parametrize(("num_features", "num_kept", "classes"), [(3, 1, 4), (3, 2, 3)])
def test_one_label_named_is_the_brute_force_of_votes(
    num_features: int, num_kept: int, classes: int
) -> None:
    ours = true_radii(num_features, num_kept, classes, 1)
    assert np.array_equal(ours, true_radii_of_votes(num_features, num_kept, classes))


@pytest.mark.parametrize(
    ("num_features", "num_kept", "classes", "named"), [(3, 1, 4, 2), (3, 2, 3, 2), (2, 1, 5, 3)]
)
def test_counting_is_trying_every_ballot(
    num_features: int, num_kept: int, classes: int, named: int
) -> None:
    """All f, all R, all ballots of voided masks: what the best attack on any f of some counts does
    is what counts say.
    """
    kept = list(itertools.combinations(range(num_features), num_kept))
    ballots = np.zeros((math.comb(classes, named), classes), np.int64)
    for row, ballot in enumerate(itertools.combinations(range(classes), named)):
        ballots[row, list(ballot)] = 1
    for r in range(num_features + 1):
        best = dict.fromkeys(map(tuple, namings(len(kept), classes, named).tolist()), -1)
        for changed in itertools.combinations(range(num_features), r):
            voided = [bool(set(some) & set(changed)) for some in kept]
            gifts = np.array(
                [ballots[list(way)].sum(axis=0) for way in every(len(ballots), sum(voided))]
            )
            for message in every(len(ballots), len(kept)):
                mine = ballots[list(message)]
                after = mine[~np.array(voided)].sum(axis=0) + gifts
                found = int((after[:, 1:] >= after[:, :1]).sum(axis=1).max())
                counts = tuple(mine.sum(axis=0).tolist())
                best[counts] = max(best[counts], found)
        common = math.comb(num_features - r, num_kept)
        assert list(best.values()) == level_rivals(len(kept), common, classes, named).tolist()


def every(choices: int, places: int) -> itertools.product[tuple[int, ...]]:
    return itertools.product(range(choices), repeat=places)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t, _w, _c: t + 1,  # the paper's factor: a voided mask helps all of min(t, w)
        lambda t, w, c: t + min(t, w) - max(0, w - c + t) - 1,
        lambda t, w, c: t + min(t, w - 1) - max(0, w - c + t),
    ],
)
def test_the_brute_force_would_notice_a_smaller_factor(wrong: object) -> None:
    assert callable(wrong)
    total, classes, named, unsound = 5, 4, 2, 0
    clean = namings(total, classes, named)
    for voided in range(1, total):
        rivals = level_rivals(total, total - voided, classes, named)
        for counts, level in zip(clean.tolist(), rivals.tolist(), strict=True):
            for k in range(1, classes):
                sums = np.cumsum(sorted(counts[1:])[-k:])
                passed = any(
                    t * counts[0] - sums[t - 1] > wrong(t, named, classes) * voided
                    for t in range(1, k + 1)
                )
                unsound += passed and level >= k
    assert unsound


# The fast radius is the oracle's, and no bound is ever on the wrong side of it.


@st.composite
def ballot_counts(draw: st.DrawFn) -> tuple[int, int, int, list[int], list[int], int, int]:
    """Bounds in whole namings, loose or tight, the label's attained: d, e, label, lower, upper, k,
    w.
    """
    num_features = draw(st.integers(1, 8))
    num_kept = draw(st.integers(1, num_features))
    total = math.comb(num_features, num_kept)
    classes = draw(st.integers(2, 7))
    named, k = draw(st.integers(1, classes - 1)), draw(st.integers(1, classes - 1))
    label = draw(st.integers(0, classes - 1))
    left, counts = named * total, []
    places = [label, *(j for j in range(classes) if j != label)]
    for after in reversed(range(classes)):
        least, most = max(0, left - after * total), min(total, left)
        counts.append(draw(st.one_of(st.just(most), st.integers(least, most))))
        left -= counts[-1]
    message = [counts[places.index(j)] for j in range(classes)]
    slack = st.one_of(st.just(0), st.integers(0, 2), st.integers(0, total))
    lower = [max(count - draw(slack), 0) for count in message]
    upper = [min(count + draw(slack), total) for count in message]
    lower[label] = max(lower[label], named * total - sum(upper) + upper[label])
    return num_features, num_kept, label, lower, upper, k, named


@many
@given(case=ballot_counts(), form=st.sampled_from(["integer", "fraction", "float"]))
def test_the_radius_is_the_oracles(
    case: tuple[int, int, int, list[int], list[int], int, int], form: str
) -> None:
    num_features, num_kept, label, lower, upper, k, named = case
    total = math.comb(num_features, num_kept)
    space = {"k": k, "num_features": num_features, "num_kept": num_kept, "num_named": named}
    if form == "integer":
        low, up = np.array([lower]), np.array([upper])
    elif form == "fraction":
        low, up = (
            np.array([[Fraction(count, total) for count in side]], object)
            for side in (lower, upper)
        )
    else:
        low, up = (np.array([[count / total for count in side]]) for side in (lower, upper))
    assert certified_radius(low, up, [label], **space)[0] == oracle_radius(
        lower, upper, label, **space
    )


@many
@given(case=ballot_counts(), data=st.data())
def test_better_bounds_and_more_places_never_shrink_a_radius(
    case: tuple[int, int, int, list[int], list[int], int, int], data: st.DataObject
) -> None:
    num_features, num_kept, label, lower, upper, _, named = case
    total, classes = math.comb(num_features, num_kept), len(upper)
    space = {"num_features": num_features, "num_kept": num_kept, "num_named": named}
    found = certified_radius([lower], [upper], [label], k=range(1, classes), **space)[0]
    assert (np.diff(found) >= 0).all()
    better = [lower.copy(), upper.copy()]
    better[0][label] = data.draw(st.integers(lower[label], total))
    for j in range(classes):
        if j != label:
            better[1][j] = data.draw(st.integers(0, upper[j]))
            better[0][j] = 0
    better[1][label] = total
    assert (
        certified_radius([better[0]], [better[1]], [label], k=range(1, classes), **space)[0]
        >= found
    ).all()


@pytest.mark.parametrize(("num_features", "num_kept"), [(66, 33), (1024, 50), (50176, 1000)])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_rounding_in_huge_spaces_errs_towards_smaller_radii(
    num_features: int, num_kept: int, data: st.DataObject
) -> None:
    classes = data.draw(st.integers(2, 9))
    named, k = data.draw(st.integers(1, classes - 1)), data.draw(st.integers(1, classes - 1))
    r = data.draw(st.integers(0, 9))
    v = 1 - math.comb(num_features - r, num_kept) / math.comb(num_features, num_kept)
    others = [data.draw(st.sampled_from([0.0, 0.1, 0.3, 1.0])) for _ in range(classes - 1)]
    t = data.draw(st.integers(1, k))
    voided = t + min(t, named) - max(0, named - classes + t)
    # where t is an equality at r, but for rounding
    at_the_bar = (sum(sorted(others)[-k:][:t]) + voided * v) / t
    own = min(
        max(data.draw(st.sampled_from([at_the_bar, math.nextafter(at_the_bar, 2), 0.9, 1.0])), 0.0),
        1.0,
    )
    space = {"k": k, "num_features": num_features, "num_kept": num_kept, "num_named": named}
    found = int(
        certified_radius([[own, *[0.0] * (classes - 1)]], [[1.0, *others]], [0], **space)[0]
    )
    rivals = sorted(Fraction(value) for value in others)[-k:]
    total = math.comb(num_features, num_kept)
    beta = [
        Fraction(math.comb(num_features - place, num_kept), total)
        for place in (max(found, 0), found + 1)
    ]
    slack = Fraction(1, 2**48)  # floats are first moved outward by an ulp, and sums of nine of them
    if found > ABSTAIN:  # proven without rounding, and Eq. 4 would only help
        assert ballots_hold(Fraction(own), rivals, beta[0], classes, named)
    assert not ballots_hold(Fraction(own) - slack, rivals, beta[1], classes, named)


# One label named is the paper, to the bit.


@many
@given(
    won=st.integers(0, 10**6),
    rivals=st.lists(st.integers(0, 10**6), min_size=1, max_size=6),
    more=st.integers(1, 4),
)
def test_one_label_named_has_the_bar_of_eq_6(won: int, rivals: list[int], more: int) -> None:
    grid = 10**6
    taken = np.cumsum(sorted(rivals))
    capped = np.minimum(taken, grid - won)[None]
    t = np.arange(1, len(rivals) + 1)
    expected = ((capped + grid + t * (grid - won)) // (t + 1)).min(axis=1)
    weakest_first = np.array(sorted(rivals))[:, None]
    found = _bar(np.array([won]), weakest_first, len(rivals) + more, 1, grid)
    assert found.tolist() == expected.tolist()
    assert room(len(rivals)) == room(len(rivals), 1) == 1 << (62 - (len(rivals) + 2).bit_length())


def test_more_named_labels_keep_all_numbers_below_63_bits() -> None:
    for classes in (3, 10, 1000):
        for named in {1, 2, classes // 2, classes - 1}:
            k = classes - 1
            grid = room(k, named)
            rivals = np.full((k, 1), grid, object)  # each may have all
            for own in (0, grid):
                exact = _bar(np.array([own], object), rivals, classes, named, grid)
                fast = _bar(np.array([own]), rivals.astype(np.int64), classes, named, grid)
                assert exact.tolist() == fast.tolist()


# Witnesses.


def assert_breaks(
    witness: TightnessWitness,
    own: int,
    limits: list[int],
    label: int,
    k: int,
    num_features: int,
    num_kept: int,
    named: int,
) -> None:
    """All that a counterexample must do, checked from the definitions."""
    total, classes = math.comb(num_features, num_kept), len(limits)
    assert sorted(map(tuple, witness.kept.tolist())) == list(
        itertools.combinations(range(num_features), num_kept)
    )
    assert len(set(witness.changed.tolist())) == len(witness.changed) == witness.radius + 1
    shape = (total,) if named == 1 else (total, named)
    assert witness.clean.shape == witness.attacked.shape == shape
    for message in (witness.clean, witness.attacked):
        assert all(len(set(ballot)) == named for ballot in message.reshape(total, named).tolist())
    clean, attacked = (
        np.bincount(message.ravel(), minlength=classes)
        for message in (witness.clean, witness.attacked)
    )
    assert len(clean) == len(attacked) == classes
    assert clean[label] >= own
    assert all(clean[j] <= limits[j] for j in range(classes) if j != label)
    touched = np.isin(witness.kept, witness.changed).any(axis=1)
    assert np.array_equal(witness.clean[~touched], witness.attacked[~touched])
    assert sum(attacked[j] >= attacked[label] for j in range(classes) if j != label) >= k


@many
@given(case=ballot_counts())
def test_one_more_changed_feature_breaks_the_label(
    case: tuple[int, int, int, list[int], list[int], int, int],
) -> None:
    num_features, num_kept, label, lower, upper, k, named = case
    space = {"k": k, "num_features": num_features, "num_kept": num_kept, "num_named": named}
    witness = tightness_witness(lower, upper, label, **space)
    found = int(certified_radius([lower], [upper], [label], **space)[0])
    assert witness.radius == found if named <= 2 else witness.radius >= found
    assert_breaks(witness, lower[label], upper, label, k, num_features, num_kept, named)


@pytest.mark.parametrize(
    ("named", "message"),
    [(0, r"1 \.\. classes - 1 = 2 labels, got num_named 0"), (3, "got num_named 3")],
)
def test_ballots_of_none_or_of_all_labels_are_refused(named: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        certified_radius(
            [[3, 0, 0]], [[3, 3, 3]], [0], k=1, num_features=3, num_kept=1, num_named=named
        )


def test_a_lower_bound_that_no_ballots_are_down_at_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"label 0 has at least 3 of 3 .* its lower bound is 2 of 3: raise it"
    ):
        tightness_witness([2, 0, 0], [3, 2, 1], 0, k=1, num_features=3, num_kept=1, num_named=2)
