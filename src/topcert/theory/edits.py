"""From conditions on two numbers of masks to a radius, whatever the attacker may do
(docs/theory/theorem-i.md).

An input of d features has N = C(d, e) masks. After m of its features are deleted or rewritten and
`new` ones are inserted or written, it has d' = d - m + new features and N' = C(d', e) masks. Of
these M = C(d - m, e) keep old features alone, and show what as many masks of the input showed. The
attacker of radius r chooses m and `new`:

    moves                         what he may choose          the worst of it
    rewrite (and delete)          new <= m <= r               m = new = r, N' = N
    insert                        m = 0, new <= r             new = r
    delete                        new = 0, m <= r             m = r, N' = M
    insert and delete             m + new <= r                every m <= r, new = r - m
    insert, rewrite (and delete)  m <= r, new <= r            every m <= r, new = r

for deleting a feature costs as much as rewriting it, which adds masks. A theorem certifies where
one of some conditions `common * M - masks * N' > need` holds; what it needs rises with N' and falls
with M. So of each m the largest N' that is certified is looked up in the numbers of masks, and the
radius is the smallest that any m allows.

All is decided in units of 1/G, G = N where that fits, else a power of two: M is rounded down and N'
up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.attacker import INSERT, REWRITE, Attacker
from topcert.theory.counting import MAX_FEATURES, kept_sets

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Input i is certified where, for some row c, `common[c] M - masks[c] N' > need[c, i]`.

    M and N' are in units of 1/G, and so is `need` `(conditions, inputs)`; int64 where all numbers
    fit, else Python's. `common` and `masks` `(conditions,)` are whole, `masks` 1 at least and
    `common` more than that where a condition may hold without attack.
    """

    common: tuple[int, ...]
    masks: tuple[int, ...]
    need: NDArray[Any]

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return int(self.need.shape[1])

    def most_masks(self, common: int) -> NDArray[Any]:
        """The largest N' at which an input is certified where M is `common`, `(inputs,)`."""
        kept, masks = self._factors
        return np.asarray(((kept * common - self.need - 1) // masks).max(axis=0))

    def least_common(self, masks: int) -> NDArray[Any]:
        """What M must exceed where N' is `masks`, `(inputs,)`."""
        kept, factors = self._factors
        return np.asarray(((self.need + factors * masks) // kept).min(axis=0))

    def least_left(self) -> NDArray[Any]:
        """What M must exceed where nothing is new, N' = M."""
        kept, masks = self._factors
        some = (kept > masks)[:, 0]
        return np.asarray((self.need[some] // (kept - masks)[some]).min(axis=0))

    @cached_property
    def _factors(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """`common` and `masks`, each `(conditions, 1)`, as numbers of the kind of `need`."""
        kinds = (np.array(one, self.need.dtype)[:, None] for one in (self.common, self.masks))
        kept, masks = kinds
        return kept, masks


def largest_radii(
    conditions: Conditions, *, num_features: int, num_kept: int, grid: int, attacker: Attacker
) -> Ints:
    """The largest r at which each input is certified, int64 `(inputs,)`, -1 where not even r = 0
    is; `grid` is G.
    """
    space = (num_features, num_kept, grid)
    if not conditions.inputs:
        return np.zeros(0, np.int64)
    if not attacker.may(INSERT):
        bar = conditions.least_common(grid) if attacker.may(REWRITE) else conditions.least_left()
        least = max(0, int(bar.min()))
        kept = masks_left(*space, least=least, last=num_features)
        left = np.array([-masks for masks in kept], conditions.need.dtype)
        return np.asarray(np.searchsorted(left, -bar, side="left") - 1)
    most = conditions.most_masks(grid)
    longest = _longest(space, int(most.max()))
    grown = _grown(space, longest, conditions.need.dtype)
    radii = np.asarray(np.searchsorted(grown, most, side="right") - 1)
    if attacker.moves == (INSERT,):
        return radii
    after = _few_left if attacker.may(REWRITE) else _shrunk(space, int(radii.max(initial=-1)))
    return _over_all_cuts(conditions, radii, space, grown, after)


def masks_left(num_features: int, num_kept: int, grid: int, *, least: int, last: int) -> list[int]:
    """C(d - m, e) in units of 1/G, rounded down, for m = 0, 1, .. `last`, as long as that is more
    than `least`, which is 0 or more.
    """
    masks = total = kept_sets(num_features, num_kept)
    found = [grid]
    for left in range(num_features, max(num_kept, num_features - last), -1):
        masks = masks * (left - num_kept) // left  # C(left - 1, e) = C(left, e) (left - e) / left
        scaled = masks if grid == total else masks * grid // total
        if scaled <= least:
            break
        found.append(scaled)
    return found


def masks_after(num_features: int, num_kept: int, grid: int, *, first: int, last: int) -> list[int]:
    """C(n, e) in units of 1/G, rounded up, for n = first .. last; 0 for n below e."""
    total = kept_sets(num_features, num_kept)
    found = []
    masks = 0
    for n in range(first, last + 1):
        if n <= num_kept or n == first:
            masks = 0 if n < num_kept else kept_sets(n, num_kept)
        else:  # C(n, e) = C(n - 1, e) n / (n - e)
            masks = masks * n // (n - num_kept)
        found.append(masks if grid == total else -(-masks * grid // total))
    return found


def _longest(space: tuple[int, int, int], most: int) -> int:
    """A number of features with more than `most` masks (or the largest that there is)."""
    num_features, num_kept, grid = space
    total = kept_sets(num_features, num_kept)
    n, masks = num_features, total
    while masks * grid <= most * total and n < MAX_FEATURES:
        n += 1
        masks = masks * n // (n - num_kept)
    return n


def _grown(space: tuple[int, int, int], longest: int, dtype: Any) -> NDArray[Any]:
    """N' for d' = d, d + 1, .. longest, the last of which may be larger than int64 holds."""
    found = masks_after(*space, first=space[0], last=longest)
    if np.dtype(dtype).kind == "i":
        found[-1] = min(found[-1], 2**63 - 1)
    return np.array(found, dtype)


_After = Callable[[int, NDArray[Any], NDArray[Any]], Ints]


def _over_all_cuts(
    conditions: Conditions,
    radii: Ints,
    space: tuple[int, int, int],
    grown: NDArray[Any],
    after: _After,
) -> Ints:
    """`radii` of insertions alone, lowered by what each number m of old features that are gone
    allows.
    """
    left = masks_left(*space, least=0, last=max(0, int(radii.max())))
    for m in range(1, space[0] + 1):
        if radii.max() < m:  # what m features allow is m - 1 at least
            break
        if m >= len(left):
            return np.minimum(radii, m - 1)
        radii = np.minimum(radii, after(m, conditions.most_masks(left[m]), grown))
    return radii


def _few_left(m: int, most: NDArray[Any], grown: NDArray[Any]) -> Ints:
    """What m rewritten features allow: r >= m, and N' of r new ones is at most `most`."""
    return np.asarray(m - 1 + np.searchsorted(grown, most, side="right"))


def _shrunk(space: tuple[int, int, int], reach: int) -> _After:
    """What m deleted features allow beside insertions: r - m new ones."""
    first = max(0, space[0] - max(0, reach))
    shorter = masks_after(*space, first=first, last=space[0] - 1)

    def after(m: int, most: NDArray[Any], grown: NDArray[Any]) -> Ints:
        sizes = np.concatenate([np.array(shorter, grown.dtype), grown])
        new = first + np.searchsorted(sizes, most, side="right") - 1 - (space[0] - m)
        return np.asarray(np.maximum(new, -1) + m)

    return after
