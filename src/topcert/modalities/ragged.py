"""Inputs of several lengths: arrays that differ in their first axis alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray


@final
class Ragged:
    """Arrays of one type that differ in their first axis alone, in the place of one array
    `(inputs, ...)`.

    Parameters
    ----------
    items
        One array an input, at least one of them; an empty one keeps nothing, so that a run names it
        and leaves it out.

    Attributes
    ----------
    shape, dtype, ndim, size
        Of an array that holds all of them, as long as the longest.

    Raises
    ------
    ValueError
        Where they differ in more than that.

    Examples
    --------
    >>> import numpy as np
    >>> made = Ragged([np.zeros(3), np.ones(5)])
    >>> made.shape, len(made), made[1]
    ((2, 5), 2, array([1., 1., 1., 1., 1.]))
    """

    def __init__(self, items: Sequence[NDArray[Any]]) -> None:
        self.items = list(items)
        if not self.items:
            raise ValueError("there are no inputs")
        first = self.items[0]
        for place, item in enumerate(self.items):
            if not item.ndim or item.shape[1:] != first.shape[1:] or item.dtype != first.dtype:
                raise ValueError(
                    f"input {place} is {item.dtype} {item.shape}, input 0 {first.dtype}"
                    f" {first.shape}; inputs may differ in their length alone"
                )
        longest = max(len(item) for item in self.items)
        self.shape = (len(self.items), longest, *first.shape[1:])
        self.dtype = first.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> NDArray[Any]:
        return self.items[place]


def ragged_or_none(values: Any) -> Ragged | None:
    """A list of arrays of several lengths as such inputs; None for all else."""
    if isinstance(values, Ragged):
        return values
    objects = isinstance(values, np.ndarray) and values.dtype == object and values.ndim == 1
    if not objects and not isinstance(values, (list, tuple)):
        return None
    items = [np.asarray(item) for item in values if isinstance(item, (np.ndarray, list, tuple))]
    if len(items) != len(values) or len({item.shape for item in items}) < 2:
        return None
    if any(item.dtype == object or not item.ndim for item in items):
        return None
    common = np.result_type(*items)
    return Ragged([item.astype(common, copy=False) for item in items])
