"""Fixed designs: masks that are drawn once and published, and are then the classifier
(docs/theory/designs.md).

- `partitions`: rounds of b = ceil(d / e) masks. Each round is a random partition of the d features
  into b blocks, whose sizes differ by one at most; a mask keeps one block, so never more than e =
  `num_kept` features.
- `stratified`: the same, for the pixels of images. The pixels are ordered along a Hilbert curve and
  cut into runs of b neighbours; in each round the b pixels of a run go to the b blocks in random
  order, so each mask is spread evenly.
- `lattice`: the classes (row mod s, column mod s) of the pixels of images, s the smallest stride at
  which none keeps more than e (`topcert.randomization.lattices`). Nothing is drawn and the seed is
  not used: there is one round, and mask `i` is class `i mod b`.
- `lattice:AxB`, `lattice:p=P`: the same with strides of their own, or slanted, in rounds of
  different slopes. e follows.
- `random`: masks as `masks.draw_masks` draws them, in a domain of their own: a network may be
  trained on the masks of a design, and never on those of an ordinary certificate. Each mask is a
  round by itself.

Else mask `i` is block `i mod b` of round `i // b`, a pure function of `(seed, i)`. Round `q` takes
the 64-bit words of number `q` of the stream `draw_words` in a domain of its own, d of them for
`partitions` and b ceil(d / b) for `stratified`, and sorts their places by them, stably: an order in
which no draw is ever repeated. Two equal words, a chance of d^2 / 2^64, make it a hair less than
uniform, which no certificate of a design minds. Pinned by test vectors, as masks are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.registered_modalities import modality_of
from topcert.randomization import lattices
from topcert.randomization.masks import draw_masks
from topcert.randomization.words import draw_words

ALGORITHMS: Final = {
    "partitions": "philox4x64-sorted-partitions-1",
    "stratified": "philox4x64-sorted-hilbert-runs-1",
    "lattice": "grid-classes-1",
    "random": "philox4x64-lemire32-fisher-yates-designed-1",
}
DESIGNS: Final = tuple(ALGORITHMS)
STRIDED: Final = ("lattice:AxB", "lattice:p=P")  # how lattices with strides of their own are named
# neither that of certification nor that of training
DOMAIN: Final = int.from_bytes(b"designed", "big")

_CHUNK_BYTES: Final = 1 << 25  # of words at a time


def kind_of(name: str) -> str:
    """The one of DESIGNS that a name is of: `lattice` for `lattice:5x4`. Raises ValueError where
    there is none.
    """
    if lattices.read_strides(name) is not None:
        return lattices.NAME
    if name not in DESIGNS:
        raise ValueError(
            f"unknown design {name!r}; choose one of: {', '.join((*DESIGNS, *STRIDED))}"
        )
    return name


def algorithm_of(name: str) -> str:
    """How the masks of a design are made, as manifests name it. Raises ValueError where there is no
    such design.
    """
    return ALGORITHMS[name] if kind_of(name) == name else lattices.ALGORITHM


def is_level(name: str) -> bool:
    """Whether the masks of that name keep one pixel of each so many rows and columns. Raises
    ValueError for no name.
    """
    strides = lattices.read_strides(name)
    return kind_of(name) == lattices.NAME and (strides is None or strides.level)


@final
@dataclass(frozen=True, kw_only=True)
class Design:
    """The masks of a design under a seed. `grid` is height and width of the pixels, None where
    features are no pixels.

    `rounds` is how many rounds a lattice with strides of its own has. Raises ValueError for a name
    that is none of DESIGNS or STRIDED, `stratified` or a lattice without a grid of `num_features`
    pixels, a seed outside 0 .. 2^64 - 1, where `1 <= num_kept <= num_features < 2^31` fails, and
    where the strides of a lattice keep another number than `num_kept`, or leave a mask without a
    pixel.
    """

    name: str
    seed: int
    num_features: int
    num_kept: int
    grid: tuple[int, int] | None = None
    rounds: int = 1

    def __post_init__(self) -> None:
        kind = kind_of(self.name)
        if not 1 <= self.num_kept <= self.num_features < 2**31:
            raise ValueError(
                f"num_kept must lie in 1 .. num_features = {self.num_features}, got {self.num_kept}"
            )
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must lie in 0 .. 2^64 - 1, got {self.seed}")
        does = {"stratified": "spreads", "lattice": "cuts"}.get(kind)
        if does is not None and (
            self.grid is None or self.grid[0] * self.grid[1] != self.num_features
        ):
            raise ValueError(
                f"the design {self.name} {does} the pixels of images, and these {self.num_features}"
                " features are none; choose the design partitions"
            )
        if self.name != kind and self.num_kept != self.width:
            raise ValueError(
                f"num_kept is {self.num_kept}, and the widest mask of the design {self.name} keeps"
                f" {self.width} of these pixels; leave it out, or say lattice, whose stride follows"
                " from it"
            )

    @property
    def _lattice(self) -> lattices.Lattice | None:
        """The lattice that the masks are of; None for a design that is none."""
        if self.grid is None or kind_of(self.name) != lattices.NAME:
            return None
        if self.name == lattices.NAME:
            return lattices.square(self.grid, self.num_kept)
        return lattices.laid_out(self.name, self.grid, rounds=self.rounds)

    @property
    def round_size(self) -> int:
        """How many masks in turn share no feature, b; 1 where nothing is known of that."""
        if (found := self._lattice) is not None:
            return found.round_size
        return 1 if self.name == "random" else -(-self.num_features // self.num_kept)

    @property
    def width(self) -> int:
        """How many features the widest mask keeps; all masks are arrays of so many."""
        if (found := self._lattice) is not None:
            return found.width
        return self.num_kept if self.name == "random" else -(-self.num_features // self.round_size)

    @property
    def even(self) -> bool:
        """Whether all masks keep equally many features, so that none of them repeats one."""
        return self.name == "random" or self.width * self.round_size == self.num_features

    @property
    def stride(self) -> tuple[int, int] | None:
        """Kept is one pixel of each so many rows and columns. None for slanted lattices and for
        other designs.
        """
        strides = lattices.read_strides(self.name)
        if strides is not None:
            return (strides.rows, strides.columns) if strides.level else None
        if self.name != lattices.NAME or self.grid is None:
            return None
        return (lattices.stride_of(self.grid, self.num_kept),) * 2

    def check_count(self, count: int, option: str) -> None:
        """Raises ValueError, naming `option`, where so many masks are more than the design has,
        which would only repeat.

        Lattices with strides of their own have whole rounds.
        """
        if self.name == lattices.NAME and count > self.round_size:
            raise ValueError(
                f"{option} is {count}, and the design lattice has {self.round_size} masks here,"
                f" which would only be repeated; use {option} {self.round_size}"
            )
        if self.grid is None or self.name in DESIGNS:
            return
        size, rounds = self.round_size, len(lattices.laid_out(self.name, self.grid).slopes)
        if count % size or count > size * rounds:
            least = min(max(count // size, 1), rounds) * size
            raise ValueError(
                f"{option} is {count}, and the design {self.name} has {rounds} rounds of {size}"
                f" masks here; use {option} {least}"
                + (f", or another multiple of {size} up to {size * rounds}" if rounds > 1 else "")
            )

    def masks(self, start: int, stop: int) -> NDArray[np.int32]:
        """Kept features of masks `start .. stop - 1`, ascending, int32 `(stop - start, width)`.

        A mask that keeps fewer features than the widest repeats its last one. Raises ValueError
        where `0 <= start <= stop` fails.
        """
        if not 0 <= start <= stop:
            raise ValueError(
                f"mask numbers must satisfy 0 <= start <= stop, got {start} and {stop}"
            )
        if self.name == "random":
            return draw_masks(
                seed=self.seed,
                start=start,
                stop=stop,
                num_features=self.num_features,
                num_kept=self.num_kept,
                domain=DOMAIN,
            )
        if (found := self._lattice) is not None:
            return found.masks(start, stop)
        size = self.round_size
        chunk = max(1, _CHUNK_BYTES // (8 * self.num_features))
        kept = np.empty((stop - start, self.width), np.int32)
        for first in range(start // size, -(-stop // size), chunk):
            last = min(first + chunk, -(-stop // size))
            low, high = max(start, first * size), min(stop, last * size)
            kept[low - start : high - start] = self._rounds(first, last)[
                low - first * size : high - first * size
            ]
        return kept

    def _rounds(self, first: int, last: int) -> NDArray[np.int32]:
        """All masks of rounds `first .. last - 1`, int32 `((last - first) * round_size, width)`."""
        block = self._blocks(first, last)
        # the features of block 0, then 1, ...
        order = np.argsort(block, axis=1, kind="stable").astype(np.int32)
        sizes = np.stack([np.bincount(row, minlength=self.round_size) for row in block])
        ends = np.cumsum(sizes, axis=1)
        places = np.minimum(
            (ends - sizes)[:, :, None] + np.arange(self.width), ends[:, :, None] - 1
        )
        return np.take_along_axis(order, places.reshape(len(block), -1), axis=1).reshape(
            -1, self.width
        )

    def _blocks(self, first: int, last: int) -> NDArray[np.int64]:
        """The block of each feature in rounds `first .. last - 1`, int64 `(last - first,
        num_features)`.
        """
        size, features, rounds = self.round_size, self.num_features, last - first
        runs = -(-features // size)
        width = features if self.name == "partitions" else runs * size
        words = draw_words(seed=self.seed, start=first, stop=last, width=width, domain=DOMAIN)
        block = np.empty((rounds, features), np.int64)
        if self.name == "partitions":
            order = np.argsort(words, axis=1, kind="stable")
            np.put_along_axis(
                block, order, np.broadcast_to(np.arange(features) % size, order.shape), axis=1
            )
        else:
            assert self.grid is not None
            order = np.argsort(words.reshape(rounds, runs, size), axis=2, kind="stable")
            block[:, hilbert_order(*self.grid)] = order.reshape(rounds, -1)[:, :features]
        return block


def make_design(
    name: str,
    *,
    shape: tuple[int, ...],
    unit: str,
    seed: int,
    num_features: int,
    num_kept: int | None,
    num_masks: int,
) -> Design:
    """The design of that name for inputs of `shape` (as a data set holds them) in `num_features`
    units, `num_masks` of it.

    `num_kept` None is for lattices with strides of their own, and what these keep. Raises
    ValueError as `Design` does, and where inputs of which a classifier is shown the kept features
    alone, as sets of points, would be cut into blocks of different sizes.
    """
    modality = modality_of(shape, unit)
    grid = modality.grid(shape, unit)
    strides = lattices.read_strides(name)
    rounds = 1 if strides is None else max(1, num_masks // strides.round_size)
    if num_kept is None:
        if strides is None:
            raise ValueError(
                f"the design {name} needs num_kept, the most features that a mask may keep"
            )
        num_kept = (
            num_features if grid is None else lattices.laid_out(name, grid, rounds=rounds).width
        )
    made = Design(
        name=name, seed=seed, num_features=num_features, num_kept=num_kept, grid=grid, rounds=rounds
    )
    if modality.kept_alone and not made.even:
        plural = modality.plural(unit)
        raise ValueError(
            f"a set of {num_features} {plural} is cut into {made.round_size} blocks of different"
            f" sizes, and a classifier of {plural} is shown equally many; choose a --keep that"
            f" divides the {plural}"
        )
    return made


def hilbert_order(height: int, width: int) -> NDArray[np.int64]:
    """The pixels `row * width + column` in the order in which a Hilbert curve meets them, int64
    `(height * width,)`.

    The curve is that of the smallest square whose side is a power of two and that holds them all;
    what lies outside is left out, so pixels in turn are neighbours, but where the curve leaves the
    image and comes back.
    """
    rows, columns = (part.astype(np.int64) for part in np.divmod(np.arange(height * width), width))
    place = np.zeros(height * width, np.int64)
    # half of the square's side, then a quarter, ...
    side = 1 << max((max(height, width) - 1).bit_length() - 1, 0)
    while side:
        right, low = (columns & side) > 0, (rows & side) > 0
        place += side * side * ((3 * right) ^ low)
        # The quarters at the curve's two ends are turned: rows and columns change places, mirrored
        # in the second.
        turned = ~low
        mirrored = turned & right
        rows, columns = (
            np.where(mirrored, side - 1 - (rows & (side - 1)), rows),
            np.where(mirrored, side - 1 - (columns & (side - 1)), columns),
        )
        rows, columns = np.where(turned, columns, rows), np.where(turned, rows, columns)
        side //= 2
    return np.argsort(place, kind="stable")
