"""Bounds on probabilities as whole numbers: checked, and brought onto the grid on which a theorem
is decided.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.ranking import parts


def onto_grid(values: NDArray[Any], grid: int, *, outward: int, quantize: bool) -> NDArray[Any]:
    """Bounds in units of 1/grid: inward by Eq. 4 where `quantize`, else outward (-1 down, +1
    up).
    """
    if values.dtype.kind in "iu":
        return values
    upward = (outward < 0) == quantize
    floats = values.dtype.kind == "f"
    if floats and values.dtype.itemsize <= 8 and grid.bit_count() == 1 and grid < 2**63:
        # A float times a power of two is exact, and so is its floor.
        moved = np.nextafter(values, values.dtype.type(outward * np.inf)).astype(np.float64)
        scaled = np.ldexp(moved, grid.bit_length() - 1)
        whole = np.ceil(scaled) if upward else np.floor(scaled)
        return np.asarray(np.clip(whole, 0.0, float(grid)), np.int64)
    distinct, where = np.unique(values, return_inverse=True)
    if floats:
        distinct = np.nextafter(distinct, values.dtype.type(outward * np.inf))
    cells = []
    for value in distinct.tolist():
        if isinstance(value, int):
            cells.append(value)
            continue
        top, bottom = value.as_integer_ratio()
        scaled = -(-top * grid // bottom) if upward else top * grid // bottom
        cells.append(min(max(scaled, 0), grid))
    return np.array(cells, dtype=object)[where].reshape(values.shape)


def checked_bounds(
    lower: ArrayLike, upper: ArrayLike, total: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both bounds as arrays of one kind: float (own precision kept), integer, or object (exact)."""
    lows, ups = np.asarray(lower), np.asarray(upper)
    if lows.ndim != 2 or lows.shape != ups.shape:
        raise ValueError(
            f"lower and upper must both be (inputs, classes), got {lows.shape} and {ups.shape}"
        )
    for name, bounds in (("lower", lows), ("upper", ups)):
        if bounds.dtype == object:
            if not all(isinstance(value, (int, Fraction)) for value in bounds.flat):
                raise ValueError(
                    f"{name} must hold floats, or exact numbers (int, Fraction) only, not a mixture"
                )
        elif bounds.dtype.kind not in "fiu":
            raise ValueError(f"{name} must hold floats, integers or Fractions, got {bounds.dtype}")
    whole = _all_integers(lows) and _all_integers(ups)
    if whole:
        limit, unit = (
            total,
            f"integers in units of 1/C(d, e), 0 .. {total if total < 10**12 else 'C(d, e)'}",
        )
        fits = total < 2**62
        lows, ups = (_as_integers(bounds, fits=fits) for bounds in (lows, ups))
    elif object in (lows.dtype, ups.dtype):
        if "f" in (lows.dtype.kind, ups.dtype.kind):
            raise ValueError("lower and upper must both be exact or both be floats")
        limit, unit = 1, "in [0, 1]"
        lows, ups = (_as_fractions(bounds) for bounds in (lows, ups))
    else:
        limit, unit = 1, "in [0, 1]"
        lows, ups = (
            bounds if bounds.dtype.kind == "f" else bounds.astype(np.float64)
            for bounds in (lows, ups)
        )
    if lows.size:
        for rows in parts(*lows.shape):
            low, up = lows[rows], ups[rows]
            if not (low.min() >= 0 and up.max() <= limit and (low <= up).all()):
                _refuse(lows, ups, limit, unit)
    return lows, ups


def _refuse(lows: NDArray[Any], ups: NDArray[Any], limit: int, unit: str) -> NoReturn:
    for name, bounds in (("lower", lows), ("upper", ups)):
        least, greatest = bounds.min(), bounds.max()
        if not (least >= 0 and greatest <= limit):
            bad = least if not least >= 0 else greatest
            raise ValueError(f"{name} bounds must be {unit}, got {bad}")
    row, column = np.argwhere(lows > ups)[0]
    raise ValueError(
        f"lower bound {lows[row, column]} is above upper bound {ups[row, column]} for input"
        f" {row}, class {column}"
    )


def _all_integers(bounds: NDArray[Any]) -> bool:
    if bounds.dtype == object:
        return all(isinstance(value, int) for value in bounds.flat)
    return bounds.dtype.kind in "iu"


def _as_integers(bounds: NDArray[Any], *, fits: bool) -> NDArray[Any]:
    exact = (
        np.array([int(value) for value in bounds.flat], dtype=object).reshape(bounds.shape)
        if not fits
        else bounds
    )
    if fits and bounds.dtype != np.int64:
        if bounds.size and not -(2**63) <= bounds.min() <= bounds.max() < 2**63:
            raise ValueError("integer bounds must lie in 0 .. C(d, e)")
        exact = bounds.astype(np.int64)
    return exact


def _as_fractions(bounds: NDArray[Any]) -> NDArray[Any]:
    exact = [
        value if isinstance(value, Fraction) else Fraction(int(value)) for value in bounds.flat
    ]
    return np.array(exact, dtype=object).reshape(bounds.shape)
