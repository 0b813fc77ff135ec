"""Probability bounds hold at the stated error, waste almost none of it, and hold jointly."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.theory import confidence
from topcert.theory.confidence import lower_bound, simultaneous_bounds, upper_bound

LOOSE = 1e-9  # relative: a bound moved inward by this much is wrong too often
BITS = 220

Bound = Callable[[int, int, float], NDArray[np.float64]]


def exact_tail(successes: int, trials: int, chance: Fraction) -> Fraction:
    """Pr(X >= successes) of a binomial X, in integers."""
    top, bottom = chance.numerator, chance.denominator
    terms = (
        math.comb(trials, i) * top**i * (bottom - top) ** (trials - i)
        for i in range(successes, trials + 1)
    )
    return Fraction(sum(terms), bottom**trials)


def precise_tail(successes: int, trials: int, chance: Fraction) -> mpmath.mpf:
    """The same to 50 digits, for any number of trials: the first term, times the sum of the ratios
    of the others.

    The ratios fall where successes exceed trials x chance, as they do here.
    """
    odds = (chance.numerator << BITS) // (chance.denominator - chance.numerator)
    term, total, i = 1 << BITS, 0, successes
    while term:
        total += term
        term = (term * (trials - i) * odds // (i + 1)) >> BITS
        i += 1
    with mpmath.workdps(60):
        p, q = (mpmath.mpf(part.numerator) / part.denominator for part in (chance, 1 - chance))
        log_binomial = mpmath.loggamma(trials + 1) - mpmath.loggamma(successes + 1)
        log_binomial -= mpmath.loggamma(trials - successes + 1)
        log_first = log_binomial + successes * mpmath.log(p) + (trials - successes) * mpmath.log(q)
        return mpmath.exp(log_first) * total / (1 << BITS)


def chance_of_error(
    bound: float, successes: int, trials: int, *, side: str, precise: bool = True
) -> mpmath.mpf | Fraction:
    """How often this many successes, or more extreme, come up where the true probability is the
    bound itself.
    """
    tail = precise_tail if precise else exact_tail
    if side == "lower":
        return tail(successes, trials, Fraction(bound))
    return tail(trials - successes, trials, 1 - Fraction(bound))


def inward(bound: float, side: str, share: float) -> float:
    return bound * (1 + share) if side == "lower" else bound * (1 - share)


def assert_sound_and_tight(
    successes: int, trials: int, error: float, *, loose: float = LOOSE, precise: bool = True
) -> None:
    limit = mpmath.mpf(error) if precise else Fraction(error)
    if successes > 0:
        bound = float(lower_bound(successes, trials, error))
        assert chance_of_error(bound, successes, trials, side="lower", precise=precise) <= limit
        tighter = inward(bound, "lower", loose)
        assert chance_of_error(tighter, successes, trials, side="lower", precise=precise) > limit
    if successes < trials:
        bound = float(upper_bound(successes, trials, error))
        if bound < 1.0:
            assert chance_of_error(bound, successes, trials, side="upper", precise=precise) <= limit
        tighter = inward(bound, "upper", loose)
        assert chance_of_error(tighter, successes, trials, side="upper", precise=precise) > limit


# The reference itself.


def test_the_precise_tail_agrees_with_the_exact_one_and_with_mpmath() -> None:
    for successes, trials, chance in [
        (3, 10, 0.01),
        (90, 150, 0.3),
        (150, 150, 0.9),
        (1, 150, 1e-9),
    ]:
        exact = exact_tail(successes, trials, Fraction(chance))
        with mpmath.workdps(60):
            reference = mpmath.mpf(exact.numerator) / exact.denominator
            assert (
                abs(precise_tail(successes, trials, Fraction(chance)) / reference - 1)
                < mpmath.mpf(10) ** -45
            )
    with mpmath.workdps(60):
        reference = mpmath.betainc(30, 1000 - 30 + 1, 0, mpmath.mpf(0.01), regularized=True)
        assert abs(precise_tail(30, 1000, Fraction(0.01)) / reference - 1) < mpmath.mpf(10) ** -40


# Clopper-Pearson.


@pytest.mark.parametrize("error", [0.3, 0.05, 1e-3, 1e-8, 1e-15])
@pytest.mark.parametrize("trials", [1, 2, 10, 57, 200])
def test_bounds_of_few_trials_are_sound_and_tight_in_exact_arithmetic(
    trials: int, error: float
) -> None:
    for successes in sorted(
        {0, 1, 2, trials // 3, trials // 2, trials - 1, trials} & set(range(trials + 1))
    ):
        assert_sound_and_tight(successes, trials, error, precise=False)


@pytest.mark.parametrize("error", [0.05, 1e-3, 1e-4 / 3, 1e-9, 1e-15])
@pytest.mark.parametrize("trials", [10, 10**3, 10**5, 10**7])
def test_bounds_of_many_trials_are_sound_and_tight_to_high_precision(
    trials: int, error: float
) -> None:
    generator = np.random.default_rng(trials)
    drawn = [int(generator.integers(3, trials - 2)), int(trials ** generator.uniform(0.2, 0.9))]
    for successes in {0, 1, 2, trials // 2, trials - 2, trials - 1, trials, *drawn}:
        assert_sound_and_tight(successes, trials, error)


@pytest.mark.parametrize("error", [0.05, 1e-3, 1e-5, 1e-10, 1e-13])
@pytest.mark.parametrize("trials", [10**4, 10**5, 10**6, 10**7])
def test_bounds_hold_where_scipys_inverse_stops_early(trials: int, error: float) -> None:
    # At a shape parameter of 1000 the inverse alone is off by up to 2e-5, and on the unsafe side as
    # often as not.
    for successes in (999, 1000, trials - 1000, trials - 999):
        assert_sound_and_tight(successes, trials, error, loose=1e-9)


@pytest.mark.parametrize("factor", [math.nan, 0.0, 0.9, 1.1, 1e3])
def test_bounds_hold_whatever_the_inverse_says(
    factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    inverses = confidence.betaincinv, confidence.betainccinv
    monkeypatch.setattr(
        confidence, "betaincinv", lambda a, b, q: np.minimum(inverses[0](a, b, q) * factor, 1.0)
    )
    monkeypatch.setattr(
        confidence, "betainccinv", lambda a, b, q: np.minimum(inverses[1](a, b, q) * factor, 1.0)
    )
    for successes in (1, 40, 99):
        below, above = (float(bound(successes, 100, 1e-3)) for bound in (lower_bound, upper_bound))
        assert chance_of_error(below, successes, 100, side="lower", precise=False) <= Fraction(1e-3)
        assert chance_of_error(above, successes, 100, side="upper", precise=False) <= Fraction(1e-3)
        assert 0.0 <= below < successes / 100 < above <= 1.0


def test_no_success_and_no_failure_prove_nothing() -> None:
    assert lower_bound([0, 0], [0, 9], 0.05).tolist() == [0.0, 0.0]
    assert upper_bound([0, 9], [0, 9], 0.05).tolist() == [1.0, 1.0]


def test_the_closed_forms_at_the_ends_agree() -> None:
    trials = np.array([1, 5, 100, 10**6])
    assert lower_bound(trials, trials, 0.001) == pytest.approx(0.001 ** (1 / trials), rel=1e-9)
    assert upper_bound(0, trials, 0.001) == pytest.approx(
        -np.expm1(np.log(0.001) / trials), rel=1e-9
    )


def test_bounds_rise_with_successes_and_widen_with_certainty() -> None:
    successes = np.arange(5001)
    for bound in (lower_bound, upper_bound):
        assert (np.diff(bound(successes, 5000, 1e-4)) > 0).all()
    middle = successes[1:-1]
    assert (lower_bound(middle, 5000, 1e-6) < lower_bound(middle, 5000, 1e-4)).all()
    assert (upper_bound(middle, 5000, 1e-6) > upper_bound(middle, 5000, 1e-4)).all()


def test_bounds_broadcast_and_keep_the_shape() -> None:
    table = lower_bound(np.arange(1, 4)[:, None], np.array([10, 20]), 0.05)
    assert table.shape == (3, 2)
    assert table[2, 1] == lower_bound(3, 20, 0.05)
    assert lower_bound(3, 20, 0.05).shape == ()


@pytest.mark.parametrize("bound", [lower_bound, upper_bound])
@pytest.mark.parametrize(
    ("successes", "trials", "error", "message"),
    [
        (7, 5, 0.05, r"successes must lie in 0 \.\. trials, got 7 of 5"),
        (-1, 5, 0.05, "successes must lie in"),
        ([1, 2, 9], [5, 5, 8], 0.05, "got 9 of 8"),
        (2.7, 5, 0.05, "successes and trials must be integers, got float64"),
        (2, 5.0, 0.05, "successes and trials must be integers"),
        (2, 5, 0.0, r"error must lie in \(0, 1\), got 0.0"),
        (2, 5, 1.0, r"error must lie in \(0, 1\), got 1.0"),
        (2, 5, math.nan, "error must lie in"),
    ],
)
def test_impossible_counts_and_errors_are_refused(
    bound: Bound, successes: int, trials: int, error: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        bound(successes, trials, error)


# All labels at once.

COUNTS = np.array([[90, 7, 3, 0], [0, 25, 25, 50], [100, 0, 0, 0]])


def test_a_named_labels_bounds_are_at_alpha_over_c() -> None:
    labels = np.array([0, 3, 1])
    lower, upper = simultaneous_bounds(COUNTS, alpha=0.01, labels=labels)
    for i, label in enumerate(labels):
        for j in range(4):
            own = j == label
            assert lower[i, j] == (lower_bound(COUNTS[i, j], 100, 0.01 / 4) if own else 0.0)
            assert upper[i, j] == (1.0 if own else upper_bound(COUNTS[i, j], 100, 0.01 / 4))


def test_bounds_of_unnamed_labels_are_at_alpha_over_2c_on_both_sides() -> None:
    lower, upper = simultaneous_bounds(COUNTS, alpha=0.01)
    assert np.array_equal(lower, lower_bound(COUNTS, 100, 0.01 / 8))
    assert np.array_equal(upper, upper_bound(COUNTS, 100, 0.01 / 8))
    assert (lower <= COUNTS / 100).all()
    assert (upper >= COUNTS / 100).all()


@pytest.mark.parametrize("trials", [3, 40, 5000])
def test_looking_bounds_up_in_a_table_changes_none(trials: int) -> None:
    # Few trials for many cells use a table of all counts; many trials for few cells, the distinct
    # counts.
    generator = np.random.default_rng(trials)
    counts = generator.multinomial(trials, [0.5, 0.2, 0.2, 0.05, 0.05], size=60)
    for part in (counts, counts[:2]):
        lower, upper = simultaneous_bounds(part, alpha=0.001)
        assert np.array_equal(lower, lower_bound(part, trials, 0.001 / 10))
        assert np.array_equal(upper, upper_bound(part, trials, 0.001 / 10))


def test_each_input_has_its_own_number_of_samples() -> None:
    counts = np.array([[90, 10, 0], [9, 1, 0], [0, 0, 0], [900, 100, 0], [9, 0, 1]])
    totals = counts.sum(axis=1, keepdims=True)
    lower, upper = simultaneous_bounds(counts, alpha=0.05)
    assert np.array_equal(lower, lower_bound(counts, totals, 0.05 / 6))
    assert np.array_equal(upper, upper_bound(counts, totals, 0.05 / 6))
    assert lower[2].tolist() == [0.0, 0.0, 0.0]
    assert upper[2].tolist() == [1.0, 1.0, 1.0]


def test_shapes_and_types_are_kept_also_for_no_inputs() -> None:
    for counts in (COUNTS, COUNTS.astype(np.uint16), np.zeros((0, 4), np.int32)):
        for labels in (None, np.zeros(len(counts), np.int64)):
            for bounds in simultaneous_bounds(counts, alpha=0.001, labels=labels):
                assert bounds.shape == counts.shape
                assert bounds.dtype == np.float64


@pytest.mark.parametrize(
    ("counts", "alpha", "labels", "message"),
    [
        ([1, 2, 3], 0.05, None, r"counts must be \(inputs, classes\)"),
        ([[5]], 0.05, None, "at least 2 classes"),
        ([[1.0, 2.0]], 0.05, None, "counts must be integers, got float64"),
        ([[True, False]], 0.05, None, "counts must be integers, got bool"),
        ([[3, 4], [1, -2]], 0.05, None, "must not be negative, got -2 for input 1, class 1"),
        ([[3, 4]], 0.0, None, r"alpha must lie in \(0, 1\), got 0.0"),
        ([[3, 4]], 1.0, None, "alpha must lie in"),
        ([[3, 4]], math.nan, None, "alpha must lie in"),
        ([[3, 4]], 0.05, [2], r"label 2 is out of range; there are 2 classes, 0 \.\. 1"),
        ([[3, 4]], 0.05, [-1], "label -1 is out of range"),
        ([[3, 4]], 0.05, [0, 1], r"labels must be integers of shape \(1,\)"),
        ([[3, 4]], 0.05, [0.0], "labels must be integers"),
    ],
)
def test_bad_counts_alpha_and_labels_are_refused(
    counts: list[list[int]], alpha: float, labels: list[int] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        simultaneous_bounds(counts, alpha=alpha, labels=labels)


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("trials", [1, 7, 300])
def test_the_others_upper_bounds_leave_room_for_the_labels_lower_bound(
    classes: int, trials: int
) -> None:
    # So the radius that follows is exactly tight: no larger lower bound follows from the others'
    # bounds.
    generator = np.random.default_rng(classes)
    counts = generator.multinomial(trials, generator.dirichlet(np.full(classes, 0.5), size=500))
    for alpha in (0.5, 0.001):
        lower, upper = simultaneous_bounds(counts, alpha=alpha, labels=np.zeros(500, np.int64))
        room = lower[:, 0] + upper[:, 1:].sum(axis=1)
        assert (room >= (1.0 if classes > 2 else 1.0 - LOOSE)).all()


# Ballots: each vote names w labels.


@pytest.mark.parametrize("labels", [None, [0, 3, 1]])
def test_ballots_are_counted_by_votes_and_not_by_namings(labels: list[int] | None) -> None:
    counts = np.array([[90, 70, 40, 0], [0, 100, 50, 50], [100, 100, 0, 0]])
    found = simultaneous_bounds(counts, alpha=0.01, labels=labels, num_named=2)
    error = 0.01 / (8 if labels is None else 4)
    lower, upper = lower_bound(counts, 100, error), upper_bound(counts, 100, error)
    if labels is not None:
        own = np.arange(4) == np.array(labels)[:, None]
        lower, upper = np.where(own, lower, 0.0), np.where(own, 1.0, upper)
    assert np.array_equal(found[0], lower)
    assert np.array_equal(found[1], upper)


@pytest.mark.parametrize(
    ("counts", "named", "message"),
    [
        ([[3, 4, 2], [3, 3, 3]], 2, "input 0 has 9 namings, no multiple of 2"),
        ([[2, 2, 2], [5, 1, 0]], 2, "input 1, class 0 is named 5 times by 3 ballots of 2 labels"),
        ([[2, 2, 2]], 3, r"1 \.\. classes - 1 = 2 labels, got num_named 3"),
        ([[2, 2, 2]], 0, "got num_named 0"),
        ([[2, 2, 2]], 2.0, "num_named must be a whole number"),
    ],
)
def test_counts_that_no_ballots_give_are_refused(
    counts: list[list[int]], named: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        simultaneous_bounds(counts, alpha=0.05, num_named=named)


# Coverage. A joint rule may fail with probability alpha; the number of failures of DRAWS runs is
# binomial, so its share stays below alpha + 5 standard deviations but once in millions of runs (the
# seed is fixed in any case).

DRAWS = 20_000
ALPHA = 0.05
TRUE_PROBABILITIES = {
    "even": np.full(10, 0.1),
    "sure": np.array([0.91] + [0.01] * 9),
    "close": np.array([0.4, 0.38, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002]),
    "never": np.array([0.6, 0.4] + [0.0] * 8),
}


def failure_rate(
    probabilities: NDArray[np.float64], *, trials: int, alpha: float, named: bool
) -> float:
    """The share of seeded experiments in which any of the joint bounds is wrong."""
    counts = np.random.default_rng(2022).multinomial(trials, probabilities, size=DRAWS)
    lower, upper = simultaneous_bounds(
        counts, alpha=alpha, labels=np.zeros(DRAWS, np.int64) if named else None
    )
    return float(((probabilities < lower) | (probabilities > upper)).any(axis=1).mean())


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("trials", [100, 3000])
@pytest.mark.parametrize("case", TRUE_PROBABILITIES)
def test_the_bounds_hold_jointly_at_the_stated_confidence(
    case: str, trials: int, named: bool
) -> None:
    rate = failure_rate(TRUE_PROBABILITIES[case], trials=trials, alpha=ALPHA, named=named)
    assert rate <= ALPHA + 5 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)


@pytest.mark.parametrize(("named", "times"), [(True, 10), (False, 20)])
def test_the_coverage_test_would_notice_a_rule_that_does_not_divide_alpha(
    named: bool, times: int
) -> None:
    # alpha times c (or 2c) asks for each single bound at alpha: right for one label, wrong for all
    # of them together.
    rate = failure_rate(
        TRUE_PROBABILITIES["even"], trials=3000, alpha=min(times * ALPHA, 0.999), named=named
    )
    assert rate > 2 * ALPHA


def test_picking_the_label_by_the_same_votes_breaks_the_rule_for_named_labels() -> None:
    # Labels picked by the same votes need both sides of all labels, at alpha/(2c).
    probabilities = TRUE_PROBABILITIES["even"]
    counts = np.random.default_rng(5).multinomial(3000, probabilities, size=DRAWS)
    picked = counts.argmax(axis=1)
    rows = np.arange(DRAWS)
    lower, _ = simultaneous_bounds(counts, alpha=0.5, labels=picked)
    assert (probabilities[picked] < lower[rows, picked]).mean() > 0.5 / 10 * 3
    both, _ = simultaneous_bounds(counts, alpha=ALPHA)
    assert (probabilities[picked] < both[rows, picked]).mean() <= ALPHA
