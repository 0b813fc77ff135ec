"""Thresholds of Lee et al. 2019 equal slow exact oracles, no classifier beats them, and the radius
is decided exactly.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.discrete_radius import (
    MAX_RADIUS,
    NEARLY_ONE,
    lee_radius,
    lee_threshold,
    lee_thresholds,
)

HALF = Fraction(1, 2)
KEEPS = [Fraction(text) for text in ("1/100", "1/10", "1/4", "1/3", "1/2", "3/5", "4/5", "99/100")]

# Rounded up at the 20th decimal: the tables that the paper's authors publish with their code for
# ImageNet (256 values) and binary MNIST (2 values; theirs are one unit more, for they round a tie
# up to the next outcome of the whole image).
PUBLISHED = {
    ("0.1", 256): [
        "0.50000000000000000000",
        "0.59647058823529411765",
        "0.68295363321799307959",
        "0.76055123631182576837",
        "0.83023729891356664791",
        "0.89287305667932925640",
        "0.94922067338412486925",
        "0.98739814896523242496",
    ],
    ("0.2", 256): [
        "0.50000000000000000000",
        "0.69686274509803921569",
        "0.85373533256439830835",
        "0.97898829668830238747",
        "0.99493645881485561183",
        "0.99619020439204454170",
        "0.99744272681434420339",
        "0.99864514829441225005",
        "0.99976849778447424675",
        "0.99993970389648837618",
    ],
    ("0.3", 256): [
        "0.50000000000000000000",
        "0.79725490196078431373",
        "0.99624083044982698962",
        "0.99737874187152754220",
    ],
    ("0.5", 256): [
        "0.50000000000000000000",
        "0.99803921568627450981",
        "0.99901576316801230297",
        "0.99998848105178249693",
    ],
    ("0.8", 2): [
        "0.50000000000000000000",
        "0.87500000000000000000",
        "0.96875000000000000000",
        "0.99218750000000000000",
    ],
}


def outcomes(keep: Fraction, values: int, x: tuple[int, ...]) -> list[Fraction]:
    """The probability of every noisy version of x, in the order of `itertools.product`."""
    other = (1 - keep) / (values - 1)
    return [
        math.prod(
            (keep if shown == value else other for shown, value in zip(noisy, x, strict=True)),
            start=Fraction(1),
        )
        for noisy in itertools.product(range(values), repeat=len(x))
    ]


def fill(masses: list[tuple[Fraction, Fraction]]) -> Fraction:
    """The most probability for x of a function that has 1/2 for x + delta, from pairs (for x, for x
    + delta).
    """
    left, won = HALF, Fraction(0)
    for clean, attacked in sorted(masses, key=lambda pair: pair[0] / pair[1], reverse=True):
        taken = min(left, attacked)
        won += clean * taken / attacked
        left -= taken
    assert left == 0
    return won


def by_enumeration(radius: int, keep: Fraction, values: int) -> Fraction:
    x, attacked = (0,) * radius, (1,) * radius
    return fill(list(zip(outcomes(keep, values, x), outcomes(keep, values, attacked), strict=True)))


def by_differences(radius: int, keep: Fraction, values: int) -> Fraction:
    """The table of the paper: (u, v), how many of the changed channels differ from x and from x +
    delta.
    """
    other = (1 - keep) / (values - 1)
    masses = []
    for u, v in itertools.product(range(radius + 1), repeat=2):
        show_x, show_attacked = radius - u, radius - v
        rest = radius - show_x - show_attacked
        if rest >= 0:
            ways = math.comb(radius, show_x) * math.comb(u, show_attacked) * (values - 2) ** rest
            if ways:
                masses.append(
                    (ways * keep**show_x * other**u, ways * keep**show_attacked * other**v)
                )
    assert sum(clean for clean, _ in masses) == sum(attacked for _, attacked in masses) == 1
    return fill(masses)


@pytest.mark.parametrize("values", [2, 3, 4])
@pytest.mark.parametrize("keep", KEEPS)
def test_thresholds_are_those_of_all_outcomes_one_by_one(keep: Fraction, values: int) -> None:
    found = lee_thresholds(keep_probability=keep, num_values=values, max_radius=3)
    assert found == [by_enumeration(radius, keep, values) for radius in range(4)]


@pytest.mark.parametrize(
    "keep", ["0.1", "0.2", "0.3", "0.4", "0.5", "0.8", "0.001", "1/255", "1/257"]
)
def test_thresholds_are_those_of_the_papers_table(keep: str) -> None:
    found = lee_thresholds(keep_probability=keep, num_values=256, max_radius=24)
    for radius in (1, 2, 3, 7, 12, 24):
        assert found[radius] == by_differences(radius, Fraction(keep), 256)
        assert found[radius] == lee_threshold(radius, keep_probability=keep, num_values=256)


@pytest.mark.parametrize(("keep", "values"), PUBLISHED)
def test_thresholds_are_the_published_ones(keep: str, values: int) -> None:
    published = [Fraction(text) for text in PUBLISHED[keep, values]]
    found = lee_thresholds(keep_probability=keep, num_values=values, max_radius=len(published) - 1)
    assert [Fraction(math.ceil(threshold * 10**20), 10**20) for threshold in found] == published


@settings(max_examples=60)
@given(
    keep=st.fractions(Fraction(1, 500), Fraction(499, 500), max_denominator=500),
    values=st.integers(2, 300),
    radius=st.integers(0, 9),
)
def test_thresholds_of_any_noise(keep: Fraction, values: int, radius: int) -> None:
    assert lee_threshold(radius, keep_probability=keep, num_values=values) == by_differences(
        radius, keep, values
    )


# No classifier beats a threshold, and nearly one meets it.


@pytest.mark.parametrize("keep", ["1/10", "1/4", "2/5", "1/2", "3/5", "9/10"])
@pytest.mark.parametrize(("values", "channels"), [(2, 3), (2, 4), (3, 2), (4, 2)])
def test_every_classifier_above_the_threshold_keeps_more_than_half(
    keep: str, values: int, channels: int
) -> None:
    spaces = list(itertools.product(range(values), repeat=channels))
    masses = [outcomes(Fraction(keep), values, x) for x in spaces]
    unit = math.lcm(*(mass.denominator for mass in masses[0]))
    whole = np.array([[int(mass * unit) for mass in row] for row in masses])
    # every subset of the outcomes
    classifiers = np.arange(2 ** len(spaces))[:, None] >> np.arange(len(spaces)) & 1
    sizes = classifiers @ whole.T  # one column for every input
    clean = sizes[:, 0]
    changed = np.count_nonzero(np.array(spaces), axis=1)
    for radius in range(channels + 1):
        threshold = lee_threshold(radius, keep_probability=keep, num_values=values)
        weakest = sizes[:, changed <= radius].min(axis=1)
        above = np.array([mass > threshold * unit for mass in range(unit + 1)])[clean]
        assert (2 * weakest[above] > unit).all()
        # Whole outcomes fill the half to within one of them.
        best = int(clean[2 * weakest <= unit].max())
        assert 0 <= threshold * unit - best < whole[0].max()


def test_a_threshold_that_is_met_leaves_exactly_half() -> None:
    # Two values, a = 3/4: showing x's value has 3/4 for x and 1/4 for x + delta. A third of the
    # rest, 1/4 for x and 3/4 for x + delta, makes 1/2 for x + delta.
    assert (
        lee_threshold(1, keep_probability="3/4", num_values=2)
        == Fraction(3, 4) + Fraction(1, 4) / 3
    )
    # a = 1/2 of three values: showing neither x nor x + delta has 1/4 for both, so whole outcomes
    # meet the threshold.
    keep, values = HALF, 3
    clean, attacked = outcomes(keep, values, (0,)), outcomes(keep, values, (1,))
    chosen = [0, 2]
    assert sum(attacked[i] for i in chosen) == HALF
    assert sum(clean[i] for i in chosen) == lee_threshold(
        1, keep_probability=keep, num_values=values
    )
    assert lee_radius([0.75], keep_probability=keep, num_values=values, max_radius=5).tolist() == [
        0
    ]
    above = math.nextafter(0.75, 1.0)
    assert lee_radius([above], keep_probability=keep, num_values=values, max_radius=5).tolist() == [
        1
    ]


# How thresholds go on.


@pytest.mark.parametrize("values", [2, 3, 256])
@pytest.mark.parametrize("keep", ["0.001", "0.1", "0.35", "0.5", "0.8", "0.99"])
def test_thresholds_start_at_one_half_never_fall_and_stay_below_one(keep: str, values: int) -> None:
    found = lee_thresholds(keep_probability=keep, num_values=values, max_radius=40)
    assert found[0] == HALF
    assert all(before <= after < 1 for before, after in itertools.pairwise(found))
    if Fraction(keep) != Fraction(1, values):
        assert found[0] < found[1]


def test_without_a_radius_the_last_threshold_is_the_first_that_is_nearly_one() -> None:
    for keep in ("0.1", "0.2", "0.3", "0.4", "0.5", "0.8", "0.9", "0.99"):
        found = lee_thresholds(keep_probability=keep, num_values=256)
        assert found[-2] < NEARLY_ONE <= found[-1] < 1
        assert found == lee_thresholds(
            keep_probability=keep, num_values=256, max_radius=len(found) - 1
        )


def test_all_thresholds_of_the_papers_noises_take_less_than_a_second() -> None:
    began = time.process_time()
    for keep in ("0.1", "0.2", "0.3", "0.4", "0.5", "0.8", "0.9", "0.99"):
        lee_thresholds(keep_probability=keep, num_values=256)
    assert time.process_time() - began < 1.0


def test_uniform_noise_tells_nothing_and_holds_everywhere() -> None:
    uniform: dict[str, Any] = {"keep_probability": Fraction(1, 4), "num_values": 4}
    assert lee_thresholds(**uniform, max_radius=6) == [HALF] * 7
    assert lee_radius([0.4, 0.5, 0.6, 1.0], **uniform, max_radius=10**6).tolist() == [
        ABSTAIN,
        ABSTAIN,
        10**6,
        10**6,
    ]


def test_a_float_stands_for_the_decimal_it_prints_as() -> None:
    expected = lee_threshold(5, keep_probability=Fraction(1, 5), num_values=256)
    for same in (0.2, "0.2", ".2", "1/5", "2e-1", np.float64(0.2), np.float32(0.2)):
        assert lee_threshold(5, keep_probability=same, num_values=256) == expected  # type: ignore[arg-type]
    assert lee_threshold(5, keep_probability=Fraction(0.2), num_values=256) != expected


# The radius.


def exact_radius(bound: float, thresholds: list[Fraction]) -> int:
    return sum(Fraction(bound) > threshold for threshold in thresholds) - 1


@pytest.mark.parametrize(
    ("keep", "values"),
    [("0.2", 256), ("0.5", 256), ("0.8", 2), ("3/4", 2), ("0.05", 3), ("0.5", 3)],
)
def test_radii_are_decided_exactly_at_the_last_bit(keep: str, values: int) -> None:
    thresholds = lee_thresholds(keep_probability=keep, num_values=values, max_radius=60)
    bounds = [0.0, 5e-324, 0.25, math.nextafter(1.0, 0.0)]
    for threshold in thresholds:
        nearest = float(threshold)
        bounds += [math.nextafter(nearest, 0.0), nearest, math.nextafter(nearest, 1.0)]
    found = lee_radius(
        [bound for bound in bounds if bound < 1],
        keep_probability=keep,
        num_values=values,
        max_radius=60,
    )
    assert found.tolist() == [exact_radius(bound, thresholds) for bound in bounds if bound < 1]
    assert found.dtype == np.int64
    assert set(found.tolist()) >= {ABSTAIN, 0, 1, 2, 3}


@settings(max_examples=60)
@given(
    keep=st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=50),
    values=st.integers(2, 5),
    bounds=st.lists(st.floats(0, 1), max_size=5),
    max_radius=st.integers(0, 12),
)
def test_radii_of_any_bounds(
    keep: Fraction, values: int, bounds: list[float], max_radius: int
) -> None:
    thresholds = lee_thresholds(keep_probability=keep, num_values=values, max_radius=max_radius)
    found = lee_radius(
        np.array(bounds), keep_probability=keep, num_values=values, max_radius=max_radius
    )
    assert found.tolist() == [exact_radius(bound, thresholds) for bound in bounds]


def test_a_bound_of_one_holds_for_every_channel_at_once() -> None:
    bounds = [1.0, math.nextafter(1.0, 0.0), 0.999, 0.5, 0.500001, 0.0]
    found = lee_radius(bounds, keep_probability=0.2, num_values=256, max_radius=150_528)
    assert found.tolist() == [150_528, 42, 7, ABSTAIN, 0, ABSTAIN]
    assert lee_radius(bounds, keep_probability=0.2, num_values=256, max_radius=5).tolist() == [
        5,
        5,
        5,
        -1,
        0,
        -1,
    ]
    assert lee_radius(bounds, keep_probability=0.2, num_values=256, max_radius=0).tolist() == [
        0,
        0,
        0,
        -1,
        0,
        -1,
    ]
    # Noise that is nearly uniform would need a table without end, but not for these.
    nearly: dict[str, Any] = {"keep_probability": "0.004", "num_values": 256, "max_radius": 150_528}
    assert lee_radius([1.0, 0.5, 0.5001], **nearly).tolist() == [150_528, ABSTAIN, 1]


def test_radii_keep_the_shape_and_read_short_floats_exactly() -> None:
    noise: dict[str, Any] = {"keep_probability": HALF, "num_values": 3, "max_radius": 9}
    assert lee_radius(np.array([[0.75, 0.76, 1.0]]), **noise).tolist() == [[0, 1, 9]]
    assert lee_radius(0.76, **noise).shape == ()
    assert lee_radius(np.array([]), **noise).tolist() == []
    short = np.nextafter(np.float32(0.75), np.float32(1))
    assert lee_radius(np.array([0.75, short], np.float32), **noise).tolist() == [0, 1]


# What is refused.


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"keep_probability": 0}, "strictly between 0 and 1"),
        ({"keep_probability": 1.0}, "strictly between 0 and 1"),
        ({"keep_probability": 1.5}, "strictly between 0 and 1"),
        ({"keep_probability": Fraction(-1, 2)}, "strictly between 0 and 1"),
        ({"keep_probability": -0.5}, "a decimal or a fraction"),
        ({"keep_probability": math.nan}, "a decimal or a fraction"),
        ({"keep_probability": "20%"}, "got '20%'"),
        ({"keep_probability": "1/0"}, "a decimal or a fraction"),
        ({"keep_probability": "1e-999999999"}, "a decimal or a fraction"),
        ({"keep_probability": "1e-99"}, "24 decimals"),
        ({"num_values": 1}, "num_values must lie in 2"),
        ({"num_values": 10**10}, "num_values must lie in 2"),
        ({"max_radius": -1}, "max_radius"),
    ],
)
@pytest.mark.parametrize(
    "function", [lee_thresholds, lambda **options: lee_radius([0.9], **options)]
)
def test_bad_noise_is_refused(
    function: Callable[..., object], changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        function(**{"keep_probability": 0.2, "num_values": 256, "max_radius": 3, **changed})


def test_tables_that_would_not_end_are_refused() -> None:
    with pytest.raises(ValueError, match=f"0 .. {MAX_RADIUS}"):
        lee_threshold(MAX_RADIUS + 1, keep_probability=0.2, num_values=256)
    with pytest.raises(ValueError, match="name a max_radius"):
        lee_thresholds(keep_probability="1/256", num_values=256)


def test_a_bound_beyond_the_longest_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topcert.theory.discrete_radius.MAX_RADIUS", 20)
    noise: dict[str, Any] = {"keep_probability": "0.51", "num_values": 2}
    with pytest.raises(ValueError, match="20 or less"):
        lee_radius([0.51, 0.9999], **noise, max_radius=784)
    assert lee_radius([0.51, 0.9999], **noise, max_radius=20).tolist()[1] == 20
    assert lee_radius([0.51, 1.0], **noise, max_radius=784).tolist()[1] == 784
    with pytest.raises(ValueError, match="name a max_radius"):
        lee_thresholds(**noise)


@pytest.mark.parametrize(
    "bad",
    [[math.nan], [1.0000001], [-0.1], [1], ["0.9"], [Fraction(9, 10)], np.ones(1, np.longdouble)],
)
def test_bad_bounds_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="prob_lower must hold"):
        lee_radius(bad, keep_probability=0.2, num_values=256, max_radius=3)
