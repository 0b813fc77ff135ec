"""Regular grids of the pixels of an image: the design `lattice` (docs/beyond.md, section 3).

Pixels are cut into classes (row mod s, column mod s), s the smallest stride at which a class keeps no more than it may.
Classes go by their row offset, then by their column offset; nothing is drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stride_of(grid: tuple[int, int], num_kept: int) -> int:
    """The smallest s with `ceil(height / s) * ceil(width / s) <= num_kept`, of which 1 is always enough."""
    stride = 1
    while size_of(grid, stride) > num_kept:
        stride += 1
    return stride


def size_of(grid: tuple[int, int], stride: int) -> int:
    """How many pixels the largest class keeps, which is the first."""
    return -(-grid[0] // stride) * -(-grid[1] // stride)


def count_classes(grid: tuple[int, int], stride: int) -> int:
    """How many classes there are: `stride ** 2`, or fewer where an image has fewer rows or columns than that."""
    return min(stride, grid[0]) * min(stride, grid[1])


def draw_classes(numbers: NDArray[np.int64], grid: tuple[int, int], stride: int) -> NDArray[np.int32]:
    """The pixels `row * width + column` of classes `numbers` `(B,)`, ascending, int32 `(B, size_of(grid, stride))`.

    A class that has fewer pixels than the largest repeats its last one.
    """
    height, width = grid
    first_row, first_column = np.divmod(numbers[:, None], min(stride, width))
    rows = first_row + np.arange(0, height, stride)
    columns = first_column + np.arange(0, width, stride)
    places = np.where(
        (rows < height)[:, :, None] & (columns < width)[:, None, :],
        rows[:, :, None] * width + columns[:, None, :],
        height * width,
    ).reshape(len(numbers), size_of(grid, stride))
    places.sort(axis=1)
    last = np.where(places < height * width, places, -1).max(axis=1, keepdims=True)
    return np.asarray(np.minimum(places, last), np.int32)
