"""Images: arrays `(H, W, C)` whose values lie in a range, channels last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.array_values import as_floats, check_range, first_place, scale_bytes
from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.encodings.filled import CONSTANT, MEAN, MEDIAN, SENTINEL
from topcert.modalities.encodings.infilled import INFILL
from topcert.modalities.encodings.lattice_pictures import LATTICE
from topcert.modalities.encodings.six_channel import SIX_CHANNEL
from topcert.modalities.modality import Inputs, Modality, Unit
from topcert.modalities.raw_input import RawInput

Channels = Literal["first", "last"]

MAX_CHANNELS: Final = 4  # of an image whose other axes are longer
COLOURS: Final = (1, 3)  # channels of a grey or a colour image, by far the most frequent


@final
class Image(Modality):
    """Pictures. A feature is a pixel, all its channels, or one value of one channel.

    Classifiers are shown channels first, `(B, C, H, W)`; values of unit "feature" are numbered in
    that order.
    """

    name: ClassVar[str] = "image"
    called: ClassVar[str] = "images"
    noun: ClassVar[str] = "images"
    axes: ClassVar[int] = 3
    axes_in_words: ClassVar[str] = "(inputs, height, width, channels)"
    units: ClassVar[tuple[Unit, ...]] = (Unit(name="pixel"), Unit(name="feature"))
    encodings: ClassVar[tuple[Encoding, ...]] = (
        SIX_CHANNEL,
        CONSTANT,
        MEAN,
        MEDIAN,
        INFILL,
        SENTINEL,
        LATTICE,
    )
    usual: ClassVar[bool] = True
    ranged: ClassVar[bool] = True

    def split(self, shape: tuple[int, ...], unit: str) -> tuple[int, int]:
        height, width, channels = shape
        if unit == "pixel":
            return channels, height * width
        return 1, channels * height * width

    def planes(self, x: NDArray[np.floating], unit: str) -> NDArray[np.floating]:
        channels_first = np.ascontiguousarray(x.transpose(2, 0, 1))
        return channels_first.reshape(x.shape[2] if unit == "pixel" else 1, -1)

    def layout(self, shape: tuple[int, ...], copies: int) -> tuple[int, ...]:
        return (copies * shape[2], shape[0], shape[1])

    def grid(self, shape: tuple[int, ...], unit: str) -> tuple[int, int] | None:
        return (shape[0], shape[1]) if unit == "pixel" else None

    def from_channels_first(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.moveaxis(x, -3, -1)

    def raw(self, data: str, options: Mapping[str, Any]) -> RawInput | None:
        if options.get("resize") is not None:
            return RawInput(what="a picture before it is resized", part="pixel", spread=None)
        if options.get("crop") is not None:
            return RawInput(what="a picture before it is cropped", part="pixel", spread=1)
        return None

    def made_in_words(self, options: Mapping[str, Any]) -> str:
        resize, crop = (options.get(name) for name in ("resize", "crop"))
        resized = "" if resize is None else f", its shorter side resized to {resize}"
        cut = "" if crop is None else f", cut to its central {crop} x {crop} pixels"
        return f"a picture after decoding and orientation{resized}{cut}"

    def read(
        self,
        x: NDArray[Any],
        what: str,
        *,
        channels: str | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> Inputs:
        """As of `Modality`; `channels` "first" or "last" says where they are, else the shape must
        tell.
        """
        moved = channels_come_first(x.shape[1:], what, channels=channels)
        if moved:
            x = np.ascontiguousarray(self.from_channels_first(x))
        return Inputs(modality=self, x=self.values(x, what, value_range=value_range), moved=moved)

    def values(
        self, x: NDArray[Any], what: str, *, value_range: tuple[float, float] | None = None
    ) -> NDArray[np.floating]:
        return as_image_values(x, what, value_range=value_range)


IMAGE: Final = Image()
MODALITY: Final = IMAGE


def as_image_values(
    x: NDArray[Any], what: str, *, value_range: tuple[float, float] | None = None
) -> NDArray[np.floating]:
    """The values of images: bytes scaled to the range, others as they are.

    Raises ValueError, naming the first, where values lie outside the range, [0, 1] unless given.
    """
    check_range(value_range)
    if x.dtype == np.uint8:
        return scale_bytes(x, value_range)
    found = as_floats(x, what)
    low, high = (found.dtype.type(end) for end in value_range or (0.0, 1.0))
    if found.min() < low or found.max() > high:
        place = first_place((found < low) | (found > high))
        others = f"all from {found.min():g} to {found.max():g}"
        if value_range is None:
            raise ValueError(
                f"{what} holds {found[place]} at {place} ({others}), and values of images lie in"
                " [0, 1]: scale them (bytes: x / 255), or say which range the model was trained"
                " on, --range LOW HIGH (value_range= in Python)"
            )
        raise ValueError(
            f"{what} holds {found[place]} at {place} ({others}), outside the range {low} .. {high}"
            " that is given"
        )
    return found


def channels_come_first(shape: Sequence[int], what: str, *, channels: str | None = None) -> bool:
    """Whether images of `shape`, three axes, are `(C, H, W)`; False for `(H, W, C)`.

    Raises ValueError where the shape does not tell and `channels` neither.
    """
    if channels is not None:
        if channels not in get_args(Channels):
            raise ValueError(f"--channels (channels=) must be first or last, got {channels!r}")
        return channels == "first"
    first, middle, last = shape
    if (first <= MAX_CHANNELS) != (last <= MAX_CHANNELS):
        return first <= MAX_CHANNELS
    if (first == middle) != (middle == last):  # images are square more often than not
        return middle == last
    if first > MAX_CHANNELS or last not in COLOURS or first in COLOURS:
        shown = " x ".join(map(str, shape))
        raise ValueError(
            f"{what} holds inputs of shape {shown}, and whether the channels are the first axis or"
            " the last is in doubt: say --channels first or --channels last (channels= in Python)"
        )
    return False
