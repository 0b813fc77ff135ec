"""l2 certificates of Gaussian smoothing, the compared methods: Cohen et al. 2019 (k = 1), Jia et
al. 2020 (top k).

With p the lower bound of the label, P_t the sum of the t smallest of its k strongest rivals' upper
bounds (at most 1 - p), z = Phi^-1(p) and q = Phi^-1(P_t), the label is certified wherever
|delta|_2 < R, the largest over t in 1 .. k of the R that solves

    t Phi(z - R/sigma) = Phi(q + R/sigma).

The left side falls and the right side rises with R. Written about the middle m = (z + q) / 2,

    R/sigma = (z - q) / 2 + s,  where s >= 0 solves  F(s) = ln Phi(m + s) - ln Phi(m - s) = ln t.

s = 0 for t = 1: a closed form. F(0) = 0, and F is convex, for phi/Phi is. So Newton's steps from
ln t / F'(0), which is not below the root, fall to it. P_t <= 1 - p says m <= 0, and with
Phi(y) = exp(-y^2/2) erfcx(-y/sqrt 2) / 2

    F(s) = ln erfcx((|m| - s)/sqrt 2) - ln erfcx((|m| + s)/sqrt 2) + 2 |m| s,

where nothing cancels, however small the probabilities. All is rounded toward a smaller radius. For
k <= 10 the radius is short of the exact one by less than 5e-14 (R + sigma |z|), and by less than
5e-14 R where p > 1/2; above, the sum of t bounds may add 2^-52 t of itself.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, ndtri

from topcert.theory.certified_radius import ABSTAIN, checked_ks, is_single
from topcert.theory.labels import checked_labels
from topcert.theory.ranking import strongest_rivals
from topcert.theory.whole_bounds import checked_bounds

Floats = NDArray[np.float64]

# Relative, half of it for each of z, q and F. That is 32 units of 2^-52; SciPy 1.17 is off by less
# than 4 of them in ndtri, from 5e-324 to 1 - 2^-53, and F by less than 10.
MARGIN: Final = 2.0**-46

_BEYOND: Final = 40.0  # Phi^-1 of a float64 other than 0 and 1 is nearer to 0


def l2_radius(
    prob_lower: ArrayLike,
    prob_upper: ArrayLike,
    labels: ArrayLike,
    *,
    k: int | Sequence[int],
    sigma: float,
) -> Floats:
    """l2 radius within which `labels[i]` stays among the top `k` of input i under noise `sigma`
    (Jia et al. 2020).

    `prob_lower` and `prob_upper` are `(inputs, classes)`: floats, or `Fraction`s. Only the lower
    bound of the label and the upper bounds of the others are used. `labels` is int `(inputs,)`.

    Returns float64 `(inputs,)`, or `(inputs, len(k))` for a sequence of k; NaN where nothing is
    certified. The radius is positive and has no cap: it is infinite where p > 0 and some P_t = 0,
    for what never happens never happens under a shift either. Raises ValueError for bounds outside
    [0, 1], NaN, lower above upper, labels out of range, k outside 1 .. classes - 1, or a sigma that
    is not positive and finite.
    """
    ks = checked_ks(k)
    lows, ups = _checked_probabilities(prob_lower, prob_upper)
    rows = checked_labels(labels, inputs=lows.shape[0], classes=lows.shape[1])
    if not 1 <= min(ks) <= max(ks) < lows.shape[1]:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {lows.shape[1] - 1}, got {k}")

    label_lower = _outward(lows[np.arange(len(rows)), rows], -math.inf)
    rivals = _outward(strongest_rivals(ups, rows, max(ks)), math.inf)
    shifts = np.empty((len(rows), len(ks)))
    for column, size in enumerate(ks):
        taken = np.cumsum(rivals[:, max(ks) - size :], axis=1)
        # above the exact sums of t floats
        taken[:, 1:] *= 1.0 + np.finfo(np.float64).eps * np.arange(2, size + 1)
        best = _shift(label_lower, taken[:, 0], 1)
        for t in range(2, size + 1):
            best = np.maximum(best, _shift(label_lower, taken[:, t - 1], t))
        shifts[:, column] = best
    radii = _scaled(shifts, sigma)
    return radii[:, 0] if is_single(k) else radii


def l2_radius_majority(prob_lower: ArrayLike, *, sigma: float) -> Floats:
    """l2 radius within which a label of probability `prob_lower` or more keeps a majority (Cohen et
    al. 2019).

    sigma Phi^-1(p), rounded down, in the shape of `prob_lower`; NaN where p <= 1/2, infinite where
    p = 1. Equals `l2_radius` at k = 1 where nothing is known of the rivals. Raises ValueError for
    probabilities outside [0, 1], NaN, or a sigma that is not positive and finite.
    """
    given = np.asarray(prob_lower)
    lows, _ = _checked_probabilities(given.reshape(1, -1), np.ones_like(given).reshape(1, -1))
    label_lower = _outward(lows.reshape(given.shape), -math.inf)
    return _scaled(_shift(label_lower, np.ones(label_lower.shape), 1), sigma)


def changed_units(l2: ArrayLike, *, channels: int, num_units: int) -> NDArray[np.int64]:
    """How many units of `channels` values, each in [0, 1], may change to anything within an l2
    radius (paper, Section 3).

    r changed units move the input by at most sqrt(channels r), so this is the largest r <=
    `num_units`, all there are, with channels r < R^2, decided in integers. `ABSTAIN` where R is NaN
    or 0. Raises ValueError for a negative radius, `channels` below 1 or `num_units` below 0.
    """
    width, most = operator.index(channels), operator.index(num_units)
    if width < 1 or most < 0:
        raise ValueError(
            f"channels must be at least 1 and num_units at least 0, got {channels} and {num_units}"
        )
    radii = np.asarray(l2)
    if radii.dtype.kind not in "fiu" or (radii < 0).any():
        raise ValueError(f"l2 must hold radii, positive numbers or NaN, got {l2!r}")
    out = np.full(radii.shape, ABSTAIN, np.int64)
    out[radii == np.inf] = most
    some = np.isfinite(radii) & (radii > 0)
    distinct, where = np.unique(radii[some], return_inverse=True)
    ratios = [radius.as_integer_ratio() for radius in distinct.tolist()]
    units = [min((top * top - 1) // (width * bottom * bottom), most) for top, bottom in ratios]
    out[some] = np.array(units, np.int64)[where]
    return out


def _shift(label_lower: Floats, taken: Floats, t: int) -> Floats:
    """R/sigma for one t, rounded down: of p `label_lower` and P_t the smaller of `taken` and 1 - p.
    Not positive: not certified.
    """
    z = np.clip(ndtri(label_lower), -_BEYOND, _BEYOND)
    q = np.minimum(np.clip(ndtri(np.minimum(taken, 1.0)), -_BEYOND, _BEYOND), -z)
    root = _solve_log_ratio(-(z + q) / 2, t) if t > 1 else np.zeros(z.shape)
    shift = (z - q) / 2 + root - MARGIN / 2 * (np.abs(z) + np.abs(q) + root)
    return np.where(
        label_lower == 0, -np.inf, np.where((label_lower == 1) | (taken == 0), np.inf, shift)
    )


def _solve_log_ratio(depth: Floats, t: int) -> Floats:
    """s with F(s) = ln t, rounded down, of `depth` = |m|."""
    goal = math.log(t)
    s = step = goal / _slope(depth, np.zeros(depth.shape))
    # the steps shrink quadratically: the next one would be below the rounding of F
    while (step > 1e-8 * s).any():
        step = (_log_ratio(depth, s) - goal) / _slope(depth, s)
        s = s - step
    lower, off = s * (1 - MARGIN), MARGIN
    while (unproven := ~(_log_ratio(depth, lower) <= goal * (1 - MARGIN / 2))).any():
        off *= 2
        lower = np.where(unproven, np.maximum(s * (1 - off), 0.0), lower)
    return lower


def _log_ratio(depth: Floats, s: Floats) -> Floats:
    """F(s)."""
    ratio: Floats = (
        np.log(erfcx((depth - s) / math.sqrt(2)) / erfcx((depth + s) / math.sqrt(2)))
        + 2 * depth * s
    )
    return ratio


def _slope(depth: Floats, s: Floats) -> Floats:
    """F'(s)."""
    weights: Floats = 1 / erfcx((depth - s) / math.sqrt(2)) + 1 / erfcx((depth + s) / math.sqrt(2))
    return math.sqrt(2 / math.pi) * weights


def _scaled(shift: Floats, sigma: float) -> Floats:
    if not 0.0 < sigma < math.inf:
        raise ValueError(f"sigma must be positive and finite, got {sigma}")
    with np.errstate(over="ignore", under="ignore"):
        radii = np.where(shift == np.inf, np.inf, np.nextafter(sigma * np.maximum(shift, 0.0), 0.0))
    return np.where(radii > 0, radii, np.nan)


def _outward(values: NDArray[Any], towards: float) -> Floats:
    """`values` as float64, rounded `towards` where they are none."""
    near = values.astype(np.float64)
    inward = near > values if towards < 0 else near < values
    return np.where(inward, np.nextafter(near, towards), near)


def _checked_probabilities(lower: ArrayLike, upper: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    lows, ups = (
        bounds.astype(np.float64) if bounds.dtype.kind in "iu" else bounds
        for bounds in map(np.asarray, (lower, upper))
    )
    return checked_bounds(lows, ups, 1)
