"""Theorem S: the largest radius at which at least m labels of a set stay among the top k
(docs/theory/theorem-s.md).

If fewer than m of a set L stay, then s = |L| - m + 1 labels of L are named no more often than any
of q = k - m + 1 labels outside; with fewer labels outside, m always stay. With N masks, N' after
the attack, M common to both, V = N - M and W = N' - M, m labels stay when for some u in 1 .. s and
t in 1 .. q

    t (D_u - min(u, w) V)  >  u (P_t - max(0, w - c + t) V + min(t, w) W),      or
    (k + u) (D_u - min(u, w) V)  >  u (w M + min(k, w) W).

D_u is the sum of the u largest of the s smallest lower bounds in L, P_t that of the t smallest of
the q largest upper bounds outside. For a set of one label it is Theorem I.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.attacker import DELETE, REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.counting import kept_sets
from topcert.theory.edit_radius import checked_sizes
from topcert.theory.edits import Conditions, largest_radii
from topcert.theory.labels import checked_num_named
from topcert.theory.scalars import whole_number
from topcert.theory.whole_bounds import checked_bounds, onto_grid

Ints = NDArray[np.int64]
NO_LABEL = -1  # in the place of a label, where a set has fewer


def stay_radius(
    lower: ArrayLike,
    upper: ArrayLike,
    sets: ArrayLike,
    *,
    k: int,
    num_features: int | ArrayLike,
    num_kept: int,
    num_named: int = 1,
    attacker: Attacker = REWRITES,
) -> Ints:
    """Certified radii at which at least 1, 2, .. of each input's `sets` stay among the top `k`.

    Parameters
    ----------
    lower, upper
        Bounds on the chance that a label is named, `(inputs, classes)`, as those of
        `certified_radius`. Only the lower bounds of the set and the upper bounds of the other
        labels are used; they must hold together.
    sets
        The labels of each input that are to stay, different ones, int `(inputs, most)`: the k that
        are shown, or all that are true. Where an input has fewer, -1 stands in their place.
    k
        How many labels are shown, 1 .. classes - 1.
    num_features
        Features of an input (d): one number, or one for each input, int `(inputs,)`.
    num_kept
        Features that each mask keeps (e).
    num_named
        How many labels each ablated input names (w), 1 .. classes - 1.
    attacker
        What he may do; by default rewrite.

    Returns
    -------
    ndarray
        int64 `(inputs, min(k, most))`: in column m - 1 the radius at which at least m labels of the
        set stay. `ABSTAIN` where that is not even certified of the input as it is, and where the
        set has fewer than m labels. Where m labels stay whatever is changed, because there are too
        few others, it is d, or d - e for an attacker who deletes.

    Raises
    ------
    ValueError
        As `certified_radius`, and for sets that are none.

    References
    ----------
    Theorem S, docs/theory/theorem-s.md.

    Examples
    --------
    >>> from topcert.theory.stay_radius import stay_radius
    >>> bounds = [[0.4, 0.25, 0.2, 0.05, 0.05, 0.05]]
    >>> stay_radius(bounds, bounds, [[0, 1, 2]], k=3, num_features=100, num_kept=10)
    array([[4, 1, 0]])
    """
    found = np.asarray(sets)
    lows, ups = np.asarray(lower), np.asarray(upper)
    if lows.ndim != 2 or lows.shape != ups.shape:
        checked_bounds(lows, ups, 1)  # says what is wrong
    inputs, classes = lows.shape
    shown = whole_number(k, "k")
    if not 1 <= shown < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {k}")
    named = checked_num_named(num_named, classes=classes)
    chosen = checked_sets(found, inputs=inputs, classes=classes)
    features = checked_sizes(num_features, num_kept, inputs=inputs)
    counts = (chosen != NO_LABEL).sum(axis=1)
    radii = np.full((inputs, min(shown, chosen.shape[1])), ABSTAIN)
    for size, count in np.unique(np.stack([features, counts], axis=1), axis=0).tolist():
        if not count:
            continue
        these = np.flatnonzero((features == size) & (counts == count))
        low, up = checked_bounds(lows[these], ups[these], kept_sets(size, num_kept))
        wanted = np.sort(chosen[these], axis=1)[:, chosen.shape[1] - count :]
        won, rivals, grid = _sorted_bounds(
            low, up, wanted, k=shown, total=kept_sets(size, num_kept)
        )
        for m in range(1, min(shown, count) + 1):
            if classes - count < shown - m + 1:
                radii[these, m - 1] = size - num_kept * attacker.may(DELETE)
                continue
            radii[these, m - 1] = largest_radii(
                conditions_of(won, rivals, m=m, k=shown, classes=classes, named=named, grid=grid),
                num_features=size,
                num_kept=num_kept,
                grid=grid,
                attacker=attacker,
            )
    return radii


def checked_sets(sets: NDArray[Any], *, inputs: int, classes: int) -> Ints:
    """Sets of labels as int64 `(inputs, most)`. Raises ValueError where they are none."""
    if sets.dtype.kind not in "iu" or sets.ndim != 2 or len(sets) != inputs or not sets.shape[1]:
        raise ValueError(
            f"sets of labels must be integers of shape ({inputs}, labels), got {sets.dtype} of"
            f" shape {sets.shape}"
        )
    found = sets.astype(np.int64)
    if found.size and not (found.min() >= NO_LABEL and found.max() < classes):
        bad = found[(found < NO_LABEL) | (found >= classes)][0]
        raise ValueError(
            f"label {bad} is out of range; there are {classes} classes, 0 .. {classes - 1}, and"
            f" {NO_LABEL} stands for none"
        )
    ordered = np.sort(found, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_LABEL)
    if twice.any():
        row, column = np.argwhere(twice)[0]
        raise ValueError(
            f"label {ordered[row, column]} stands twice in the set of input {row}; a set has each"
            " label once"
        )
    return found


def _sorted_bounds(
    lows: NDArray[Any], ups: NDArray[Any], chosen: Ints, *, k: int, total: int
) -> tuple[NDArray[Any], NDArray[Any], int]:
    """In units of 1/G: lower bounds of the chosen labels `(labels, inputs)`, ascending; upper
    bounds of the k strongest others (or as many as there are), ascending; and G.
    """
    size, classes = chosen.shape[1], lows.shape[1]
    exact = lows.dtype == object or lows.dtype.kind in "iu"
    widest = 1 << (62 - (4 * size * (k + size)).bit_length())
    grid = total if exact or total <= widest else widest
    dtype = np.dtype(np.int64 if grid <= widest else object)
    won = onto_grid(
        np.take_along_axis(lows, chosen, axis=1), grid, outward=-1, quantize=grid == total
    )
    outside = np.ones(lows.shape, np.bool_)
    np.put_along_axis(outside, chosen, False, axis=1)
    others = np.sort(ups[outside].reshape(len(ups), classes - size), axis=1)[:, -k:]
    rivals = onto_grid(others, grid, outward=+1, quantize=grid == total)
    return (
        np.ascontiguousarray(np.sort(won.astype(dtype), axis=1).T),
        np.ascontiguousarray(rivals.astype(dtype).T),
        grid,
    )


def conditions_of(
    won: NDArray[Any],
    rivals: NDArray[Any],
    *,
    m: int,
    k: int,
    classes: int,
    named: int,
    grid: int,
) -> Conditions:
    """What Theorem S asks for at least `m` labels to stay: `won` `(labels, inputs)` are their lower
    bounds and `rivals` the upper bounds of the others, both ascending, in units of 1/G.
    """
    fallen, risen = len(won) - m + 1, k - m + 1
    common, masks, need = [], [], []
    own = np.zeros_like(won[0])
    for u in range(1, fallen + 1):
        own = own + won[fallen - u]
        lost = min(u, named)
        taken = np.zeros_like(own)
        for t in range(1, risen + 1):
            taken = taken + rivals[len(rivals) - risen + t - 1]
            forced, gained = max(0, named - classes + t), min(t, named)
            common.append(t * lost - u * forced + u * gained)
            masks.append(u * gained)
            need.append(u * taken - t * own + (t * lost - u * forced) * grid)
        if k + u > named:
            common.append((k + u) * lost - u * named + u * min(k, named))
            masks.append(u * min(k, named))
            need.append((k + u) * (lost * grid - own))
    return Conditions(common=tuple(common), masks=tuple(masks), need=np.stack(need))
