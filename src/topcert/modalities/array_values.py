"""Numbers of arrays as a classifier may be shown them: what is none is refused with the fix, never
guessed.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.files import first_line
from topcert.theory.scalars import real

_EXACT: Final = 2**53  # whole numbers up to here are doubles


def as_array(values: ArrayLike, what: str) -> NDArray[Any]:
    """The array that `values` are, or are a tensor, a table or nested lists of. Raises ValueError
    where they are none.
    """
    try:
        return np.asarray(values)
    # ragged lists, tensors on a device or with a gradient: each raises its own
    except Exception as error:
        parts = values if isinstance(values, (list, tuple)) else ()
        sizes = {len(part) for part in parts if hasattr(part, "__len__")}
        if len(sizes) > 1:
            raise ValueError(
                f"{what} has parts of different sizes ({min(sizes)} to {max(sizes)} values), and a"
                " certified input has the shape of all others: pad or cut them"
            ) from error
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
        place = first_place(~np.isfinite(x))
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
            place = first_place(large)
            raise ValueError(
                f"{what} holds {x[place]} at {place}, more than the 2^53 that a double counts"
                " exactly to"
            )
    return np.asarray(x, np.float64)


def check_range(value_range: tuple[float, float] | None) -> None:
    """Raise ValueError where a range is none."""
    if value_range is None:
        return
    try:
        low, high = (real(end, "value_range") for end in value_range)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            "--range LOW HIGH (value_range=) needs two finite numbers, LOW < HIGH; got"
            f" {value_range!r}"
        )


def scale_bytes(
    images: NDArray[np.uint8], value_range: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """Bytes 0 .. 255 as float32 in [0, 1], or in the range that is given."""
    if value_range is None:
        return images.astype(np.float32) / np.float32(255)
    levels = np.linspace(*value_range, 256).astype(np.float32)
    return np.asarray(levels[images])


def first_place(where: NDArray[np.bool_]) -> tuple[int, ...]:
    """The first place where an array is true."""
    return tuple(int(i) for i in np.argwhere(where)[0])
