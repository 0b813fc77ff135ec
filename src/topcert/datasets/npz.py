"""An .npz file: inputs `x`, and optionally labels `y`, `class_names` and training inputs
`x_train`; or an .npy file, which is `x` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.array_inputs import read_inputs
from topcert.modalities.array_values import as_array, check_numbers
from topcert.modalities.modality import Inputs, Modality
from topcert.modalities.ragged import Ragged, ragged_or_none

ARRAY_FILES: Final = (".npz", ".npy")
_READ: Final = ("x", "y", "x_train", "class_names")


@final
@dataclass(frozen=True, kw_only=True)
class Arrays:
    """The arrays of a file as inputs; `class_names` those of the labels 0, 1, ..., in no order that
    a model knows.
    """

    modality: Modality
    x: NDArray[np.floating] | Ragged
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    sorted_names: bool  # they are of labels that are text, in the order of text
    reference: NDArray[np.floating] | None
    notes: tuple[str, ...]


def read_npz(
    path: Path,
    *,
    unit: str | None = None,
    channels: str | None = None,
    value_range: tuple[float, float] | None = None,
) -> Arrays:
    """Read a file; the options are those of `read_inputs`. Raises ValueError where an array is
    missing or is none.
    """
    return read_arrays(
        _open(path), f"{path}: ", unit=unit, channels=channels, value_range=value_range
    )


def read_arrays(
    arrays: dict[str, Any],
    what: str,
    *,
    unit: str | None = None,
    channels: str | None = None,
    value_range: tuple[float, float] | None = None,
    label_name: str = "y",
) -> Arrays:
    """Inputs of arrays `x` and perhaps `y`, `class_names` and `x_train`; `what` stands before their
    names in errors, and `label_name` is what `y` is called there.
    """
    ragged = ragged_or_none(arrays["x"])  # of `Modality.read_file`
    x = as_array(arrays["x"], f"{what}x") if ragged is None else ragged
    arrays = arrays | {"x": x}
    y = arrays.get("y")
    labels, names = (
        (None, ()) if y is None else _labels(y, arrays["x"].shape[:1], f"{what}{label_name}")
    )
    if "class_names" in arrays:
        names = _names(arrays["class_names"], labels, names, what)
    options: dict[str, Any] = {"channels": channels, "value_range": value_range}
    found = read_inputs(arrays["x"], f"{what}x", unit=unit, labelled=y is not None, **options)
    shape = found.x.shape[1:]
    notes: tuple[str, ...] = ()
    if found.moved:
        notes = (
            f"{what}x holds its channels first; read as images of {shape[0]} x {shape[1]} pixels",
        )
    reference = arrays.get("x_train")
    return Arrays(
        modality=found.modality,
        x=found.x,
        labels=labels,
        class_names=names,
        sorted_names=bool(names) and "class_names" not in arrays,
        reference=None if reference is None else _reference(reference, found, what, value_range),
        notes=notes,
    )


def _open(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        what = (
            "is no plain file but a pipe or a device; copy it to one"
            if path.exists()
            else "does not exist"
        )
        raise ValueError(f"{path} {what}")
    try:
        with path.open("rb") as file:  # NumPy leaves a file that it cannot read open
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray) and path.suffix == ".npy":
                return {"x": archive}
            if isinstance(archive, np.ndarray):
                raise ValueError("it is a single array; write it with numpy.savez(path, x=array)")
            arrays = {key: archive[key] for key in _READ if key in archive.files}
            present = archive.files
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(f"{path} is not a readable {path.suffix} file ({error})") from error
    if "x" not in arrays:
        raise ValueError(f"{path} has no array x; it has: {', '.join(present) or 'nothing'}")
    return arrays


def _labels(
    y: NDArray[Any], wanted: tuple[int, ...], what: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels, and their names where they are text."""
    of = what.rpartition(" ")[2]
    if y.dtype.kind == "U" and y.shape == wanted:
        names, labels = np.unique(y, return_inverse=True)
        return labels.astype(np.int64), tuple(names.tolist())
    if y.dtype.kind not in "iu" or y.shape != wanted:
        fix = ""
        if y.ndim == 2 and y.shape == (*wanted, 1):
            fix = f"; give {of}.ravel()"
        elif y.ndim == 2 and y.shape[:1] == wanted:
            fix = f"; give {of}.argmax(axis=1) if these are one-hot"
        elif y.dtype.kind in "fb" and y.shape == wanted:
            fix = f"; give {of}.astype(int) if these are class indices"
        raise ValueError(
            f"{what} must be integers or names of shape {_tuple(wanted)}, got {y.dtype}"
            f" {y.shape}{fix}"
        )
    for label in (y.min(), y.max()) if y.size else ():
        if not 0 <= label < 2**31:
            held = "hold" if of == "labels" else "holds"
            raise ValueError(f"{what} {held} the label {label}; labels are class indices from 0")
    return y.astype(np.int64), ()


def _names(
    stored: NDArray[Any], labels: NDArray[np.int64] | None, names: tuple[str, ...], what: str
) -> tuple[str, ...]:
    """The names of integer labels."""
    if stored.dtype.kind != "U" or stored.ndim != 1 or len(set(stored.tolist())) != len(stored):
        raise ValueError(
            f"{what}class_names must be different names, in one row, got {stored.dtype}"
            f" {stored.shape}"
        )
    if names:
        raise ValueError(f"{what}y holds names, so class_names says nothing; leave it out")
    if labels is not None and labels.max() >= len(stored):
        raise ValueError(
            f"{what}y holds the label {labels.max()}, and class_names the names of 0 .."
            f" {len(stored) - 1}"
        )
    return tuple(stored.tolist())


def _reference(
    values: NDArray[Any], inputs: Inputs, what: str, value_range: tuple[float, float] | None
) -> NDArray[np.floating]:
    """Training inputs, read as the inputs are."""
    name = f"{what}x_train"
    if isinstance(inputs.x, Ragged):
        raise ValueError(f"{name} is for inputs of one shape, and x holds several; leave it out")
    array = as_array(values, name)
    check_numbers(array, name)
    if inputs.moved and array.ndim == inputs.x.ndim:
        array = inputs.modality.from_channels_first(array)
    if array.shape[1:] != inputs.x.shape[1:]:
        raise ValueError(
            f"{name} holds inputs of shape {array.shape[1:]}, x of {inputs.x.shape[1:]}"
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty, of shape {array.shape}")
    return inputs.modality.values(array, name, value_range=value_range)


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({shape[0]},)" if shape else "()"
