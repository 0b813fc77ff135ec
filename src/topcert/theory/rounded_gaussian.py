"""The rounded Gaussian N = floor(s Z + 1/2), Z standard normal: its distribution in integers, and
how exact they are.

s, the deviation in steps of the grid, is rational. With h = 1/s the mass of a step n is

    P(N = n) = h phi(n h) I(n),
    I(n) = integral over t in (-1/2, 1/2) of exp(-h^2 t^2 / 2) cosh(n h^2 t).

Everything is done in integers, units of 2^-192. exp(-n^2 h^2 / 2) comes from the one before by a
factor, which comes from the one before by the factor exp(-h^2). I is a polynomial in n^2, cut where
what is left is below 2^-130. The masses sum to 1, which gives the constant in front; steps of a
density below 2^-100 of the highest are left out. See docs/theory/gaussian-grid.md for the errors:
in all less than 2^-90.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

BITS: Final = 63  # of a word, beside its sign
LEAST_DEVIATION: Final = 1024  # for which the errors are proven

_UNIT: Final = 192
_CUT: Final = 100
_EVEN: Final = 7  # powers of n^2 in I
_NARROW: Final = 6  # powers of h^2 in each
_FAR: Final = 10  # P(|Z| > 9.17) < 2^-64


def rounded_thresholds(deviation: Fraction) -> NDArray[np.uint64]:
    """t_n = round(2^63 P(|N| < n)), n = 1, 2, ..., as long as it is below 2^63: uint64, fewer than
    10 s.

    None is below one before it, and |N| is the number of thresholds that are not above a random
    number of 63 bits. Raises ValueError for a deviation s below `LEAST_DEVIATION`.
    """
    if deviation < LEAST_DEVIATION:
        raise ValueError(
            f"the deviation must be at least {LEAST_DEVIATION} steps, got {float(deviation):g}"
        )
    narrow = 1 / deviation**2
    row = _polynomial(narrow)
    square = _fixed(narrow**2)
    weight, fall, ratio = 1 << _UNIT, _exponential(narrow / 2), _exponential(narrow)
    masses: list[int] = []
    while weight >> (_UNIT - _CUT):
        argument = len(masses) ** 2 * square
        integral = 0
        for coefficient in row:
            integral = (integral * argument >> _UNIT) + coefficient
        masses.append(weight * integral >> _UNIT)
        weight = weight * fall >> _UNIT
        fall = fall * ratio >> _UNIT
    total = 2 * sum(masses) - masses[0]
    below = masses[0]
    found = []
    for mass in masses[1:]:
        threshold = ((below << (BITS + 1)) + total) // (2 * total)
        if threshold >> BITS:
            break
        found.append(threshold)
        below += 2 * mass
    return np.array(found, np.uint64)


def rounded_law_error(deviation: Fraction, *, width: int) -> float:
    """By how much, at most, the probability of any event differs between `width` values drawn by
    `rounded_thresholds` of random words and as many rounded Gaussian ones; rounded up.
    """
    exact = width * (_FAR * deviation + 2) / 2 ** (BITS + 1)
    return min(1.0, math.nextafter(float(exact), math.inf))


def _polynomial(narrow: Fraction) -> list[int]:
    """I as a polynomial in (n h^2)^2, highest power first: a double series whose t is integrated
    term by term.
    """
    row = []
    for even in range(_EVEN):
        terms = (
            (-narrow / 2) ** i / math.factorial(i) / 4 ** (i + even) / (2 * (i + even) + 1)
            for i in range(_NARROW)
        )
        row.append(_fixed(sum(terms, start=Fraction(0)) / math.factorial(2 * even)))
    return row[::-1]


def _exponential(x: Fraction) -> int:
    """exp(-x) for small x, in units."""
    total = term = Fraction(1)
    power = 0
    while term > Fraction(1, 2 << _UNIT):
        power += 1
        term = term * x / power
        total += term if power % 2 == 0 else -term
    return _fixed(total)


def _fixed(x: Fraction) -> int:
    return (x.numerator << _UNIT) // x.denominator
