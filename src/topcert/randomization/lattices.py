"""Lattices of the pixels of an image: the designs `lattice`, `lattice:AxB` and `lattice:p=P`
(docs/theory/designs.md).

A round with strides (a, b) and slope u cuts the pixels into the classes (row mod a, (u (row // a) +
column) mod b), in order of the first, then of the second. Slope 0 gives regular grids. Nothing is
drawn.

- `lattice`: one stride s for rows and columns, the smallest at which a class keeps no more than it
  may; slope 0.
- `lattice:AxB`: strides (A, B); slope 0, then the other slopes, the best spread first, one a round.
- `lattice:p=P`: strides (1, P), so that a class is u row + column mod P; the best spread slope
  first, one a round.

The rule for spread: kept pixels repeat by the vectors (a, -u) and (0, b) and their sums. Slopes
come in order of the shortest of these, the longest first; then of the shortest that is no multiple
of it; then the smaller slope. Slopes that leave a class without a pixel of the image are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

NAME: Final = "lattice"
ALGORITHM: Final = "lattice-classes-1"  # of names with strides of their own
_NAMED: Final = re.compile(r"lattice:(?:([1-9][0-9]{0,4})x([1-9][0-9]{0,4})|p=([1-9][0-9]{0,7}))")


@final
@dataclass(frozen=True, kw_only=True)
class Strides:
    """What the name of a lattice says: strides of rows and columns, and whether rounds begin with
    slope 0.
    """

    rows: int
    columns: int
    level: bool

    @property
    def round_size(self) -> int:
        """How many classes a round has."""
        return self.rows * self.columns


def read_strides(name: str) -> Strides | None:
    """The strides of `lattice:AxB` and `lattice:p=P`; None for any other name that does not begin
    so.

    Raises ValueError for one that begins with `lattice:` and goes on in another way.
    """
    if not name.startswith(f"{NAME}:"):
        return None
    found = _NAMED.fullmatch(name)
    if found is None or found[3] == "1":
        raise ValueError(
            f"unknown design {name!r}; say lattice:5x4 (every 5th row, every 4th column),"
            " lattice:p=23 (slanted, 23 masks a round) or lattice (a square stride, which follows"
            " from the number kept)"
        )
    if found[3] is not None:
        return Strides(rows=1, columns=int(found[3]), level=False)
    return Strides(rows=int(found[1]), columns=int(found[2]), level=True)


@final
@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Rounds of classes of the pixels of a `grid`, height and width, a slope each."""

    grid: tuple[int, int]
    rows: int
    columns: int
    slopes: tuple[int, ...]

    @property
    def round_size(self) -> int:
        """How many classes a round has."""
        return self.rows * self.columns

    @property
    def width(self) -> int:
        """How many pixels the largest class keeps."""
        return _width(self)

    def classes(self, slope: int) -> NDArray[np.int64]:
        """The class of each pixel `row * width + column`, int64 `(height * width,)`."""
        height, width = self.grid
        group, row = np.divmod(np.arange(height)[:, None], self.rows)
        of_pixel = row * self.columns + (slope * group + np.arange(width)) % self.columns
        return np.asarray(of_pixel.reshape(-1), np.int64)

    def masks(self, start: int, stop: int) -> NDArray[np.int32]:
        """The pixels of classes `start .. stop - 1`, ascending, int32 `(stop - start, width)`;
        after the last round the first one comes again.

        A class that has fewer pixels than the largest repeats its last one.
        """
        size, kept = self.round_size, np.empty((stop - start, self.width), np.int32)
        for number in range(start // size, -(-stop // size)):
            low, high = max(start, number * size), min(stop, (number + 1) * size)
            wanted = slice(low - number * size, high - number * size)
            kept[low - start : high - start] = _members(
                self, self.slopes[number % len(self.slopes)]
            )[wanted]
        return kept


@lru_cache(maxsize=4)
def _width(lattice: Lattice) -> int:
    return max(int(np.bincount(lattice.classes(slope)).max()) for slope in lattice.slopes)


@lru_cache(maxsize=8)
def _members(lattice: Lattice, slope: int) -> NDArray[np.int32]:
    """All masks of a round, int32 `(round_size, width)`."""
    of_pixel = lattice.classes(slope)
    order = np.argsort(of_pixel, kind="stable")
    sizes = np.bincount(of_pixel, minlength=lattice.round_size)
    ends = np.cumsum(sizes)[:, None]
    places = np.minimum(ends - sizes[:, None] + np.arange(lattice.width), ends - 1)
    return np.asarray(order[places], np.int32)


def square(grid: tuple[int, int], num_kept: int) -> Lattice:
    """The lattice of the design `lattice`. A stride beyond the rows or columns that there are is as
    good as these.
    """
    stride = stride_of(grid, num_kept)
    return Lattice(grid=grid, rows=min(stride, grid[0]), columns=min(stride, grid[1]), slopes=(0,))


def stride_of(grid: tuple[int, int], num_kept: int) -> int:
    """The smallest s with `ceil(height / s) * ceil(width / s) <= num_kept`, of which 1 is always
    enough.
    """
    stride = 1
    while -(-grid[0] // stride) * -(-grid[1] // stride) > num_kept:
        stride += 1
    return stride


def laid_out(name: str, grid: tuple[int, int], *, rounds: int | None = None) -> Lattice:
    """The first `rounds` rounds (None: all) of a lattice with a name of its own, on images of that
    height and width.

    Raises ValueError where a class would be left without a pixel.
    """
    strides = read_strides(name)
    assert strides is not None
    height, width = grid
    if strides.level and (strides.rows > height or strides.columns > width):
        raise ValueError(
            f"the design {name} has masks without a pixel of {height} x {width}; its strides may be"
            f" {height}x{width} at most"
        )
    slopes = _slopes(strides, grid) if strides.round_size <= height * width else ()
    if not slopes:
        raise ValueError(
            f"the design {name} has masks without a pixel of {height} x {width}, whatever its"
            f" slope; a p up to {width} has none"
        )
    return Lattice(grid=grid, rows=strides.rows, columns=strides.columns, slopes=slopes[:rounds])


@lru_cache(maxsize=64)
def _slopes(strides: Strides, grid: tuple[int, int]) -> tuple[int, ...]:
    """The slopes of the rounds, in their order."""
    every = list(range(strides.columns))
    if strides.columns > grid[1]:  # else each row has a pixel of every class
        every = [slope for slope in every if _fills(slope, strides.columns, grid)]
    spread = {slope: shortest(strides.rows, strides.columns, slope) for slope in every}
    ordered = sorted(spread, key=lambda slope: (-spread[slope][0], -spread[slope][1], slope))
    if strides.level:
        ordered.sort(key=bool)
    return tuple(ordered)


def _fills(slope: int, columns: int, grid: tuple[int, int]) -> bool:
    """Whether every class has a pixel: row r has classes `slope r .. slope r + width - 1`, counted
    round.
    """
    first = sorted({slope * row % columns for row in range(grid[0])})
    return all(
        after - before <= grid[1]
        for before, after in zip(first, [*first[1:], first[0] + columns], strict=True)
    )


def shortest(rows: int, columns: int, slope: int) -> tuple[int, int]:
    """Squared lengths of the shortest vector by which the kept pixels repeat, and of the next that
    is no multiple of it.
    """
    (a, b), (c, d) = (rows, -slope), (0, columns)
    while True:  # Gauss: take the shorter from the longer as often as that shortens it
        if a * a + b * b > c * c + d * d:
            a, b, c, d = c, d, a, b
        length = a * a + b * b
        times = (2 * (a * c + b * d) + length) // (2 * length)
        if not times:
            return length, c * c + d * d
        c, d = c - times * a, d - times * b
