"""Thresholds of the rounded Gaussian are the exact ones rounded, and what that does to the law is
bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest

from topcert.theory.rounded_gaussian import (
    BITS,
    LEAST_DEVIATION,
    rounded_law_error,
    rounded_thresholds,
)

WHOLE = 2**BITS
# From sigma 0.1 and 0.3 on their grids, and the least; the first two are no round numbers, as
# floats are not.
DEVIATIONS = [
    pytest.param(255 * 128 * Fraction(0.1), id="0.1"),
    pytest.param(255 * 32 * Fraction(0.3), id="0.3"),
    pytest.param(Fraction(LEAST_DEVIATION), id="least"),
]


@pytest.fixture(autouse=True)
def thirty_digits() -> Iterator[None]:
    with mpmath.workdps(30):
        yield


def chance_within(n: int, deviation: Fraction) -> mpmath.mpf:
    """P(|N| < n), by another route: the error function of mpmath."""
    return mpmath.erf(
        (2 * n - 1) / (2 * mpmath.sqrt(2) * mpmath.mpf(deviation.numerator) / deviation.denominator)
    )


def variation(thresholds: list[int], exact: list[mpmath.mpf]) -> mpmath.mpf:
    """Half the sum of |drawn - true| over every integer, of a sampler with these thresholds.

    `exact` holds P(|N| < n) for n = 1, 2, ..., one more than there are thresholds. N and -N share
    the mass of |N| alike in both laws; what lies beyond the last step is never drawn.
    """
    drawn = [mpmath.mpf(b - a) / WHOLE for a, b in pairwise([0, *thresholds, WHOLE])]
    true = [b - a for a, b in pairwise([mpmath.mpf(0), *exact])]
    off = [abs(one - other) for one, other in zip(drawn, true, strict=True)]
    return (mpmath.fsum(off) + 1 - exact[-1]) / 2


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_every_threshold_is_the_exact_one_rounded_and_the_law_is_as_near_as_said(
    deviation: Fraction,
) -> None:
    thresholds = rounded_thresholds(deviation)
    assert thresholds.dtype == np.uint64
    found = [int(threshold) for threshold in thresholds]
    assert all(a <= b for a, b in pairwise([0, *found, WHOLE]))
    exact = [chance_within(n, deviation) for n in range(1, len(found) + 2)]
    worst = max(
        abs(chance * WHOLE - threshold) for chance, threshold in zip(exact[:-1], found, strict=True)
    )
    assert worst <= mpmath.mpf("0.5") + mpmath.mpf(2) ** -20
    assert exact[-1] * WHOLE >= WHOLE - mpmath.mpf("0.5")  # none is missing
    assert len(found) < 10 * deviation

    message = Fraction(rounded_law_error(deviation, width=1))
    drawn = variation(found, exact)
    assert drawn <= mpmath.mpf(message.numerator) / message.denominator
    assert (
        drawn > mpmath.mpf(message.numerator) / message.denominator / 10
    )  # and it is not empty talk
    found[100] += 2**16  # a fault in one entry is seen
    assert variation(found, exact) > mpmath.mpf(message.numerator) / message.denominator


def test_the_mass_beyond_the_last_threshold_is_what_the_bound_takes_it_for() -> None:
    assert 1 - mpmath.erf(mpmath.mpf("9.17") / mpmath.sqrt(2)) < mpmath.mpf(2) ** -64


def test_a_large_deviation_is_as_exact() -> None:
    deviation = Fraction(255 * 128)
    found = rounded_thresholds(deviation)
    for n in (1, 2, 1000, 100_000, 200_000, len(found)):
        assert abs(chance_within(n, deviation) * WHOLE - int(found[n - 1])) <= mpmath.mpf("0.51")


@pytest.mark.parametrize("width", [1, 3072, 150_528])
def test_the_law_error_grows_with_the_values_and_is_rounded_up(width: int) -> None:
    deviation = 255 * 128 * Fraction(0.1)
    exact = width * (10 * deviation + 2) / 2**64
    assert (
        exact
        < Fraction(rounded_law_error(deviation, width=width))
        < exact * (1 + Fraction(1, 2**50))
    )
    assert rounded_law_error(deviation, width=10**30) == 1.0


def test_a_deviation_that_nothing_is_proven_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 1024 steps, got 1023\.5"):
        rounded_thresholds(Fraction(2047, 2))
