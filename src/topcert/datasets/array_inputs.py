"""Arrays as inputs: which kind they hold. What is in doubt is refused with the fix, never guessed.

A unit that a person names says which; else the number of axes, and what such inputs cannot be.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from topcert.modalities.array_values import as_array, check_numbers
from topcert.modalities.modality import Inputs
from topcert.modalities.registered_modalities import (
    all_modalities,
    known_modality,
    usual_modality,
)


def read_inputs(
    values: ArrayLike,
    what: str,
    *,
    unit: str | None = None,
    labelled: bool = False,
    channels: str | None = None,
    value_range: tuple[float, float] | None = None,
) -> Inputs:
    """The inputs that an array holds, of two axes or more.

    `what` names it in errors. `unit`, where a person named it, says what the inputs are; `labelled`
    that each has a label of its own; `channels` "first" or "last" where the channels of images are,
    else the shape must tell. Bytes of images are scaled to `value_range`, [0, 1] unless given, and
    other values must lie in it. Raises ValueError, naming the fix, where the array holds no finite
    numbers, or what it holds is in doubt.
    """
    array = as_array(values, what)
    check_numbers(array, what)
    shape = array.shape
    named = None if unit is None else known_modality(shape[1:], unit)
    usual = usual_modality(len(shape) - 1)
    if named is None and usual is None:
        raise ValueError(f"{what} must be {_layouts()}, got shape {shape}")
    if array.size == 0:
        raise ValueError(f"{what} is empty, of shape {shape}")
    found = named or usual
    assert found is not None
    if named is None:
        doubt = found.doubt(array, what, named=unit is not None, labelled=labelled)
        if doubt is not None:
            raise ValueError(doubt)
    return found.read(array, what, channels=channels, value_range=value_range)


def _layouts() -> str:
    """The axes of arrays of every kind."""
    by_axes = sorted(all_modalities(), key=lambda one: one.axes)
    *others, last = dict.fromkeys(one.axes_in_words for one in by_axes)
    return f"{', '.join(others)} or {last}"
