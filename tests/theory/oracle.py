"""Eq. 6 in exact fractions, slow and straight from the paper's formulas: what the fast code is
compared with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

Number = int | Fraction | float | np.float32  # an int counts units of 1/C(d, e)

ABSTAIN = -1


def oracle_radius(
    lower: Sequence[Number],
    upper: Sequence[Number],
    label: int,
    *,
    k: int,
    num_features: int,
    num_kept: int,
    num_named: int = 1,
) -> int:
    """The largest r that Eq. 6 holds for, of one input; -1 where it does not even hold for r = 0.

    With `num_named` (w) above 1 it is Theorem 1 with ballots, in the form that
    docs/theory/theorem-h.md proves it in.
    """
    p_label, rivals = _quantized(lower, upper, label, k, math.comb(num_features, num_kept))
    radius = ABSTAIN
    for r in range(num_features + 1):
        beta = _beta(r, num_features, num_kept)
        if (
            _holds(p_label, rivals, beta)
            if num_named == 1
            else ballots_hold(p_label, rivals, beta, len(upper), num_named)
        ):
            radius = r
        elif num_features > 100:
            break  # the left side of Eq. 6 falls with r and the right side rises: nothing is missed
    return radius


def oracle_margin(
    lower: Sequence[Number],
    upper: Sequence[Number],
    label: int,
    *,
    k: int,
    num_features: int,
    num_kept: int,
    r: int,
) -> Fraction:
    """By how much beta(r) exceeds what Eq. 6 asks of it: the largest of beta - (P_t + 1 + t (1 -
    p)) / (t + 1).
    """
    p_label, rivals = _quantized(lower, upper, label, k, math.comb(num_features, num_kept))
    needs = [
        (capped + 1 + t * (1 - p_label)) / (t + 1)
        for t, capped in enumerate(_capped_sums(p_label, rivals), start=1)
    ]
    return _beta(r, num_features, num_kept) - min(needs)


def _holds(p_label: Fraction, rivals: list[Fraction], beta: Fraction) -> bool:
    """Eq. 6."""
    right = [
        (capped + 1 - beta) / t for t, capped in enumerate(_capped_sums(p_label, rivals), start=1)
    ]
    return p_label - (1 - beta) > min(right)


def ballots_hold(
    p_label: Fraction, rivals: Sequence[Fraction], beta: Fraction, classes: int, named: int
) -> bool:
    """Theorem 1 with ballots, `rivals` being the k largest, ascending."""
    v, total = 1 - beta, Fraction(0)
    for t, rival in enumerate(rivals, start=1):
        total += rival
        surviving = min(total - max(0, named - classes + t) * v, named - p_label - (named - 1) * v)
        if t * (p_label - v) > surviving + min(t, named) * v:
            return True
    return False


def _capped_sums(p_label: Fraction, rivals: list[Fraction]) -> list[Fraction]:
    """P_t for t = 1 .. k."""
    out, total = [], Fraction(0)
    for rival in rivals:
        total += rival
        out.append(min(total, 1 - p_label))
    return out


def _quantized(
    lower: Sequence[Number], upper: Sequence[Number], label: int, k: int, total: int
) -> tuple[Fraction, list[Fraction]]:
    """Eq. 4: the label's lower bound, and the k largest upper bounds of the others, ascending."""
    p_label = Fraction(math.ceil(_exact(lower[label], -math.inf, total) * total), total)
    others = [
        Fraction(math.floor(_exact(value, math.inf, total) * total), total)
        for j, value in enumerate(upper)
        if j != label
    ]
    return p_label, sorted(others)[-k:]


def _exact(value: Number, outward: float, total: int) -> Fraction:
    """The bound as a fraction in [0, 1]; a float first moves outward by one unit in the last place
    of its own type.
    """
    if isinstance(value, int):
        return Fraction(value, total)
    if isinstance(value, Fraction):
        return value
    if isinstance(value, np.float32):
        moved = float(np.nextafter(value, np.float32(outward)))
    else:
        moved = math.nextafter(value, outward)
    return min(max(Fraction(moved), Fraction(0)), Fraction(1))


@lru_cache(maxsize=4096)
def _beta(r: int, num_features: int, num_kept: int) -> Fraction:
    return Fraction(math.comb(num_features - r, num_kept), math.comb(num_features, num_kept))
