"""The l2 radius is never above the exact one and hardly below; classifiers of the line attain it
and never pass it.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from topcert.theory import gaussian_radius
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.gaussian_radius import changed_units, l2_radius, l2_radius_majority

# R is short of the exact one by less than this times R + sigma |z|, or times R where p > 1/2
LOST = 5e-14
TINY = 5e-324
BELOW_ONE = 1 - 2.0**-53


@pytest.fixture(autouse=True)
def forty_digits() -> Any:
    with mpmath.workdps(40):
        yield


# The oracle: the condition itself, to 40 digits.


def quantile(p: Fraction) -> mpmath.mpf:
    """Phi^-1, by Newton's steps from a float."""
    if p in (0, 1):
        return mpmath.mpf("-inf") if p == 0 else mpmath.mpf("inf")
    if p > Fraction(1, 2):
        return -quantile(1 - p)
    goal, y = real(p), mpmath.mpf(float(ndtri(float(p))))
    for _ in range(4):
        y -= (mpmath.ncdf(y) - goal) / mpmath.npdf(y)
    return y


def real(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def capped_sums(p: Fraction, others: list[float], k: int) -> list[Fraction]:
    """P_t for t = 1 .. k."""
    strongest = sorted(map(Fraction, others))[len(others) - k :]
    return [min(total, 1 - p) for total in itertools.accumulate(strongest)]


class Oracle:
    """Of one input: is the label certified at R?"""

    def __init__(self, p: float, others: list[float], *, k: int, sigma: float) -> None:
        self.p, self.sums, self.sigma = Fraction(p), capped_sums(Fraction(p), others, k), sigma
        self.z, self.qs = quantile(self.p), [quantile(total) for total in self.sums]

    def margins(self, radius: Any) -> list[mpmath.mpf]:
        x = mpmath.mpf(radius) / mpmath.mpf(self.sigma)
        left = mpmath.ncdf(self.z - x)
        return [t * left - mpmath.ncdf(q + x) for t, q in enumerate(self.qs, start=1)]

    def certified(self, radius: Any) -> bool:
        return max(self.margins(radius)) > 0

    def root(self) -> mpmath.mpf:
        """The largest over t of the roots, by bisection."""
        low, high = mpmath.mpf(0), mpmath.mpf(80 * self.sigma)
        for _ in range(110):
            middle = (low + high) / 2
            low, high = (middle, high) if self.certified(middle) else (low, middle)
        return low

    def agrees(self, found: float) -> bool:
        """Whether `found` is not above the root, and not further below than documented."""
        if math.isinf(found):
            return self.p > 0 and 0 in self.sums
        if self.p > 0 and 0 in self.sums:
            return False
        z = mpmath.mpf(0) if self.p > Fraction(1, 2) else abs(self.z)
        if math.isnan(found):
            return self.p == 0 or not self.certified(LOST * self.sigma * z)
        return (
            found > 0
            and self.certified(found)
            and not self.certified(found + LOST * (found + self.sigma * z))
        )


def bounds(
    p: float, others: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
    """Arrays of one input whose label is the last class."""
    return np.array([[0.0] * len(others) + [p]]), np.array([[*others, 1.0]]), [len(others)]


def radius(p: float, others: list[float], *, k: int, sigma: float = 1.0) -> float:
    lower, upper, labels = bounds(p, others)
    return float(l2_radius(lower, upper, labels, k=k, sigma=sigma)[0])


def anywhere(generator: np.random.Generator) -> float:
    """A probability: usual, near 1/2, near 1, tiny, or at an end."""
    draws = [
        generator.uniform(),
        0.5 + generator.choice([-1, 1]) * 10 ** generator.uniform(-16, -1),
        1 - 10 ** generator.uniform(-16, -1),
        10 ** generator.uniform(-300, -1),
        generator.choice([0.0, TINY, 1e-310, 0.5, BELOW_ONE, 1.0]),
    ]
    return float(draws[generator.choice(5, p=[0.4, 0.15, 0.2, 0.2, 0.05])])


def test_random_bounds_give_the_radius_rounded_down() -> None:
    generator = np.random.default_rng(11)
    certified = 0
    for _ in range(120):
        k = int(generator.integers(1, 11))
        p, sigma = anywhere(generator), float(10 ** generator.uniform(-2, 1))
        others = [
            anywhere(generator) * 10 ** generator.uniform(-3, 0)
            for _ in range(k + int(generator.integers(0, 5)))
        ]
        if generator.uniform() < 0.5:  # rivals that p can beat
            others = [min(other * p, 1.0) for other in others]
        found = radius(p, others, k=k, sigma=sigma)
        assert Oracle(p, others, k=k, sigma=sigma).agrees(found)
        certified += math.isfinite(found)
    assert 40 < certified < 115


@pytest.mark.parametrize(
    "p", [TINY, 1e-300, 1e-20, 0.1, 0.3, 0.5, math.nextafter(0.5, 1.0), 0.9, BELOW_ONE]
)
@pytest.mark.parametrize("ratio", [TINY, 1e-200, 1e-9, 0.5, 1 - 2.0**-40, 1.0, 1.1, 1.9, 2.5])
def test_extreme_bounds_give_the_radius_rounded_down(p: float, ratio: float) -> None:
    others = [min(p * ratio, 1.0)] * 5
    for k in (1, 2, 5):
        assert Oracle(p, others, k=k, sigma=0.25).agrees(radius(p, others, k=k, sigma=0.25))


def test_a_thousand_classes() -> None:
    generator = np.random.default_rng(12)
    upper = generator.dirichlet(np.full(1000, 0.02), size=12)
    lower, labels, ks = upper * 0.99, upper.argmax(axis=1), [1, 3, 10]
    found = l2_radius(lower, upper, labels, k=ks, sigma=0.5)
    assert np.isfinite(found).any()
    for i, label in enumerate(labels.tolist()):
        others = np.delete(upper[i], label).tolist()
        for column, k in enumerate(ks):
            assert Oracle(lower[i, label], others, k=k, sigma=0.5).agrees(found[i, column])


@pytest.mark.parametrize(("k", "p"), [(100, 0.02), (100, 0.9), (999, 0.4)])
def test_many_places_lose_only_what_summing_does(k: int, p: float) -> None:
    others = [5e-4] * 999
    found, oracle = radius(p, others, k=k), Oracle(p, others, k=k, sigma=1.0)
    assert oracle.certified(found)
    assert not oracle.certified(found * (1 + mpmath.mpf("1e-12")))


@pytest.mark.parametrize(
    ("p", "others", "k", "expected"),
    [
        # The largest root of Phi(Phi^-1(p) - R) = Phi(Phi^-1(P_t) + R) / t, from mpmath's erf,
        # erfinv and findroot.
        (0.4, [0.3, 0.2, 0.05, 0.05], 1, 0.135526704786120493),
        (0.4, [0.3, 0.2, 0.05, 0.05], 2, 0.294137065218557203),
        (0.4, [0.3, 0.2, 0.05, 0.05], 3, 0.695753261907836458),
        (0.4, [0.3, 0.2, 0.05, 0.05], 4, 0.772020200772393347),  # t = 2
    ],
)
def test_known_radii(p: float, others: list[float], k: int, expected: float) -> None:
    assert radius(p, others, k=k) == pytest.approx(expected, rel=1e-13)
    assert Oracle(p, others, k=k, sigma=1.0).root() == pytest.approx(expected, rel=1e-13)


def test_a_root_that_newton_missed_is_still_rounded_down(monkeypatch: pytest.MonkeyPatch) -> None:
    # Slopes that are too steep shorten the steps, so that they end above the root.
    slope = gaussian_radius._slope
    monkeypatch.setattr(
        gaussian_radius, "_slope", lambda depth, s: slope(depth, s) * (10 if s.any() else 1)
    )
    for p, rival in [(0.4, 0.2), (0.6, 0.3), (1e-9, 1e-10)]:
        found, exact = radius(p, [rival] * 3, k=3), Oracle(p, [rival] * 3, k=3, sigma=1.0).root()
        assert exact * (1 - mpmath.mpf("1e-6")) < found < exact * (1 - mpmath.mpf("1e-10"))


# What the formulas say.


def test_one_rival_has_a_closed_form() -> None:
    generator = np.random.default_rng(13)
    upper = generator.dirichlet([3.0, 0.5, 0.5, 0.5], size=200)
    labels = upper.argmax(axis=1)
    rows = np.arange(200)
    p = upper[rows, labels]
    rival = np.sort(upper, axis=1)[:, -2]
    found = l2_radius(upper, upper, labels, k=1, sigma=0.5)
    assert found == pytest.approx(0.25 * (ndtri(p) - ndtri(np.minimum(rival, 1 - p))), rel=1e-12)


def test_nothing_known_of_rivals_is_cohens_radius() -> None:
    p = np.array(
        [
            0.0,
            TINY,
            0.3,
            0.5,
            math.nextafter(0.5, 1.0),
            0.500001,
            0.75,
            0.99,
            0.999999,
            BELOW_ONE,
            1.0,
        ]
    )
    lower = np.stack([p, np.zeros(p.shape), np.zeros(p.shape)], axis=1)
    found = l2_radius(lower, np.ones(lower.shape), np.zeros(len(p), np.int64), k=1, sigma=0.12)
    majority = l2_radius_majority(p, sigma=0.12)
    assert np.array_equal(found, majority, equal_nan=True)
    assert np.isnan(majority[:4]).all()
    assert (majority[4:] > 0).all()
    assert majority[-1] == np.inf
    for one, value in zip(p.tolist(), majority.tolist(), strict=True):
        if math.isfinite(value):
            exact = quantile(Fraction(one)) * mpmath.mpf(0.12)
            assert exact * (1 - LOST) < value < exact


def test_the_majority_keeps_the_shape() -> None:
    assert l2_radius_majority(0.9, sigma=1.0).shape == ()
    assert l2_radius_majority(np.full((2, 0, 3), 0.9), sigma=1.0).shape == (2, 0, 3)
    together = l2_radius_majority([[0.9, 0.2], [0.6, 0.7]], sigma=2.0)
    assert together[1, 1] == l2_radius_majority(0.7, sigma=2.0)
    assert np.isnan(together[0, 1])


def test_nothing_known_of_rivals_has_a_closed_form_for_every_k() -> None:
    # P_t = 1 - p: Phi(z - R) = 1 / (t + 1), best at t = k.
    chances = [0.2, 0.4, 0.501, 0.9]
    lower = np.zeros((4, 1001))
    lower[:, 0] = chances
    ks = [1, 2, 3, 10, 300]
    found = l2_radius(lower, np.ones(lower.shape), [0] * 4, k=ks, sigma=1.0)
    for (i, p), (column, k) in itertools.product(enumerate(chances), enumerate(ks)):
        exact = quantile(Fraction(p)) - quantile(Fraction(1, k + 1))
        if exact <= 0:
            assert math.isnan(found[i, column])
        else:
            assert exact - LOST * (exact + 1) < found[i, column] < exact


def test_more_places_never_shrink_the_radius() -> None:
    generator = np.random.default_rng(14)
    upper = generator.dirichlet(np.full(10, 0.4), size=500)
    labels = generator.integers(0, 10, 500)
    found = l2_radius(upper * 0.98, upper, labels, k=list(range(1, 10)), sigma=0.5)
    grown = np.nan_to_num(found, nan=0.0, posinf=1e9)
    assert (grown[:, 1:] >= grown[:, :-1] * (1 - 1e-12)).all()
    assert (grown[:, 1:] > grown[:, :-1]).mean() > 0.3


def test_the_radius_scales_with_sigma() -> None:
    assert radius(0.6, [0.2, 0.1], k=2, sigma=4.0) == pytest.approx(
        4 * radius(0.6, [0.2, 0.1], k=2), rel=1e-15
    )


@pytest.mark.parametrize(
    ("p", "others", "k", "expected"),
    [
        (1.0, [1.0, 1.0], 1, math.inf),  # the label is certain, so its rivals never happen
        (1.0, [1.0, 1.0], 2, math.inf),
        (TINY, [0.0, 0.0], 1, math.inf),
        (TINY, [1.0, 0.0], 2, math.inf),  # the weaker rival never happens
        (TINY, [1.0, 0.0], 1, math.nan),
        (0.0, [0.0, 0.0], 1, math.nan),  # nor does the label
        (0.0, [0.0, 0.0], 2, math.nan),
        (0.0, [1.0, 1.0], 2, math.nan),
        (0.3, [0.3, 0.3], 1, math.nan),  # ties
        (0.5, [0.5, 0.0], 1, math.nan),
        (0.25, [0.5, 0.25], 2, math.nan),
        (1 / 3, [0.5, 0.5], 2, math.nan),  # (1 - p) / 2 is above 1/3, as a float is below it
    ],
)
def test_ends_and_ties(p: float, others: list[float], k: int, expected: float) -> None:
    assert radius(p, others, k=k) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("sigma", [TINY, 1e-320, 1e-300, 1.7e308])
def test_an_extreme_sigma_never_rounds_up(sigma: float) -> None:
    for p, k in [(0.51, 1), (0.9, 2), (BELOW_ONE, 1)]:
        found, exact = (
            radius(p, [1.0, 0.05], k=k, sigma=sigma),
            Oracle(p, [1.0, 0.05], k=k, sigma=1.0).root(),
        )
        if sigma < 1e-300 and math.isnan(found):
            assert exact * mpmath.mpf(sigma) < 3 * TINY
        else:
            assert 0 < found < exact * mpmath.mpf(sigma)


# Forms of input and output.


def test_one_k_gives_one_column_less() -> None:
    lower, upper = np.array([[0.9, 0.0], [0.0, 0.8]]), np.array([[1.0, 0.05], [0.05, 1.0]])
    one = l2_radius(lower, upper, [0, 1], k=np.int64(1), sigma=0.5)
    several = l2_radius(lower, upper, [0, 1], k=(1,), sigma=0.5)
    assert one.shape == (2,)
    assert np.array_equal(one[:, None], several)


def test_no_inputs_give_no_radii() -> None:
    nothing = np.zeros((0, 4))
    labels = np.zeros(0, np.int64)
    assert l2_radius(nothing, nothing, labels, k=2, sigma=1.0).shape == (0,)
    assert l2_radius(nothing, nothing, labels, k=[1, 2], sigma=1.0).shape == (0, 2)
    assert changed_units(np.zeros(0), channels=3, num_units=5).shape == (0,)


def test_fractions_and_short_floats_are_not_rounded_inward() -> None:
    third, tenth = Fraction(1, 3), Fraction(1, 10)
    exact = l2_radius(
        np.array([[third, 0, 0]]), np.array([[1, tenth, tenth]], dtype=object), [0], k=2, sigma=1.0
    )
    assert exact[0] < Oracle(third, [tenth, tenth], k=2, sigma=1.0).root()  # type: ignore[arg-type, list-item]
    assert exact[0] == pytest.approx(radius(1 / 3, [0.1, 0.1], k=2), rel=1e-12)
    short = l2_radius(np.float32([[0.9, 0.0]]), np.float32([[1.0, 0.05]]), [0], k=1, sigma=1.0)
    assert short[0] == radius(float(np.float32(0.9)), [float(np.float32(0.05))], k=1)
    whole = l2_radius([[1, 0]], [[1, 0]], [0], k=1, sigma=1.0)
    assert whole.tolist() == [math.inf]
    if np.finfo(np.longdouble).eps < np.finfo(np.float64).eps:
        just_below = np.nextafter(np.longdouble(0.75), np.longdouble(0))
        assert l2_radius_majority(just_below, sigma=1.0) < l2_radius_majority(0.75, sigma=1.0)


def test_the_arguments_are_left_as_they_were() -> None:
    lower, upper = np.array([[0.9, 0.0, 0.0]]), np.array([[1.0, 0.05, 0.02]])
    before = lower.copy(), upper.copy()
    l2_radius(lower, upper, [0], k=2, sigma=1.0)
    assert np.array_equal(lower, before[0])
    assert np.array_equal(upper, before[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prob_lower": [[math.nan, 0.0, 0.0]]}, r"lower bounds must be in \[0, 1\], got nan"),
        ({"prob_upper": [[1.0, 1.5, 0.0]]}, r"upper bounds must be in \[0, 1\], got 1.5"),
        (
            {"prob_lower": [[0.9, 0.0, 0.03]]},
            "lower bound 0.03 is above upper bound 0.02 for input 0, class 2",
        ),
        ({"prob_lower": [[9, 0, 0]]}, r"lower bounds must be in \[0, 1\], got 9"),
        ({"prob_lower": [[0.9, 0.0]]}, r"lower and upper must both be \(inputs, classes\)"),
        ({"prob_lower": [[True, False, False]]}, "lower must hold floats"),
        ({"labels": [3]}, "label 3 is out of range"),
        ({"labels": [0, 0]}, "labels must be integers of shape"),
        ({"k": 0}, r"k must lie in 1 \.\. classes - 1 = 2, got 0"),
        ({"k": [1, 3]}, r"k must lie in 1 \.\. classes - 1 = 2, got \[1, 3\]"),
        ({"k": 1.0}, "k must be an integer"),
        ({"k": []}, "k must be an integer or a non-empty sequence"),
        ({"sigma": 0.0}, "sigma must be positive and finite, got 0.0"),
        ({"sigma": math.inf}, "sigma must be positive and finite, got inf"),
        ({"sigma": math.nan}, "sigma must be positive and finite, got nan"),
    ],
)
def test_bad_bounds_are_refused(changes: dict[str, Any], message: str) -> None:
    good = {
        "prob_lower": [[0.9, 0.0, 0.0]],
        "prob_upper": [[1.0, 0.05, 0.02]],
        "labels": [0],
        "k": 1,
        "sigma": 0.5,
    }
    with pytest.raises(ValueError, match=message):
        l2_radius(**(good | changes))


def test_bad_probabilities_of_a_majority_are_refused() -> None:
    for bad, message in [
        (1.5, "got 1.5"),
        ([0.5, math.nan], "got nan"),
        ("0.9", "must hold floats"),
    ]:
        with pytest.raises(ValueError, match=message):
            l2_radius_majority(bad, sigma=1.0)
    with pytest.raises(ValueError, match="sigma must be positive and finite, got -1"):
        l2_radius_majority(0.9, sigma=-1)


# Changed units.


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_changed_units_are_decided_exactly_at_square_roots(channels: int) -> None:
    radii = []
    for r in [*range(1, 400), 10**6, 10**9 + 7]:
        root = math.sqrt(channels * r)
        radii += [math.nextafter(root, 0.0), root, math.nextafter(root, math.inf)]
    found = changed_units(radii, channels=channels, num_units=10**10)
    expected = []
    for value in radii:
        square = Fraction(value) ** 2
        r = square // channels + 1
        while not channels * r < square:
            r -= 1
        expected.append(r)
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_changed_units_at_the_ends() -> None:
    radii = np.array([[math.nan, 0.0, TINY, 1.0], [math.sqrt(3), 1.8, 1.7e308, math.inf]])
    expected = [[ABSTAIN, ABSTAIN, 0, 0], [0, 1, 50, 50]]
    assert math.sqrt(3) ** 2 < 3 < 1.8**2
    assert changed_units(radii, channels=3, num_units=50).tolist() == expected
    assert changed_units(2.0, channels=3, num_units=50).tolist() == 1
    assert changed_units(2.0, channels=4, num_units=50).tolist() == 0  # 4 r < 4 is strict
    assert changed_units(np.float32([2.5]), channels=3, num_units=1).tolist() == [1]
    assert changed_units(5.0, channels=1, num_units=0).tolist() == 0


@pytest.mark.parametrize(
    ("l2", "channels", "num_units", "message"),
    [
        ([1.0, -1e-9], 3, 10, "l2 must hold radii"),
        (["1"], 3, 10, "l2 must hold radii"),
        ([1.0], 0, 10, "channels must be at least 1"),
        ([1.0], 3, -1, "num_units at least 0"),
    ],
)
def test_bad_arguments_of_changed_units_are_refused(
    l2: Any, channels: int, num_units: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        changed_units(l2, channels=channels, num_units=num_units)


# Classifiers of the line, under noise of deviation 1 and a shift.

Pieces = list[tuple[float, float]]


def mass(pieces: Pieces, shift: float) -> float:
    """The probability of intervals under N(shift, 1)."""
    return sum(
        (
            float(ndtr(shift - a) - ndtr(shift - b))
            if a > 0
            else float(ndtr(b - shift) - ndtr(a - shift))
        )
        for a, b in pieces
    )


class Line:
    """What is left of the half-line above z, handed out in windows of clean probability, from the
    right end.
    """

    def __init__(self, z: float) -> None:
        self.left: Pieces = [(z, math.inf)]

    def window(self, start: float, size: float) -> tuple[Pieces, Pieces]:
        """The window `size` from `start`, both in clean probability counted from the right; and
        what stays.
        """
        taken, stays, seen = [], [], 0.0
        for a, b in sorted(self.left, reverse=True):
            here = mass([(a, b)], 0.0)
            above = float(ndtr(-b))
            cuts = [
                b,
                *(
                    -float(ndtri(above + min(max(at - seen, 0.0), here)))
                    for at in (start, start + size)
                ),
                a,
            ]
            cuts[2] = a if start + size >= seen + here else cuts[2]
            cuts[1] = a if start >= seen + here else b if start <= seen else cuts[1]
            stays += [(cuts[1], cuts[0]), (cuts[3], cuts[2])]
            taken.append((cuts[2], cuts[1]))
            seen += here
        return [(a, b) for a, b in taken if a < b], [(a, b) for a, b in stays if a < b]

    def take(self, size: float, goal: float, shift: float) -> Pieces:
        """As far to the left as it reaches `goal` under the shift: what is further right is worth
        more.
        """
        low, high = 0.0, max(mass(self.left, 0.0) - size, 0.0)
        for _ in range(80):
            middle = (low + high) / 2
            reaches = mass(self.window(middle, size)[0], shift) >= goal
            low, high = (middle, high) if reaches else (low, middle)
        taken, self.left = self.window(low, size)
        return taken


@pytest.mark.parametrize(
    ("p", "others"),
    [
        (0.7, [0.4]),
        (0.7, [0.2, 0.1]),
        (0.5, [0.3, 0.2]),
        (0.4, [0.35, 0.25]),
        (0.4, [0.3, 0.2, 0.1]),
        (0.4, [0.2, 0.2, 0.2]),
        (0.35, [0.3, 0.25, 0.1]),
        (0.9, [0.05, 0.04, 0.01]),
        (0.9, [1.0, 1.0, 1.0]),
        (0.3, [0.3, 0.28, 0.12]),
    ],
)
def test_a_classifier_of_the_line_attains_the_radius(p: float, others: list[float]) -> None:
    # The label lies to the left of z, its rivals to the right; each is level with it just past the
    # radius.
    k, z = len(others), float(ndtri(p))
    others = [min(other, 1 - p) for other in others]
    certified = radius(p, others, k=k)
    for factor, attained in ((1 + 1e-7, True), (1 - 1e-7, False)):
        shift = certified * factor
        goal = float(ndtr(z - shift))
        line = Line(z)
        free, rivals = 1 - p, []
        for j, size in enumerate(sorted(others)):
            # Rivals whose bounds are too large to be met all at once share what is left.
            rivals.append(line.take(min(size, free / (k - j)), goal, shift))
            free -= min(size, free / (k - j))
        assert all(
            mass(rival, 0.0) <= size + 1e-12
            for rival, size in zip(rivals, sorted(others), strict=True)
        )
        level = [mass(rival, shift) >= goal * (1 - 1e-12) for rival in rivals]
        assert all(level) == attained


def test_no_classifier_of_the_line_passes_the_radius() -> None:
    generator = np.random.default_rng(15)
    certified, nearest = 0, math.inf
    for _ in range(150):
        classes, pieces = int(generator.integers(2, 7)), int(generator.integers(2, 14))
        cuts = np.sort(generator.normal(0, 1.5, pieces - 1))
        labels = generator.integers(0, classes, pieces)
        edges = np.concatenate([[-np.inf], cuts, [np.inf]])

        def chances(
            shift: float, edges: Any = edges, labels: Any = labels, classes: int = classes
        ) -> NDArray[np.float64]:
            return np.bincount(labels, np.diff(ndtr(edges - shift)), minlength=classes)

        clean = np.tile(chances(0.0), (classes, 1))
        ks = list(range(1, classes))
        lower, upper = np.maximum(clean - 1e-14, 0.0), np.minimum(clean + 1e-14, 1.0)
        found = l2_radius(lower, upper, np.arange(classes), k=ks, sigma=1.0)
        for label, column in itertools.product(range(classes), range(len(ks))):
            if not math.isfinite(found[label, column]):
                continue
            for share in (-0.999999, -0.7, 0.3, 0.8, 0.999999):
                attacked = chances(share * found[label, column])
                ahead = np.delete(attacked, label) >= attacked[label]
                assert ahead.sum() < ks[column]
                gap = attacked[label] - np.sort(np.delete(attacked, label))[-ks[column]]
                nearest = min(nearest, float(gap)) if found[label, column] > 1e-3 else nearest
            certified += 1
    assert certified > 500
    assert nearest < 1e-3  # some came near their radius
