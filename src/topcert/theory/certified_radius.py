"""THE theorem (Eq. 6): the largest number of changed features that cannot push a label out of the
top k.

With p the lower bound of the label, P_t the sum of the t smallest of its k strongest rivals' upper
bounds (at most 1 - p) and b = beta(r), the label is certified at r when, for some t in 1 .. k,

    p - (1 - b) > (P_t + 1 - b) / t        that is        (t + 1) b > P_t + 1 + t (1 - p).

Where each ablated input names w of c labels (a ballot; docs/theory/theorem-h.md) it is certified
when, with v = 1 - b,

    t p - P_t > (t + min(t, w) - max(0, w - c + t)) v   for some t,   or
    (k + 1) p > w + (k + 1) v                           and  k >= w.

For w = 1 that is Eq. 6: the second line is its cap, 1 - p, at t = k, where it tells most. So with
q_t the factor of v, and q = k + 1 beside the second line, one rule decides all: b > 1 - s / q,
where s is the left side less what has no v.

All of it is decided in integers, in units of 1/G ("the grid"):

- C(d, e) fits: G = C(d, e). Probabilities are whole multiples of 1/G, so bounds are quantized
  inward, p up and the rivals down (Eq. 4). A float is first moved outward by one ulp, for its last
  bit may hide which side of a multiple it is on.
- C(d, e) is huge: G is a power of two that fits, and bounds and beta are rounded outward onto it.
  Skipping Eq. 4 is sound: it would only raise p and lower the rivals, and the left side of Eq. 6
  rises with p while the right side rises with the rivals and falls with p. It costs less than
  (k + 3) / G in beta, where G >= 2^58 for k <= 13.
- Exact input (integers in units of 1/C(d, e), or Fraction) is never rounded; where C(d, e) is huge,
  G is still C(d, e) and the same lines run on Python's integers.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, SupportsIndex, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.counting import kept_sets, survival
from topcert.theory.labels import checked_labels, checked_num_named
from topcert.theory.ranking import strongest_rivals
from topcert.theory.scalars import whole_number as as_whole
from topcert.theory.whole_bounds import checked_bounds, onto_grid

ABSTAIN: Final = -1  # not even r = 0 is certified; radius 0 is a real guarantee


def certified_radius(
    lower: ArrayLike,
    upper: ArrayLike,
    labels: ArrayLike,
    *,
    k: int | Sequence[int],
    num_features: int,
    num_kept: int,
    num_named: int = 1,
) -> NDArray[np.int64]:
    """Certified radius of `labels[i]` among the top `k` of input i, in features (Theorem 1, Eq. 6).

    Parameters
    ----------
    lower, upper
        Bounds on the chance that a label is named, `(inputs, classes)`: floats or `Fraction`s in
        [0, 1], or (both) integers in units of 1/C(d, e). Only the lower bound of the label and the
        upper bounds of the others are used.
    labels
        The label of each input, int `(inputs,)`, in 0 .. classes - 1.
    k
        One k or several, each in 1 .. classes - 1.
    num_features
        Features of an input (d).
    num_kept
        Features that each mask keeps (e), 1 .. num_features.
    num_named
        How many labels each ablated input names (w; the paper has 1), 1 .. classes - 1. Bounds are
        of the chance that a label is among them.

    Returns
    -------
    ndarray
        Radii in features, int64 `(inputs,)`, or `(inputs, len(k))` for a sequence of k; `ABSTAIN`
        where not even r = 0 holds.

    Raises
    ------
    ValueError
        For bounds outside [0, 1], NaN, lower above upper, and arguments outside the ranges above.

    References
    ----------
    Jia et al., ICLR 2022, Theorem 1; for w > 1 Theorem H, docs/theory/theorem-h.md.

    Examples
    --------
    >>> import topcert
    >>> lower, upper = [[0.9, 0.0, 0.0]], [[1.0, 0.1, 0.05]]
    >>> topcert.certified_radius(lower, upper, [0], k=[1, 2], num_features=100, num_kept=10)
    array([[4, 7]])
    """
    ks = checked_ks(k)
    most = max(ks)
    num_features, num_kept = as_whole(num_features, "num_features"), as_whole(num_kept, "num_kept")
    total = kept_sets(num_features, num_kept)
    lows, ups = checked_bounds(lower, upper, total)
    rows = checked_labels(labels, inputs=lows.shape[0], classes=lows.shape[1])
    if not 1 <= min(ks) <= most < lows.shape[1]:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {lows.shape[1] - 1}, got {k}")
    named = checked_num_named(num_named, classes=lows.shape[1])

    exact = lows.dtype == object or lows.dtype.kind in "iu"
    widest = room(most, named)
    grid = total if exact or total <= widest else widest
    label_lower = lows[np.arange(len(rows)), rows]
    won = onto_grid(label_lower, grid, outward=-1, quantize=grid == total)
    rivals = onto_grid(strongest_rivals(ups, rows, most), grid, outward=+1, quantize=grid == total)
    # integer bounds may fit int64 where their sums do not
    whole = np.dtype(np.int64 if grid <= widest else object)
    won, rivals = won.astype(whole), rivals.astype(whole)

    falling = _negated_survivors(num_features, num_kept, most, grid, grid <= widest)
    weakest_first = np.ascontiguousarray(rivals.T)
    radii = np.empty((len(rows), len(ks)), np.int64)
    for column, size in enumerate(ks):
        bar = _bar(won, weakest_first[most - size :], lows.shape[1], named, grid)
        radii[:, column] = np.searchsorted(falling, -bar, side="left") - 1
    return radii[:, 0] if is_single(k) else radii


def _bar(
    won: NDArray[Any], rivals: NDArray[Any], classes: int, named: int, grid: int
) -> NDArray[Any]:
    """What M = beta(r) G must exceed, one whole number an input; `rivals` `(k, inputs)` are upper
    bounds in units of 1/G, the weakest first.

    q M > need is M > need // q in integers, so one bar per input decides every r at once. P_t is
    taken for w G - won at most: by itself that gives nothing beyond the second line, and it keeps
    all numbers below (k + min(k, w) + w) G.
    """
    k = len(rivals)
    rest = named * grid - won
    bars = [((k + 1) * (grid - won) + named * grid) // (k + 1)] if k >= named else []
    taken = np.zeros_like(won)
    for t, rival in enumerate(rivals, start=1):
        taken = taken + rival
        voided = t + min(t, named) - max(0, named - classes + t)
        bars.append((np.minimum(taken, rest) + voided * grid - t * won) // voided)
    return np.asarray(np.minimum.reduce(bars))


def uses_quanta(num_features: int, num_kept: int) -> bool:
    """Whether float bounds are quantized by Eq. 4 for some k: where C(d, e) fits."""
    return kept_sets(num_features, num_kept) <= room(1)


def room(k: int, named: int = 1) -> int:
    """The largest grid on which (k + min(k, w) + w) G stays below 2^63; k + 2 for w = 1."""
    return 1 << (62 - (k + min(k, named) + named).bit_length())


def counted_bounds(
    lower: NDArray[Any], upper: NDArray[Any], label: int, total: int
) -> tuple[int, dict[int, int]]:
    """One input's bounds, `(1, classes)`, in whole votes of the `total` ablated inputs (Eq. 4):
    label, then others.
    """
    lows, ups = checked_bounds(lower, upper, total)
    label_lower = onto_grid(lows[:, label], total, outward=-1, quantize=True)
    limits = onto_grid(ups, total, outward=+1, quantize=True)
    return int(label_lower[0]), {j: int(limit) for j, limit in enumerate(limits[0]) if j != label}


@lru_cache(maxsize=16)
def _negated_survivors(
    num_features: int, num_kept: int, k: int, grid: int, fits: bool
) -> NDArray[Any]:
    """-floor(beta(r) G), ascending in r, so that a binary search finds the last r above a bar (of
    1/(k + 1) at least).
    """
    beta = survival(num_features, num_kept, k=k)
    same = grid == beta.denominator  # a product of numbers as long as C(50176, 1000) takes its time
    exact = [-m if same else -(m * grid // beta.denominator) for m in beta.numerators]
    out = np.array(exact, dtype=np.int64 if fits else object)
    out.flags.writeable = False
    return out


def is_single(k: object) -> bool:
    return np.ndim(k) == 0 if isinstance(k, np.ndarray) else not isinstance(k, Iterable)


def checked_ks(k: int | Sequence[int]) -> list[int]:
    given: list[Any] = [k] if is_single(k) else list(cast("Sequence[int]", k))
    if not given or any(
        isinstance(item, bool) or not isinstance(item, SupportsIndex) for item in given
    ):
        raise ValueError(f"k must be an integer or a non-empty sequence of integers, got {k!r}")
    return [operator.index(item) for item in given]
