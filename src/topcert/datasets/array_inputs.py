"""Arrays as inputs: which kind they hold. What is in doubt is refused with the fix, never guessed.

A unit that a person names says which; else the number of axes, and what such inputs cannot be.
"""

from __future__ import annotations

from typing import cast

from numpy.typing import ArrayLike

from topcert.modalities.array_values import as_array, check_numbers
from topcert.modalities.modality import Inputs
from topcert.modalities.ragged import Ragged, ragged_or_none
from topcert.modalities.registered_modalities import (
    all_modalities,
    known_modality,
    usual_modality,
)


def read_inputs(
    values: ArrayLike | Ragged,
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
    ragged = ragged_or_none(values)
    if ragged is not None:
        return _of_several_lengths(ragged, what, unit)
    array = as_array(cast("ArrayLike", values), what)
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


def _of_several_lengths(x: Ragged, what: str, unit: str | None) -> Inputs:
    """Inputs of several lengths: of a kind that has them, which a person must name."""
    found = None if unit is None else known_modality(x.shape[1:], unit)
    if found is None:
        kinds = [f"{one.called}, unit {one.unit}" for one in all_modalities() if one.any_length]
        have = f"; {' and '.join(kinds)} may differ in length, and must be named" if kinds else ""
        raise ValueError(
            f"{what} has parts of different sizes ({min(map(len, x.items))} to"
            f" {x.shape[1]} values), and a certified input has the shape of all others: pad or cut"
            f" them{have}"
        )
    return found.read_ragged(x, what)


def _layouts() -> str:
    """The axes of arrays of every kind."""
    by_axes = sorted(all_modalities(), key=lambda one: one.axes)
    *others, last = dict.fromkeys(one.axes_in_words for one in by_axes)
    return f"{', '.join(others)} or {last}"
