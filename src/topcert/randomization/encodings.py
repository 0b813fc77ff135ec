"""What a classifier sees of an ablated input: the encodings of NULL.

An input is held as planes, `(width, num_features)`: a pixel has one plane a colour channel, a point
one a coordinate, a column just one. An encoder turns planes and a batch of masks into a batch of
ablated inputs in the classifier's own layout: images channel first `(B, C, H, W)`, tables `(B,
columns)`, sets of points `(B, num_kept, coordinates)`; `lattice` shows the grids of the design
`lattice` as small pictures.

Only kept features are touched (`infill` is the exception: it computes every hidden one): the batch
is one buffer in which the last masks are undone and the next ones written, so a batch costs the
kept features, not all of them. The batch that is returned is overwritten by the next call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.randomization.infill import Infiller

Unit = Literal["pixel", "feature", "column", "point"]
ENCODINGS: Final = (
    "six-channel",
    "constant",
    "mean",
    "median",
    "infill",
    "sentinel",
    "keep-only",
    "lattice",
)

GREY: Final = 0.5  # the default fill of `constant`: the middle of [0, 1]
SENTINEL: Final = -1.0  # the default fill of `sentinel`: outside [0, 1], where scaled columns lie

# By the kind of a data set.
DEFAULT_UNIT: Final[dict[str, Unit]] = {"image": "pixel", "table": "column", "points": "point"}
DEFAULT_ENCODING: Final[dict[str, str]] = {
    "image": "six-channel",
    "table": "sentinel",
    "points": "keep-only",
}


def grey_of(value_range: tuple[float, float] | None) -> float:
    """The default fill of `constant`: the middle of the range of values, of [0, 1] where none is
    named.
    """
    return GREY if value_range is None else (value_range[0] + value_range[1]) / 2


def to_planes(x: NDArray[np.floating], unit: Unit) -> NDArray[np.floating]:
    """One input as `(width, num_features)`, contiguous.

    Images `(H, W, C)`: unit "pixel" gives `(C, H W)`, unit "feature" `(1, C H W)` in channel-first
    order. Tables `(columns,)` give `(1, columns)`. Sets of points `(points, coordinates)`: unit
    "point" gives `(coordinates, points)`. Raises ValueError for any other pair of shape and unit.
    """
    if x.ndim == 3 and unit in ("pixel", "feature"):
        channels_first = np.ascontiguousarray(x.transpose(2, 0, 1))
        return channels_first.reshape(x.shape[2] if unit == "pixel" else 1, -1)
    if x.ndim == 1 and unit in ("column", "feature"):
        return np.ascontiguousarray(x)[None]
    if x.ndim == 2 and unit == "point":
        return np.ascontiguousarray(x.T)
    raise ValueError(
        f"an input of shape {x.shape} has no {unit}s; images have pixels, tables columns, sets"
        " points"
    )


class Encoder(ABC):
    """Planes and a batch of masks in, a batch of ablated inputs out.

    A mask may repeat its last feature (`Design.masks`): it is shown once, `keep-only` excepted.
    """

    @abstractmethod
    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        """`planes` `(width, num_features)`, `kept` int32 `(B, num_kept)`; the batch is valid until
        the next call.
        """


def make_encoder(
    name: str,
    *,
    shape: tuple[int, ...],
    unit: Unit,
    batch_size: int,
    fill: NDArray[np.floating] | float | None = None,
    dtype: type[np.floating] | np.dtype[np.floating] = np.float32,
    stride: tuple[int, int] | None = None,
) -> Encoder:
    """The encoder `name` for inputs of `shape` (as a data set holds them) in batches of
    `batch_size`.

    `fill` is one number, or an input of `shape`, that stands for NULL in `constant`, `sentinel`,
    `mean` and `median`; `mean` and `median` need it given, for it must not depend on the certified
    input. `stride` is that of the rows and of the columns of the lattice where the masks are of
    one; the encoding `lattice` needs it. Raises ValueError for an unknown name, a fill that is
    missing or not finite, and an encoding that the unit, or the design, does not allow.
    """
    if name not in ENCODINGS:
        raise ValueError(f"unknown encoding {name!r}; choose one of: {', '.join(ENCODINGS)}")
    if (name == "keep-only") != (unit == "point"):
        raise ValueError(
            f"encoding {name} and unit {unit} do not go together; sets of points use keep-only,"
            " only they do"
        )
    if name == "infill" and (unit != "pixel" or len(shape) != 3):
        raise ValueError(
            f"encoding infill is for the pixels of images, not for the {unit}s of inputs of shape"
            f" {shape}"
        )
    if name == "lattice":
        if stride is None or unit != "pixel" or len(shape) != 3:
            raise ValueError(
                "encoding lattice shows regular grids of pixels, and only a method of designs with"
                " --design lattice keeps these (or lattice:5x4, not lattice:p=23); add it, or"
                " choose another --encoding"
            )
        return Lattice(shape=shape, stride=stride, batch_size=batch_size, dtype=np.dtype(dtype))
    width = to_planes(np.zeros(shape), unit).shape[0]
    if name == "keep-only":
        return KeepOnly(dtype=np.dtype(dtype))
    if name == "six-channel":
        return SixChannel(
            shape=_layout(shape, 2), width=width, batch_size=batch_size, dtype=np.dtype(dtype)
        )
    if name == "infill":
        return Infill(shape=_layout(shape, 1), batch_size=batch_size, dtype=np.dtype(dtype))
    if fill is None:
        if name in ("mean", "median"):
            raise ValueError(
                f"encoding {name} needs the {name} of training inputs, and this data set brings"
                " none"
            )
        fill = GREY if name == "constant" else SENTINEL
    whole = np.broadcast_to(np.asarray(fill, dtype), shape)
    if not np.isfinite(whole).all():
        raise ValueError(f"the fill of encoding {name} must be finite, got {fill}")
    return Fill(to_planes(whole, unit), shape=_layout(shape, 1), batch_size=batch_size)


def _layout(shape: tuple[int, ...], copies: int) -> tuple[int, ...]:
    """The shape that the classifier sees: channel first for images, copies side by side."""
    if len(shape) == 3:
        return (copies * shape[2], shape[0], shape[1])
    return (copies * shape[0],)


@final
class SixChannel(Encoder):
    """`x * m` and `(1 - x) * m` as separate channels, so that NULL (all zero) is unlike any value
    in [0, 1].
    """

    def __init__(
        self, *, shape: tuple[int, ...], width: int, batch_size: int, dtype: np.dtype[np.floating]
    ) -> None:
        self._width = width
        self._buffer = _ScatterBuffer(
            np.zeros((2 * width, int(np.prod(shape)) // (2 * width)), dtype), batch_size
        )
        self._shape = (batch_size, *shape)

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        shown = [plane[kept] for plane in planes]
        return self._buffer.write(kept, shown + [1 - values for values in shown]).reshape(
            self._shape
        )


@final
class Fill(Encoder):
    """NULL is a fixed value, one for all features or one for each."""

    def __init__(
        self, fill: NDArray[np.floating], *, shape: tuple[int, ...], batch_size: int
    ) -> None:
        self._buffer = _ScatterBuffer(fill, batch_size)
        self._shape = (batch_size, *shape)

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        return self._buffer.write(kept, [plane[kept] for plane in planes]).reshape(self._shape)


@final
class Infill(Encoder):
    """NULL is what the kept pixels around it suggest: `topcert.randomization.infill`."""

    def __init__(
        self, *, shape: tuple[int, ...], batch_size: int, dtype: np.dtype[np.floating]
    ) -> None:
        self._shape, self._dtype = (batch_size, *shape), dtype
        self._known = _ScatterBuffer(
            np.zeros((shape[0] + 1, shape[1] * shape[2]), dtype), batch_size
        )
        self._infillers: dict[int, Infiller] = {}  # by num_kept, of which a run has one

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        batch_size, channels, height, width = self._shape
        if kept.shape[1] not in self._infillers:
            self._infillers[kept.shape[1]] = Infiller(
                channels=channels,
                height=height,
                width=width,
                num_kept=kept.shape[1],
                batch_size=batch_size,
                dtype=self._dtype,
            )
        shown = [plane[kept] for plane in planes]
        known = self._known.write(kept, [*shown, np.ones_like(shown[0])])
        return self._infillers[kept.shape[1]](
            known.reshape(batch_size, channels + 1, height, width), kept, shown
        )


@final
class Lattice(Encoder):
    """The kept pixels of a grid as a small picture, `(B, C + 3, ceil(H / rows), ceil(W / columns))`
    for strides of so many.

    Each place shows the one pixel that is kept of so many rows and columns. Planes: the colours; 1
    where there is a pixel; how far down and how far to the right in its place it lies, over stride
    - 1. That is the same for all pixels of a row of the picture, and stands in all its places; in a
    row without a pixel, what stands in the row above.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        stride: tuple[int, int],
        batch_size: int,
        dtype: np.dtype[np.floating],
    ) -> None:
        height, self._width, channels = shape
        self._stride = stride
        self._tall, self._wide = -(-height // stride[0]), -(-self._width // stride[1])
        self._shape = (batch_size, channels + 3, self._tall, self._wide)
        self._buffer = _ScatterBuffer(
            np.zeros((channels + 3, self._tall * self._wide), dtype), batch_size
        )

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        rows, columns = np.divmod(kept, self._width)
        down, right = (
            np.divmod(at, size) for at, size in zip((rows, columns), self._stride, strict=True)
        )
        shown = [plane[kept] for plane in planes]
        batch = self._buffer.write(
            down[0] * self._wide + right[0], [*shown, np.ones_like(shown[0])]
        )
        pictures = batch.reshape(self._shape)
        offset = np.repeat(right[1][:, -1:], self._tall, axis=1)
        np.put_along_axis(offset, down[0], right[1], axis=1)
        first, last = (batch.dtype.type(max(size - 1, 1)) for size in self._stride)
        pictures[:, -2] = (down[1][:, :1].astype(batch.dtype) / first)[:, :, None]
        pictures[:, -1] = (offset.astype(batch.dtype) / last)[:, :, None]
        return pictures


@final
class KeepOnly(Encoder):
    """The kept points alone, `(B, num_kept, coordinates)`; there is no NULL."""

    def __init__(self, *, dtype: np.dtype[np.floating]) -> None:
        self._dtype = dtype

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        return planes.T[kept].astype(self._dtype, copy=False)


@final
class _ScatterBuffer:
    """A batch of planes that is a fixed background, save for the features that were written
    last.
    """

    def __init__(self, background: NDArray[np.floating], batch_size: int) -> None:
        self._background = background
        self._batch = np.repeat(background[None], batch_size, axis=0)
        self._flat = self._batch.reshape(-1)
        width, num_features = background.shape
        self._rows = np.arange(batch_size)[:, None] * (width * num_features)
        self._last: NDArray[np.int32] | None = None

    def write(
        self, kept: NDArray[np.int32], values: list[NDArray[np.floating]]
    ) -> NDArray[np.floating]:
        num_features = self._background.shape[1]
        # the same masks overwrite their own places
        if self._last is not None and self._last is not kept:
            cells = self._rows + self._last
            for plane in self._background:
                self._flat[cells] = plane[self._last]
                cells += num_features
        cells = self._rows + kept
        for shown in values:
            self._flat[cells] = shown
            cells += num_features
        self._last = kept
        return self._batch
