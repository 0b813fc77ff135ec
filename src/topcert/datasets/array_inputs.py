"""Arrays as inputs: dtypes, axes and values. What is in doubt is refused with the fix, never
guessed.

Images are held channels last, `(inputs, H, W, C)`. Which axis holds the channels follows from the
shape where it can be told; sets of points and tables are told from images by what an image cannot
be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, final, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.files import first_line

Kind = Literal["image", "table", "points"]
Channels = Literal["first", "last"]

MAX_CHANNELS: Final = 4  # of an image whose other axes are longer
COLOURS: Final = (1, 3)  # channels of a grey or a colour image, by far the most frequent
MAX_COORDINATES: Final = 6  # of a point: its place, and perhaps a normal
MIN_SIDE: Final = 8  # of one grey image that could be meant where a table is given
_EXACT: Final = 2**53  # whole numbers up to here are doubles


@final
@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What an array holds: float32 or float64 `(inputs, ...)`, images channels last; `moved` where
    they came first.
    """

    kind: Kind
    x: NDArray[np.floating]
    moved: bool = False


def read_inputs(
    values: ArrayLike,
    what: str,
    *,
    unit: str | None = None,
    labelled: bool = False,
    channels: str | None = None,
    value_range: tuple[float, float] | None = None,
) -> Inputs:
    """The inputs that an array of two, three or four axes holds.

    `what` names it in errors. `unit`, where a person named it, says what the inputs are; `labelled`
    that each has a label of its own; `channels` "first" or "last" where the channels of images are,
    else the shape must tell. Bytes of images are scaled to `value_range`, [0, 1] unless given, and
    other values must lie in it. Raises ValueError, naming the fix, where the array holds no finite
    numbers, or what it holds is in doubt.
    """
    array = as_array(values, what)
    check_numbers(array, what)
    if array.ndim not in (2, 3, 4):
        raise ValueError(
            f"{what} must be (inputs, features), (inputs, points, coordinates) or (inputs, height,"
            f" width, channels), got shape {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"{what} is empty, of shape {array.shape}")
    kind = _kind_of(array, what, unit=unit, labelled=labelled)
    if kind != "image":
        for option, given in (
            ("--range (value_range=)", value_range),
            ("--channels (channels=)", channels),
        ):
            if given is not None:
                raise ValueError(
                    f"{option} is for images, and {what} holds {_NAMES[kind]}; leave it out"
                )
        return Inputs(kind=kind, x=as_floats(array, what))
    moved = channels_come_first(array.shape[1:], what, channels=channels)
    if moved:
        array = np.ascontiguousarray(np.moveaxis(array, 1, 3))
    return Inputs(kind=kind, x=as_image_values(array, what, value_range=value_range), moved=moved)


_NAMES: Final[dict[Kind, str]] = {"image": "images", "table": "a table", "points": "sets of points"}


def as_array(values: ArrayLike, what: str) -> NDArray[Any]:
    """The array that `values` are, or are a tensor, a table or nested lists of. Raises ValueError
    where they are none.
    """
    try:
        return np.asarray(values)
    # ragged lists, tensors on a device or with a gradient: each raises its own
    except Exception as error:
        raise ValueError(f"{what} cannot be read as an array: {first_line(error)}") from error


def check_numbers(x: NDArray[Any], what: str) -> None:
    """Raise ValueError for anything but booleans, integers and floats of 16, 32 or 64 bits, all of
    them finite.
    """
    if x.dtype.kind == "O":
        raise ValueError(
            f"{what} holds Python objects ({type(x.flat[0]).__name__ if x.size else 'none'}), not"
            " numbers"
        )
    if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
        raise ValueError(
            f"{what} must hold booleans, integers, or floats of 16, 32 or 64 bits, got {x.dtype};"
            " convert it with astype"
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        place = _first(~np.isfinite(x))
        raise ValueError(
            f"{what} holds {x[place]} at {place}; replace it, a certificate needs finite inputs"
        )


def as_floats(x: NDArray[Any], what: str) -> NDArray[np.floating]:
    """Finite numbers as float32 or float64: bytes scaled to [0, 1], float16 as float32, all others
    as they are.

    Raises ValueError for a whole number that a double does not hold exactly.
    """
    if x.dtype == np.uint8:
        return scale_bytes(x)
    if x.dtype.kind == "f":
        size = np.float64 if x.dtype.itemsize == 8 else np.float32
        return np.asarray(x, size)
    if x.dtype.itemsize == 8:
        large = (x > _EXACT) | (x < -_EXACT if x.dtype.kind == "i" else False)
        if large.any():
            place = _first(large)
            raise ValueError(
                f"{what} holds {x[place]} at {place}, more than the 2^53 that a double counts"
                " exactly to"
            )
    return np.asarray(x, np.float64)


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
        place = _first((found < low) | (found > high))
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


def check_range(value_range: tuple[float, float] | None) -> None:
    """Raise ValueError where a range is none."""
    if value_range is None:
        return
    if (
        len(value_range) != 2
        or not all(np.isfinite(end) for end in value_range)
        or value_range[0] >= value_range[1]
    ):
        ends = " ".join(str(end) for end in value_range)
        raise ValueError(
            f"--range LOW HIGH (value_range=) needs two finite numbers, LOW < HIGH; got {ends}"
        )


def scale_bytes(
    images: NDArray[np.uint8], value_range: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """Bytes 0 .. 255 as float32 in [0, 1], or in the range that is given."""
    if value_range is None:
        return images.astype(np.float32) / np.float32(255)
    levels = np.linspace(*value_range, 256).astype(np.float32)
    return np.asarray(levels[images])


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


def _kind_of(x: NDArray[Any], what: str, *, unit: str | None, labelled: bool) -> Kind:
    shape = x.shape
    if x.ndim == 4:
        return "image"
    if x.ndim == 2:
        image = not labelled and shape[0] == shape[1] >= MIN_SIDE and x.min() >= 0
        if unit is None and image:
            raise ValueError(
                f"{what} has shape {shape}, which could be one grey image: then give x[None, :, :,"
                f" None]; for a table of {shape[0]} rows say --unit column (unit= in Python)"
            )
        return "table"
    if unit == "point":
        return "points"
    # Bytes are no coordinates; clouds are seldom as many as their points, and have negative
    # coordinates where centred.
    clouds = 2 <= shape[2] <= MAX_COORDINATES and x.dtype.kind not in "ub"
    if unit is None and clouds and (labelled or (x.min() < 0 and shape[0] != shape[1])):
        return "points"
    raise ValueError(
        f"{what} has three axes, {shape}, which is in doubt: grey images are x[..., None], one"
        f" image x[None]; for {shape[0]} sets of {shape[1]} points say --unit point (unit= in"
        " Python)"
    )


def _first(where: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(where)[0])
