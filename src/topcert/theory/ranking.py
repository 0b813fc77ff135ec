"""The most voted labels and the strongest rivals of each input, without ranking all labels.

A few of many are found by looking for the largest a few times, which costs less than ordering the
row. Rows are taken in parts that stay near the processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_CELLS: Final = 1 << 18  # looked at together: 2 MiB of counts
_LOOKS: Final = 16  # beyond so many, ordering a row costs less
_FEW: Final = 32  # labels, of which ordering all costs less than looking twice
_GONE: Final = -(2**63)  # in the place of a count that was found


def parts(inputs: int, classes: int) -> Iterator[slice]:
    """Rows of a table `(inputs, classes)`, so many together that they stay near the processor."""
    step = max(1, _CELLS // max(1, classes))
    for start in range(0, inputs, step):
        yield slice(start, min(start + step, inputs))


def most_voted(counts: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """The k labels with the most votes, most voted first (ties: lower index first), int64 `(inputs,
    k)`.
    """
    inputs, classes = counts.shape
    k = min(k, classes)
    if k > _LOOKS or classes <= _FEW:
        return np.argsort(-counts, axis=1, kind="stable")[:, :k]
    found = np.empty((inputs, k), np.int64)
    for rows, left in _copied(counts.astype(np.int64, copy=False)):
        every = np.arange(len(left))
        for place in range(k):
            best = left.argmax(axis=1)  # the first of equal ones
            found[rows, place] = best
            left[every, best] = _GONE
    return found


def strongest_rivals(values: NDArray[Any], labels: NDArray[np.int64], count: int) -> NDArray[Any]:
    """The `count` largest values of labels other than `labels[i]`, ascending, `(inputs, count)`.

    `values` `(inputs, classes)` are counts or bounds, of any kind of number, at least 0.
    """
    inputs, classes = values.shape
    out = np.empty((inputs, count), values.dtype)
    ordered = count > _LOOKS or classes <= _FEW or values.dtype == object
    for rows, left in _copied(values):
        every = np.arange(len(left))
        left[every, labels[rows]] = -1
        if ordered:
            left.sort(axis=1)
            out[rows] = left[:, classes - count :]
            continue
        for place in range(count - 1, -1, -1):
            best = left.argmax(axis=1)
            out[rows, place] = left[every, best]
            left[every, best] = -1
    return out


def _copied(values: NDArray[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Some rows at a time, and a copy of them in memory that is used again for the next."""
    room: NDArray[Any] | None = None
    for rows in parts(*values.shape):
        if room is None:
            room = np.empty_like(values[rows], order="C", subok=False)
        left = room[: rows.stop - rows.start]
        left[:] = values[rows]
        yield rows, left


def nearest_counts(
    counts: NDArray[np.int64], labels: NDArray[np.int64], rivals: int
) -> NDArray[np.int64]:
    """The votes of `labels[i]`, then those of its strongest rivals, descending, `(inputs, 1 +
    rivals)`.
    """
    own = counts[np.arange(len(counts)), labels]
    return np.concatenate([own[:, None], strongest_rivals(counts, labels, rivals)[:, ::-1]], axis=1)
