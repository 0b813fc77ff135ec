"""Theorem I: the largest number of insertions, deletions and rewritten features that cannot push a
label out of the top k (docs/theory/theorem-i.md).

With N masks of the input, N' of the attacked one, M common to both, and v = (N - M) / N, u = (N' -
M) / N, a label of lower bound p is certified when, for some t in 1 .. k,

    t (p - v)  >  P_t - max(0, w - c + t) v + min(t, w) u,    or    (k + 1) (p - v) > w N' / N

and k >= w. P_t is the sum of the t smallest of its k strongest rivals' upper bounds. Where features
are rewritten alone u = v, and it is Theorem 1 (`certified_radius`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.attacker import EDITS, Attacker
from topcert.theory.certified_radius import checked_ks, is_single, room
from topcert.theory.counting import kept_sets
from topcert.theory.edits import Conditions, largest_radii
from topcert.theory.labels import checked_labels, checked_num_named
from topcert.theory.ranking import strongest_rivals
from topcert.theory.scalars import whole_number
from topcert.theory.whole_bounds import checked_bounds, onto_grid

Ints = NDArray[np.int64]


def edit_radius(
    lower: ArrayLike,
    upper: ArrayLike,
    labels: ArrayLike,
    *,
    k: int | Sequence[int],
    num_features: int | ArrayLike,
    num_kept: int,
    num_named: int = 1,
    attacker: Attacker = EDITS,
) -> Ints:
    """Certified radius of `labels[i]` among the top `k` of input i, in moves of the attacker.

    The base classifier is shown the kept features alone, in their order, and does not know where
    they stood or how many there were.

    Parameters
    ----------
    lower, upper
        Bounds on the chance that a label is named, `(inputs, classes)`, as those of
        `certified_radius`; integers are in units of 1/C(d, e) of their own input.
    labels
        The label of each input, int `(inputs,)`, in 0 .. classes - 1.
    k
        One k or several, each in 1 .. classes - 1.
    num_features
        Features of an input (d): one number, or one for each input, int `(inputs,)`.
    num_kept
        Features that each mask keeps (e), 1 .. num_features: the same for all inputs, and for
        whatever the attacker makes of them.
    num_named
        How many labels each ablated input names (w), 1 .. classes - 1.
    attacker
        What he may do; by default insert, delete and rewrite.

    Returns
    -------
    ndarray
        Radii, int64 `(inputs,)`, or `(inputs, len(k))` for a sequence of k; `ABSTAIN` where not
        even r = 0 holds.

    Raises
    ------
    ValueError
        As `certified_radius`.

    References
    ----------
    Theorem I, docs/theory/theorem-i.md.

    Examples
    --------
    >>> from topcert.theory.attacker import DELETE, INSERT, REWRITE, Attacker
    >>> from topcert.theory.edit_radius import edit_radius
    >>> lower, upper, space = [[0.9, 0.0, 0.0]], [[1.0, 0.1, 0.05]], {"num_kept": 10, "k": 1}
    >>> edit_radius(lower, upper, [0], num_features=100, **space)
    array([4])
    >>> one = [Attacker(moves=(move,)) for move in (INSERT, DELETE, REWRITE)]
    >>> [int(edit_radius(lower, upper, [0], num_features=100, attacker=attacker, **space)[0])
    ...  for attacker in one]
    [5, 14, 4]
    """
    ks = checked_ks(k)
    sizes = checked_sizes(num_features, num_kept, inputs=len(np.asarray(lower)))
    radii = np.empty((len(sizes), len(ks)), np.int64)
    lows, ups = np.asarray(lower), np.asarray(upper)
    if lows.ndim != 2 or lows.shape != ups.shape or not len(lows):
        checked_bounds(lows, ups, 1)  # says what is wrong
        return radii[:, 0] if is_single(k) else radii
    classes = lows.shape[1]
    rows = checked_labels(labels, inputs=len(lows), classes=classes)
    if not 1 <= min(ks) <= max(ks) < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {k}")
    named = checked_num_named(num_named, classes=classes)
    for size in np.unique(sizes).tolist():
        these = np.flatnonzero(sizes == size)
        low, up = checked_bounds(lows[these], ups[these], kept_sets(size, num_kept))
        radii[these] = _of_one_size(
            low,
            up,
            rows[these],
            ks=ks,
            num_features=size,
            num_kept=num_kept,
            named=named,
            attacker=attacker,
        )
    return radii[:, 0] if is_single(k) else radii


def checked_sizes(num_features: int | ArrayLike, num_kept: int, *, inputs: int) -> Ints:
    """`num_features` as int64 `(inputs,)`. Raises ValueError where they are not whole numbers of
    that shape, and where one has fewer features than a mask keeps.
    """
    sizes = np.asarray(num_features)
    if sizes.ndim == 0:
        sizes = np.full(inputs, whole_number(num_features, "num_features"))
    if sizes.dtype.kind not in "iu" or sizes.shape != (inputs,):
        raise ValueError(
            f"num_features must be a whole number or integers of shape ({inputs},), got"
            f" {sizes.dtype} of shape {sizes.shape}"
        )
    for extreme in (sizes.min(), sizes.max()) if inputs else ():
        kept_sets(int(extreme), whole_number(num_kept, "num_kept"))
    return sizes.astype(np.int64)


def _of_one_size(
    lows: NDArray[Any],
    ups: NDArray[Any],
    rows: Ints,
    *,
    ks: Sequence[int],
    num_features: int,
    num_kept: int,
    named: int,
    attacker: Attacker,
) -> Ints:
    """Radii of inputs of `num_features` features each, `(inputs, len(ks))`."""
    most, classes = max(ks), lows.shape[1]
    total = kept_sets(num_features, num_kept)
    exact = lows.dtype == object or lows.dtype.kind in "iu"
    widest = room(most, named)
    grid = total if exact or total <= widest else widest
    dtype = np.dtype(np.int64 if grid <= widest else object)
    own = lows[np.arange(len(rows)), rows]
    won = onto_grid(own, grid, outward=-1, quantize=grid == total).astype(dtype)
    rivals = onto_grid(strongest_rivals(ups, rows, most), grid, outward=+1, quantize=grid == total)
    weakest_first = np.ascontiguousarray(rivals.astype(dtype).T)
    found = [
        largest_radii(
            conditions_of(won, weakest_first[most - size :], classes, named, grid),
            num_features=num_features,
            num_kept=num_kept,
            grid=grid,
            attacker=attacker,
        )
        for size in ks
    ]
    return np.stack(found, axis=1)


def conditions_of(
    won: NDArray[Any], rivals: NDArray[Any], classes: int, named: int, grid: int
) -> Conditions:
    """What Theorem I asks, of lower bounds `won` `(inputs,)` and upper bounds of the k strongest
    rivals `(k, inputs)`, the weakest first, in units of 1/G.

    As for Theorem 1, P_t is taken for w G - won at most: that keeps numbers small and proves
    nothing beyond the last condition.
    """
    k = len(rivals)
    rest = named * grid - won
    common, masks, need = [], [], []
    taken = np.zeros_like(won)
    for t, rival in enumerate(rivals, start=1):
        taken = taken + rival
        forced, gained = max(0, named - classes + t), min(t, named)
        common.append(t - forced + gained)
        masks.append(gained)
        need.append(np.minimum(taken, rest) + (t - forced) * grid - t * won)
    if k >= named:
        common.append(k + 1)
        masks.append(named)
        need.append((k + 1) * (grid - won))
    return Conditions(common=tuple(common), masks=tuple(masks), need=np.stack(need))
