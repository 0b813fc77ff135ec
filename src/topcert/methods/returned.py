"""What a method returned, checked: a method of another package may return anything."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import Method, Radii
from topcert.theory.scalars import kind_in_words


def checked_theorem(found: object, method: Method, shape: tuple[int, ...]) -> Radii:
    """The radii of a theorem, `(inputs, len(ks))`. Raises ValueError for what are none."""
    if not isinstance(found, Radii):
        raise ValueError(_said(method, "theorem", "Radii", kind_in_words(found)))
    checked_radii(found.radius, method, shape, of="theorem")
    return found


def checked_radii(
    found: object, method: Method, shape: tuple[int, ...], *, of: str = "radii"
) -> NDArray[np.int64]:
    """An array of whole numbers of that shape. Raises ValueError for what is none."""
    due = f"integers of shape {shape}"
    if not isinstance(found, np.ndarray):
        raise ValueError(_said(method, of, due, kind_in_words(found)))
    if found.dtype.kind not in "iu" or found.shape != shape:
        raise ValueError(_said(method, of, due, f"{found.dtype} {found.shape}"))
    return cast("NDArray[np.int64]", found)


def checked_bounds(
    found: object, method: Method
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bounds. Raises ValueError for what are none."""
    pair = isinstance(found, tuple) and len(found) == 2
    if not pair or not all(isinstance(side, np.ndarray) for side in cast("tuple[object]", found)):
        due = "a tuple of two arrays, lower and upper bounds"
        raise ValueError(_said(method, "bounds", due, kind_in_words(found)))
    return cast("tuple[NDArray[np.float64], NDArray[np.float64]]", found)


def _said(method: Method, of: str, due: str, got: str) -> str:
    return (
        f"`{of}` of the method {method.name} must return {due}, and returned {got}; mend the"
        " package that it is of"
    )
