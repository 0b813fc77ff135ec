"""Rules that bound each count by itself: how, at which chances of error, and each only once.

An input has few distinct counts, and so has a data set: a bound is computed once for each distinct
(count, n). Bounds are pure, so what was computed is kept for the next call at the same chance of
error, by exact parameters and within fixed memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bound = Callable[[ArrayLike, ArrayLike, float], Floats]

# bounds of one n and chance of error that are kept between calls: at most 16 tables of 2 MiB
_TABLES: Final = 16
_MOST_TRIALS: Final = 1 << 18
_SPARSE: Final = 64  # votes a cell, from where a table of all counts costs more than ordering cells


@final
@dataclass(frozen=True, kw_only=True)
class CountBounds:
    """How counts become bounds, each by itself.

    `lower` and `upper` bound the probability of (successes, trials) at a chance of error, which are
    `lower_error` and `upper_error`. Without `upper` upper bounds are 1.
    """

    lower: Bound
    lower_error: float
    upper: Bound | None
    upper_error: float

    def of_all(self, counts: Ints, trials: Ints) -> tuple[Floats, Floats]:
        """Both sides of every cell, `(inputs, classes)`; `trials` `(inputs,)`."""
        return by_table(counts, trials, self.lower_error, self.lower), self._uppers(counts, trials)

    def of_named(self, counts: Ints, trials: Ints, labels: Ints) -> tuple[Floats, Floats]:
        """Lower bounds of `labels` `(inputs,)` and upper bounds of all others, 0 and 1 elsewhere:
        `(inputs, classes)`.
        """
        rows = np.arange(len(counts))
        lower = np.zeros(counts.shape)
        own = counts[rows, labels][:, None]
        lower[rows, labels] = by_table(own, trials, self.lower_error, self.lower)[:, 0]
        upper = self._uppers(counts, trials)
        upper[rows, labels] = 1.0
        return lower, upper

    def _uppers(self, counts: Ints, trials: Ints) -> Floats:
        if self.upper is None:
            return np.ones(counts.shape)
        return by_table(counts, trials, self.upper_error, self.upper)


def by_table(votes: Ints, trials: Ints, error: float, bound: Bound) -> Floats:
    """`bound` of every cell of `votes` `(inputs, classes)`, `trials` `(inputs,)`, evaluated once
    for each distinct (count, n).
    """
    out = np.empty(votes.shape)
    distinct = np.unique(trials)
    for n in distinct.tolist():
        rows = slice(None) if len(distinct) == 1 else np.flatnonzero(trials == n)
        part = votes[rows]
        if n <= _MOST_TRIALS and n < _SPARSE * part.size:
            known = _table(bound, n, error).of(part)
            if len(distinct) == 1:
                np.take(known, part, out=out, mode="clip")  # none is beyond the table
            else:
                out[rows] = known[part]
        else:
            values, where = np.unique(part, return_inverse=True)
            out[rows] = bound(values, n, error)[where].reshape(part.shape)
    return out


@final
class _Table:
    """Bounds of counts 0 .. n, of those that were asked for."""

    def __init__(self, bound: Bound, n: int, error: float) -> None:
        self._bound, self._n, self._error = bound, n, error
        self._known = np.full(n + 1, np.nan)

    def of(self, counts: Ints) -> Floats:
        """A table that has the bounds of these counts."""
        seen = np.zeros(self._n + 1, np.bool_)
        seen[counts] = True
        missing = np.flatnonzero(seen & np.isnan(self._known))
        if len(missing):
            self._known[missing] = self._bound(missing, self._n, self._error)
        return self._known


@lru_cache(maxsize=_TABLES)
def _table(bound: Bound, n: int, error: float) -> _Table:
    return _Table(bound, n, error)
