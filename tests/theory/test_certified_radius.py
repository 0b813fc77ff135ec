"""The fast radius equals the exact oracle of Eq. 6, and bad bounds are refused."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.theory.oracle import Number, oracle_margin, oracle_radius
from topcert.theory.certified_radius import ABSTAIN, certified_radius

KINDS = ("integer", "fraction", "float64", "float32")
HUGE = [(1024, 50), (50176, 1000)]
SLACK = Fraction(1, 2**58)  # the documented unit 1/G of rounding in huge spaces, for k <= 13

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, kw_only=True)
class Case:
    """Bounds of some inputs, `(inputs, classes)`, as lists of one kind of number."""

    num_features: int
    num_kept: int
    lower: list[list[Number]]
    upper: list[list[Number]]
    labels: list[int]
    ks: list[int]

    def fast(self, k: Any = None) -> Any:
        return certified_radius(
            as_array(self.lower),
            as_array(self.upper),
            self.labels,
            k=self.ks if k is None else k,
            num_features=self.num_features,
            num_kept=self.num_kept,
        ).tolist()

    def oracle(self) -> list[list[int]]:
        return [
            [
                oracle_radius(
                    low, up, label, k=k, num_features=self.num_features, num_kept=self.num_kept
                )
                for k in self.ks
            ]
            for low, up, label in zip(self.lower, self.upper, self.labels, strict=True)
        ]


def as_array(rows: list[list[Number]]) -> np.ndarray:
    exact = any(isinstance(value, Fraction) for row in rows for value in row)
    return np.array(rows, dtype=object) if exact else np.array(rows)


def number(kind: str, numerator: int, total: int, ulps: int = 0) -> Number:
    """numerator/total as one kind of number; a float moved by some ulps, but not out of [0, 1]."""
    if kind == "integer":
        return numerator
    exact = Fraction(numerator, total)
    if kind == "fraction":
        return exact
    nearest = np.float64(exact) if kind == "float64" else np.float32(float(exact))
    towards = nearest.dtype.type(math.copysign(2.0, ulps))
    for _ in range(abs(ulps)):
        nearest = np.nextafter(nearest, towards)
    nearest = np.clip(nearest, nearest.dtype.type(0), nearest.dtype.type(1))
    return float(nearest) if kind == "float64" else nearest


def row(
    kind: str, total: int, label: int, own: Number, others: list[Number]
) -> tuple[list[Number], list[Number]]:
    """An input's lower and upper bounds: 0 and 1 wherever they are not used."""
    lower = [number(kind, 0, total) for _ in others]
    upper = list(others)
    lower.insert(label, own)
    upper.insert(label, number(kind, total, total))
    return lower, upper


@st.composite
def cases(draw: st.DrawFn, kind: str) -> Case:
    """Bounds at, just above and just below multiples of 1/C(d, e), with ties, zeros and ones among
    them.
    """
    num_features = draw(st.integers(3, 60))
    num_kept = draw(
        st.one_of(st.integers(1, 3), st.integers(1, num_features)).filter(
            lambda e: e <= num_features
        )
    )
    total = math.comb(num_features, num_kept)
    classes = draw(st.integers(2, 11))
    ks = draw(st.lists(st.integers(1, classes - 1), min_size=1, max_size=4))
    ulps = st.sampled_from([0, 0, 1, -1])
    small = st.one_of(
        st.integers(0, min(total, 3)), st.integers(0, total // 8), st.integers(0, total)
    )
    large = small.map(lambda numerator: total - numerator)
    lower, upper, labels = [], [], []
    for _ in range(draw(st.integers(1, 3))):
        label = draw(st.integers(0, classes - 1))
        pool = draw(st.lists(small, min_size=1, max_size=classes - 1))  # few distinct values: ties
        others = [
            number(kind, draw(st.sampled_from(pool)), total, draw(ulps)) for _ in range(classes - 1)
        ]
        own = number(kind, draw(st.one_of(large, small)), total, draw(ulps))
        low, up = row(kind, total, label, own, others)
        lower.append(low)
        upper.append(up)
        labels.append(label)
    return Case(
        num_features=num_features, num_kept=num_kept, lower=lower, upper=upper, labels=labels, ks=ks
    )


@st.composite
def edge_cases(draw: st.DrawFn, kind: str) -> Case:
    """Bounds whose Eq. 6 is an equality at some r, or misses one by a vote: k rivals that tie, and
    some zeros.
    """
    num_features = draw(st.integers(3, 60))
    num_kept = draw(st.integers(1, min(num_features, 8)))
    total = math.comb(num_features, num_kept)
    r = draw(st.integers(0, min(3, num_features - num_kept)))
    left = math.comb(num_features - r, num_kept)
    k = draw(st.integers(1, 4))
    rival = draw(st.integers(0, total // (k + 1)))
    # (k + 1) M = k rival + N + k (N - won), solved for won.
    won = rival + total + (total - (k + 1) * left) // k + draw(st.integers(-1, 2))
    won = min(max(won, 0), total)
    others = [number(kind, rival, total, draw(st.sampled_from([0, 0, 1, -1]))) for _ in range(k)]
    others += [number(kind, 0, total)] * draw(st.integers(0, 2))
    own = number(kind, won, total, draw(st.sampled_from([0, 0, 1, -1])))
    low, up = row(kind, total, 0, own, others)
    return Case(
        num_features=num_features, num_kept=num_kept, lower=[low], upper=[up], labels=[0], ks=[k]
    )


@pytest.mark.parametrize("kind", KINDS)
@many
@given(data=st.data())
def test_the_radius_is_the_oracles(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    assert case.fast() == case.oracle()


@pytest.mark.parametrize("kind", KINDS)
@many
@given(data=st.data())
def test_the_radius_is_the_oracles_where_eq_6_is_nearly_an_equality(
    kind: str, data: st.DataObject
) -> None:
    case = data.draw(edge_cases(kind))
    assert case.fast() == case.oracle()


@few
@given(case=cases("fraction"))
def test_fractions_between_multiples_are_quantized_inward(case: Case) -> None:
    total = math.comb(case.num_features, case.num_kept)
    half = Fraction(1, 2 * total)
    lower = [[max(value - half, Fraction(0)) for value in low] for low in case.lower]
    upper = [[min(value + half, Fraction(1)) for value in up] for up in case.upper]
    between = Case(
        num_features=case.num_features,
        num_kept=case.num_kept,
        lower=lower,
        upper=upper,
        labels=case.labels,
        ks=case.ks,
    )
    assert between.fast() == between.oracle() == case.fast()


def test_a_float_just_above_a_multiple_is_not_quantized_past_it() -> None:
    # 2/3 as a float lies below 2/3, its neighbour above: neither may count as more than 10 of 15
    # kept sets.
    above = math.nextafter(2 / 3, 1.0)
    assert Fraction(above) > Fraction(2, 3)
    for own in (2 / 3, above):
        found = certified_radius([[own, 0.0]], [[1.0, 0.0]], [0], k=1, num_features=6, num_kept=2)
        exact = certified_radius([[10, 0]], [[15, 0]], [0], k=1, num_features=6, num_kept=2)
        assert found.tolist() == exact.tolist() == [0]


# Huge spaces.


@st.composite
def huge_floats(draw: st.DrawFn, num_features: int, num_kept: int, dtype: str) -> Case:
    classes = draw(st.integers(2, 8))
    r = draw(st.integers(0, 12))
    beta = math.comb(num_features - r, num_kept) / math.comb(num_features, num_kept)
    unit = st.floats(0.0, 1.0)
    small = st.one_of(st.floats(0.0, 0.1), st.sampled_from([0.0, 1.0, 5e-324]), unit)
    rival = draw(small)
    others = [rival, *(min(rival, draw(small)) for _ in range(classes - 2))]
    # k = 1: where Eq. 6 is nearly an equality
    at_the_bar = min(max(rival + 2 * (1 - beta), 0.0), 1.0)
    own = draw(st.one_of(st.just(at_the_bar), st.floats(0.5, 1.0), unit))
    kind = np.float64 if dtype == "float64" else np.float32
    own, others = kind(own), [kind(value) for value in others]
    for _ in range(draw(st.integers(0, 2))):
        own = np.nextafter(own, kind(draw(st.sampled_from([0.0, 1.0]))))
    if dtype == "float64":
        own, others = float(own), [float(value) for value in others]
    label = draw(st.integers(0, classes - 1))
    low, up = row(dtype, 1, label, own, others)
    k = draw(st.integers(1, classes - 1))
    return Case(
        num_features=num_features,
        num_kept=num_kept,
        lower=[low],
        upper=[up],
        labels=[label],
        ks=[k],
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("num_features", "num_kept"), [(66, 33), *HUGE])
@few
@given(data=st.data())
def test_floats_in_a_huge_space_are_smaller_only_within_the_documented_slack(
    num_features: int, num_kept: int, dtype: str, data: st.DataObject
) -> None:
    case = data.draw(huge_floats(num_features, num_kept, dtype))
    [[fast]], [[slow]] = case.fast(), case.oracle()
    assert fast <= slow
    if slow != ABSTAIN:
        k = case.ks[0]
        margin = oracle_margin(
            case.lower[0],
            case.upper[0],
            case.labels[0],
            k=k,
            num_features=num_features,
            num_kept=num_kept,
            r=slow,
        )
        assert margin > 0
        assert fast == slow or margin <= (k + 3) * SLACK


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize(("num_features", "num_kept"), [(1024, 50), (50176, 50)])
def test_floats_in_a_huge_space_never_gain_by_rounding_however_near_the_bar(
    num_features: int, num_kept: int, k: int
) -> None:
    # k equal rivals put Eq. 6 at t = k within a few 1/G of an equality; some are multiples of 1/G,
    # others finer.
    certified = tried = 0
    for r, ulps in itertools.product((1, 2, 5), range(4)):
        beta = Fraction(math.comb(num_features - r, num_kept), math.comb(num_features, num_kept))
        needed = (1 - beta) * (k + 1) / k
        own = float(needed + Fraction(1, 3000 + r))
        own += ulps * math.ulp(own)
        rival = float(Fraction(math.nextafter(own, 0.0)) - needed)
        near = [rival + step * math.ulp(rival) for step in range(-60, 61, 20)]
        near += [(math.floor(rival / SLACK) + step) * float(SLACK) for step in range(-3, 4)]
        for value in near:
            low, up = row("float64", 1, 0, own, [value] * k)
            case = Case(
                num_features=num_features,
                num_kept=num_kept,
                lower=[low],
                upper=[up],
                labels=[0],
                ks=[k],
            )
            [[fast]], [[slow]] = case.fast(), case.oracle()
            assert slow in (r - 1, r)
            assert fast in (slow - 1, slow)
            certified += slow == r
            tried += 1
    assert 0 < certified < tried  # both sides of the bar were tried


def test_floats_far_from_a_bar_lose_nothing_in_a_huge_space() -> None:
    generator = np.random.default_rng(7)
    upper = generator.dirichlet([4.0, 0.3, 0.3, 0.2, 0.1, 0.1], size=12)
    lower = upper * 0.995
    labels = upper.argmax(axis=1)
    lost = 0
    for num_features, num_kept in HUGE:
        fast = certified_radius(
            lower, upper, labels, k=[1, 2, 5], num_features=num_features, num_kept=num_kept
        )
        for i, label in enumerate(labels.tolist()):
            for column, k in enumerate([1, 2, 5]):
                slow = oracle_radius(
                    lower[i].tolist(),
                    upper[i].tolist(),
                    label,
                    k=k,
                    num_features=num_features,
                    num_kept=num_kept,
                )
                lost += int(slow != fast[i, column])
        assert len(np.unique(fast)) > 5
    assert lost == 0


@pytest.mark.parametrize(("num_features", "num_kept"), HUGE)
@pytest.mark.parametrize("kind", ["integer", "fraction"])
def test_exact_numbers_are_decided_exactly_in_a_huge_space(
    num_features: int, num_kept: int, kind: str
) -> None:
    total = math.comb(num_features, num_kept)
    rival = total // 50
    expected = []
    lower, upper = [], []
    for r in (0, 1, 5):
        # k = 1: won = rival + 2 (N - M) is an equality, which does not certify r
        for extra in (-1, 0, 1):
            won = rival + 2 * (total - math.comb(num_features - r, num_kept)) + extra
            low, up = row(
                kind, total, 0, number(kind, won, total), [number(kind, rival, total)] * 2
            )
            lower.append(low)
            upper.append(up)
            expected.append(r if extra > 0 else r - 1)
    case = Case(
        num_features=num_features,
        num_kept=num_kept,
        lower=lower,
        upper=upper,
        labels=[0] * 9,
        ks=[1, 2],
    )
    fast = case.fast()
    assert [radii[0] for radii in fast] == expected
    assert fast == case.oracle()


@pytest.mark.parametrize(("num_features", "num_kept"), [(20, 4), *HUGE])
def test_integers_beside_other_numbers_are_plain_ones(num_features: int, num_kept: int) -> None:
    sure = Fraction(1)
    beside = [sure, Fraction(1, 50), Fraction(1, 60)]
    expected = oracle_radius(
        [sure, sure, sure], beside, 0, k=1, num_features=num_features, num_kept=num_kept
    )
    assert expected > 0
    integers = np.array([[1, 0, 0]])
    for upper in (np.array([beside], dtype=object), np.array([beside], dtype=np.float64)):
        found = certified_radius(
            integers, upper, [0], k=1, num_features=num_features, num_kept=num_kept
        )
        assert found.tolist() == [expected]


# Sums that would not fit int64.


@pytest.mark.parametrize(
    ("num_features", "num_kept"), [(60, 30), (64, 32), (62, 31), (66, 30), (1024, 50)]
)
@pytest.mark.parametrize("k", [1, 2, 12, 13, 14, 62, 100])
def test_integer_sums_do_not_overflow(num_features: int, num_kept: int, k: int) -> None:
    total = math.comb(num_features, num_kept)
    classes = max(k + 1, 3)
    lower, upper, labels = [], [], []
    for own, rival in [
        (0, total),
        (total, 0),
        (total, total),
        (0, 0),
        (total // 2, total // 3),
        (total // k, 1),
    ]:
        low, up = row("integer", total, classes - 1, own, [rival] * (classes - 1))
        lower.append(low)
        upper.append(up)
        labels.append(classes - 1)
    case = Case(
        num_features=num_features,
        num_kept=num_kept,
        lower=lower,
        upper=upper,
        labels=labels,
        ks=[1, k],
    )
    assert case.fast() == case.oracle()


@pytest.mark.parametrize("rival", [0.0, 1e-9, 1 / 1000, 1.0])
@pytest.mark.parametrize("own", [0.0, 0.5, 1.0])
def test_a_thousand_rivals_do_not_overflow(own: float, rival: float) -> None:
    classes, k = 1003, 1000
    low, up = row("float64", 1, 5, own, [rival] * (classes - 1))
    case = Case(num_features=300, num_kept=60, lower=[low], upper=[up], labels=[5], ks=[k])
    [[fast]], [[slow]] = case.fast(), case.oracle()
    assert fast <= slow
    if slow != fast:  # G is 2^52 for k = 1000
        margin = oracle_margin(low, up, 5, k=k, num_features=300, num_kept=60, r=slow)
        assert margin <= Fraction(k + 3, 2**52)


# What the radius means.


def test_abstaining_is_not_radius_zero() -> None:
    tie = certified_radius([[0.5, 0.0]], [[1.0, 0.5]], [0], k=1, num_features=1024, num_kept=50)
    ahead = certified_radius(
        [[0.5 + 1e-9, 0.0]], [[1.0, 0.5]], [0], k=1, num_features=1024, num_kept=50
    )
    assert tie.tolist() == [ABSTAIN]
    assert ahead.tolist() == [0]


def test_one_rival_needs_a_gap_of_twice_the_touched_share() -> None:
    # p - p_a > 2 (1 - beta(r)) for k = 1; d = 6, e = 2: beta = 1, 10/15, 6/15, ...
    for own in range(16):
        for rival in range(16 - own):
            gap = own - rival
            expected = max(
                (r for r, m in enumerate((15, 10, 6, 3, 1)) if gap > 2 * (15 - m)), default=ABSTAIN
            )
            found = certified_radius(
                [[own, 0]], [[15, rival]], [0], k=1, num_features=6, num_kept=2
            )
            assert found.tolist() == [expected]


def test_a_known_radius_at_the_default_sizes() -> None:
    # k = 1: 0.9 - 0.05 > 2 (1 - beta(r)), that is beta(r) > 0.575; beta(10) = 0.6047..., beta(11) =
    # 0.57496...
    lower, upper = [[0.9, 0.0, 0.0, 0.0]], [[1.0, 0.05, 0.02, 0.01]]
    found = certified_radius(lower, upper, [0], k=[1, 2, 3], num_features=1024, num_kept=50)
    assert found.tolist() == [[10, 17, 21]]
    assert found.tolist() == [
        [
            oracle_radius(lower[0], upper[0], 0, k=k, num_features=1024, num_kept=50)
            for k in (1, 2, 3)
        ]
    ]


@few
@given(case=cases("float64"))
def test_more_places_never_shrink_the_radius(case: Case) -> None:
    every = list(range(1, len(case.lower[0])))
    radii = np.array(case.fast(every))
    assert (np.diff(radii, axis=1) >= 0).all()


@few
@given(case=cases("integer"))
def test_tighter_bounds_never_shrink_the_radius(case: Case) -> None:
    total = math.comb(case.num_features, case.num_kept)
    lower, upper = [list(low) for low in case.lower], [list(up) for up in case.upper]
    for low, up, label in zip(lower, upper, case.labels, strict=True):
        low[label] = min(low[label] + 1, total)
        up[:] = [value if j == label else max(value - 1, 0) for j, value in enumerate(up)]
    tighter = Case(
        num_features=case.num_features,
        num_kept=case.num_kept,
        lower=lower,
        upper=upper,
        labels=case.labels,
        ks=case.ks,
    )
    assert (np.array(tighter.fast()) >= np.array(case.fast())).all()


@few
@given(case=cases("float32"), data=st.data())
def test_only_the_labels_lower_and_the_others_upper_bounds_count(
    case: Case, data: st.DataObject
) -> None:
    lower, upper = as_array(case.lower), as_array(case.upper)
    rows = np.arange(len(lower))
    share = np.float32(data.draw(st.floats(0.0, 1.0, width=32)))
    filled = upper * share  # below the upper bounds
    filled[rows, case.labels] = lower[rows, case.labels]
    lowered = upper.copy()
    lowered[rows, case.labels] = lower[rows, case.labels]
    found = certified_radius(
        filled,
        lowered,
        case.labels,
        k=case.ks,
        num_features=case.num_features,
        num_kept=case.num_kept,
    )
    assert found.tolist() == case.fast()


@few
@given(case=cases("float64"), data=st.data())
def test_the_order_of_classes_does_not_matter(case: Case, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(case.lower[0]))))
    shuffled = Case(
        num_features=case.num_features,
        num_kept=case.num_kept,
        lower=[[low[j] for j in order] for low in case.lower],
        upper=[[up[j] for j in order] for up in case.upper],
        labels=[order.index(label) for label in case.labels],
        ks=case.ks,
    )
    assert shuffled.fast() == case.fast()


def test_many_inputs_at_once_are_each_decided_alone() -> None:
    # 3,000 x 700 cells are partitioned in several chunks.
    generator = np.random.default_rng(3)
    upper = generator.dirichlet(np.full(700, 0.02), size=3000)
    labels = upper.argmax(axis=1)
    lower = upper * 0.99
    together = certified_radius(lower, upper, labels, k=[1, 3], num_features=1024, num_kept=50)
    assert together.shape == (3000, 2)
    assert len(np.unique(together)) > 5
    for i in (0, 1, 1496, 1497, 1498, 1499, 2998, 2999):
        alone = certified_radius(
            lower[i : i + 1],
            upper[i : i + 1],
            labels[i : i + 1],
            k=[1, 3],
            num_features=1024,
            num_kept=50,
        )
        assert alone.tolist() == together[i : i + 1].tolist()


# Forms of input and output.


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64, np.int64, object])
def test_every_integer_type_means_the_same(dtype: Any) -> None:
    lower, upper = np.array([[13, 0, 0]]), np.array([[15, 1, 1]])
    found = certified_radius(
        lower.astype(dtype), upper.astype(dtype), [0], k=[1, 2], num_features=6, num_kept=2
    )
    assert found.tolist() == [[1, 1]]
    assert found.dtype == np.int64


def test_one_k_gives_one_column_less() -> None:
    lower, upper = np.array([[0.9, 0.0], [0.0, 0.9]]), np.array([[1.0, 0.05], [0.05, 1.0]])
    one = certified_radius(lower, upper, [0, 1], k=np.int64(1), num_features=1024, num_kept=50)
    several = certified_radius(lower, upper, [0, 1], k=(1,), num_features=1024, num_kept=50)
    assert one.tolist() == [10, 10]
    assert several.tolist() == [[10], [10]]


def test_no_inputs_give_no_radii() -> None:
    nothing = np.zeros((0, 4))
    labels = np.zeros(0, np.int64)
    assert certified_radius(nothing, nothing, labels, k=1, num_features=6, num_kept=2).shape == (0,)
    assert certified_radius(
        nothing, nothing, labels, k=[1, 2], num_features=6, num_kept=2
    ).shape == (0, 2)


def test_the_arguments_are_left_as_they_were() -> None:
    lower, upper = np.array([[0.9, 0.0, 0.0]]), np.array([[1.0, 0.05, 0.02]])
    before = lower.copy(), upper.copy()
    certified_radius(lower, upper, [0], k=1, num_features=6, num_kept=2)
    assert np.array_equal(lower, before[0])
    assert np.array_equal(upper, before[1])


# Bad input.

LOW, UP = [[0.9, 0.0, 0.0]], [[1.0, 0.05, 0.02]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lower": [[math.nan, 0.0, 0.0]]}, r"lower bounds must be in \[0, 1\], got nan"),
        ({"upper": [[1.0, math.nan, 0.0]]}, r"upper bounds must be in \[0, 1\], got nan"),
        ({"upper": [[1.0, math.inf, 0.0]]}, r"upper bounds must be in \[0, 1\], got inf"),
        ({"lower": [[-math.inf, 0.0, 0.0]]}, r"lower bounds must be in \[0, 1\], got -inf"),
        ({"lower": [[-1e-300, 0.0, 0.0]]}, r"lower bounds must be in \[0, 1\], got -1e-300"),
        (
            {"upper": [[math.nextafter(1.0, 2.0), 0.0, 0.0]]},
            r"upper bounds must be in \[0, 1\], got 1.0000000000000002",
        ),
        (
            {"lower": [[0.9, 0.0, 0.03]]},
            "lower bound 0.03 is above upper bound 0.02 for input 0, class 2",
        ),
        (
            {"lower": [[13, 0, 0]], "upper": [[16, 1, 1]]},
            r"upper bounds must be integers .* 0 \.\. 15, got 16",
        ),
        (
            {"lower": [[-1, 0, 0]], "upper": [[15, 1, 1]]},
            r"lower bounds must be integers .* got -1",
        ),
        ({"lower": [[13, 0, 2]], "upper": [[15, 1, 1]]}, "lower bound 2 is above upper bound 1"),
        (
            {"lower": [[Fraction(1, 2), 0, 0]], "upper": [[Fraction(3, 2), 0, 0]]},
            r"upper bounds must be in \[0, 1\], got 3/2",
        ),
        (
            {
                "lower": np.array([[2**64 - 1, 0]], np.uint64),
                "upper": np.array([[2**64 - 1, 0]], np.uint64),
            },
            "integer",
        ),
        ({"labels": [3]}, r"label 3 is out of range; there are 3 classes, 0 \.\. 2"),
        ({"labels": [-1]}, "label -1 is out of range"),
        ({"labels": [0.0]}, r"labels must be integers of shape \(1,\), got float64"),
        ({"labels": [True]}, r"labels must be integers of shape \(1,\), got bool"),
        ({"labels": [0, 1]}, r"labels must be integers of shape \(1,\), got int64 of shape \(2,\)"),
        ({"labels": 0}, r"labels must be integers of shape \(1,\)"),
        ({"k": 0}, r"k must lie in 1 \.\. classes - 1 = 2, got 0"),
        ({"k": -1}, "k must lie in"),
        ({"k": 3}, "k must lie in"),
        ({"k": [1, 3]}, "k must lie in"),
        ({"k": [0, 1]}, "k must lie in"),
        ({"k": True}, "k must be an integer or a non-empty sequence of integers, got True"),
        ({"k": [1, False]}, "k must be an integer"),
        ({"k": []}, "k must be an integer or a non-empty sequence"),
        ({"k": [1.0]}, "k must be an integer"),
        ({"k": "1"}, "k must be an integer"),
        (
            {"lower": [0.9, 0.0, 0.0], "upper": [1.0, 0.05, 0.02]},
            r"must both be \(inputs, classes\)",
        ),
        ({"lower": [[0.9, 0.0]]}, r"must both be \(inputs, classes\), got \(1, 2\) and \(1, 3\)"),
        ({"lower": [[[0.9]]], "upper": [[[1.0]]]}, r"must both be \(inputs, classes\)"),
        (
            {"lower": [[Fraction(1, 2), 0.25, 0.0]]},
            "lower must hold floats, or exact numbers .* not a mixture",
        ),
        (
            {"upper": [[Fraction(1), 0.25, 0.0]]},
            "upper must hold floats, or exact numbers .* not a mixture",
        ),
        ({"lower": [[Fraction(9, 10), 0, 0]]}, "must both be exact or both be floats"),
        ({"upper": [[Fraction(1), Fraction(0), 1]]}, "must both be exact or both be floats"),
        ({"lower": [["a", "b", "c"]]}, "lower must hold floats, integers or Fractions"),
        (
            {"lower": [[True, False, False]]},
            "lower must hold floats, integers or Fractions, got bool",
        ),
        ({"num_kept": 7}, r"num_kept must lie in 1 \.\. num_features = 6, got 7"),
        ({"num_kept": 0}, "num_kept must lie in"),
        ({"num_features": 0}, "num_features must lie in 1"),
    ],
)
def test_bad_input_is_refused_with_its_value(changes: dict[str, Any], message: str) -> None:
    good = {"lower": LOW, "upper": UP, "labels": [0], "k": 1, "num_features": 6, "num_kept": 2}
    assert certified_radius(**good).tolist() == [1]
    with pytest.raises(ValueError, match=message):
        certified_radius(**(good | changes))
