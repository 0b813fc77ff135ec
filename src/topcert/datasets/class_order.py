"""The classes of data and of a model: matched by name where both have names, never by a guess.

Data that names its classes (folders, built-in sets, an .npz with names) numbers them in its own
order, which need not be the model's: a class may lack images, or '10' come before '2'. A model that
names its classes settles it, or a person who names them, in the model's order. Without names the
numbers of classes must agree, and their order be beyond doubt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from topcert.datasets.dataset import Dataset
from topcert.theory.scalars import shown

Unmatched = Literal["refuse", "leave out", "keep"]
FIX: Final = "--class-names FILE, a name a line in the model's order"
SELDOM: Final = 0.01
# how the note begins where a model names no classes, and labels are text
IN_ORDER_OF_TEXT: Final = (
    "the model names no classes, and those of the labels are taken for its 0, 1, ... in the order"
    " of text"
)
_NUMERAL: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SHOWN: Final = 3


def order_classes(
    dataset: Dataset,
    *,
    model: str,
    num_classes: int,
    model_names: Sequence[str] | None = None,
    given: Sequence[str] | None = None,
    unmatched: Unmatched = "refuse",
) -> Dataset:
    """The data set with its labels as the model numbers its classes, and `class_names` those of the
    model, if known.

    `model` names it in errors; `model_names` are what it calls its classes, `given` what a person
    does, who is believed. `unmatched` says what becomes of labels whose classes cannot be matched:
    "leave out", with a note, where no certificate is of them; "keep" takes the data's order, with a
    note, where a fingerprint tells whether it is the same. Raises ValueError, naming the fix, where
    classes cannot be matched, and for labels beyond the model's.
    """
    if given is not None and len(given) != num_classes:
        raise ValueError(
            f"--class-names holds {len(given)} names, {model} has {num_classes} classes; name each"
            " of them"
        )
    names = given if given is not None else model_names
    known = () if names is None else tuple(names)
    if dataset.labels is None:
        return replace(dataset, class_names=known)
    if not dataset.class_names:
        _check_numbers(
            dataset,
            model=model,
            num_classes=num_classes,
            names=None if given is not None else model_names,
        )
        zero = warning_of_label_zero(dataset, num_classes)
        return replace(
            dataset, class_names=known, notes=(*dataset.notes, zero) if zero else dataset.notes
        )
    try:
        places = _places(dataset, model=model, num_classes=num_classes, names=names)
    except ValueError as error:
        if unmatched == "refuse" or (
            unmatched == "keep" and len(dataset.class_names) > num_classes
        ):
            raise
        if unmatched == "keep":
            note = f"classes are taken in the order of the data: {error}"
            return replace(dataset, notes=(*dataset.notes, note))
        note = f"labels are left out, for no label is certified that the data gives: {error}"
        return replace(dataset, labels=None, class_names=known, notes=(*dataset.notes, note))
    ordered = known or tuple(dataset.class_names[place] for place in np.argsort(places))
    notes = dataset.notes
    if dataset.sorted_names and names is None:
        note = f"{IN_ORDER_OF_TEXT}: {_listed(ordered)}; say its own order with {FIX}"
        notes = (*notes, note)
    return replace(dataset, labels=places[dataset.labels], class_names=ordered, notes=notes)


def checked_names(class_names: Any) -> tuple[str, ...]:
    """Names of classes, in the model's order. Raises ValueError for what are none, or not different
    ones.
    """
    single = isinstance(class_names, (str, bytes)) or not isinstance(class_names, Iterable)
    names = () if single else tuple(map(str, class_names))
    if len(set(names)) < max(len(names), 1) or not all(name.strip() for name in names):
        raise ValueError(
            "class_names must be different names, one a class, in the model's order; got"
            f" {shown(class_names)}"
        )
    return names


def warning_of_label_zero(dataset: Dataset, num_classes: int) -> str:
    """What to say of labels that are numbers where none of the whole set is 0; nothing where that
    is no wonder.
    """
    if dataset.label_range is None or not lacks_label_zero(
        dataset.label_range[0], dataset.label_count, num_classes
    ):
        return ""
    return (
        f"{dataset.name}: none of its {dataset.label_count:,} labels is 0, the lowest is"
        f" {dataset.label_range[0]}, and there are {num_classes} classes, from 0; if they count"
        " from 1, subtract 1"
    )


def lacks_label_zero(lowest: int, count: int, num_classes: int) -> bool:
    """Whether `count` labels, drawn evenly from the classes, would lack a 0 with a chance below
    `SELDOM`, and do.
    """
    return lowest > 0 and (1 - 1 / num_classes) ** count < SELDOM


def read_class_names(path: Path) -> tuple[str, ...]:
    """Names of classes, one a line, of a text file in UTF-8. Raises ValueError for an empty line or
    a name twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"--class-names {path} cannot be read: {reason}") from error
    names = [line.strip() for line in lines]
    if not names:
        raise ValueError(
            f"--class-names {path} is empty; it holds a name a line, in the model's order"
        )
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name:
            raise ValueError(
                f"--class-names {path}: line {number} is empty; the n-th line names the n-th class"
            )
        if name in seen:
            raise ValueError(
                f"--class-names {path}: lines {seen[name]} and {number} are both {name!r}"
            )
        seen[name] = number
    return tuple(names)


def _places(
    dataset: Dataset, *, model: str, num_classes: int, names: Sequence[str] | None
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The model's number of each class of the data, int64 `(classes of the data,)`."""
    data_names = dataset.class_names
    if len({_normal(name) for name in data_names}) < len(data_names):
        raise ValueError(
            f"{dataset.name} has two classes of one name: {_listed(data_names)}; rename one"
        )
    if names is None:
        _check_order(dataset, model=model, num_classes=num_classes)
        return np.arange(len(data_names))
    numbered = {_normal(name): number for number, name in enumerate(names)}
    unknown = [name for name in data_names if _normal(name) not in numbered]
    if unknown:
        raise ValueError(
            f"{dataset.name} has the class{'es' if len(unknown) > 1 else ''}"
            f" {_listed(unknown)}, {model} has {_listed(names)}: classes are matched by name;"
            f" rename them, or name the model's as the data does: {FIX}"
        )
    return np.array([numbered[_normal(name)] for name in data_names], np.int64)


def _check_order(dataset: Dataset, *, model: str, num_classes: int) -> None:
    """Refuse to take the order of the data's names for the model's where that is in doubt."""
    data_names = dataset.class_names
    if len(data_names) != num_classes:
        empty = "".join(f" ({note})" for note in dataset.notes if "so no class" in note)
        raise ValueError(
            f"{dataset.name} has {len(data_names)} class{'' if len(data_names) == 1 else 'es'},"
            f" {_listed(data_names)}, and {model} has {num_classes} that it does not name:"
            f" which is which is in doubt; say it with {FIX}"
            + (
                ""
                if len(data_names) < num_classes
                else ", or use data and a model with the same classes"
            )
            + empty
        )
    numerals = [name for name in data_names if _NUMERAL.fullmatch(name)]
    if numerals != sorted(numerals, key=float):
        late = next(
            i for i in range(1, len(numerals)) if float(numerals[i]) < float(numerals[i - 1])
        )
        raise ValueError(
            f"{dataset.name} has classes whose names are numbers: as text {numerals[late - 1]!r}"
            f" comes before {numerals[late]!r}, as numbers after it, and which of them {model}"
            f" means is in doubt; say it with {FIX}"
        )


def _check_numbers(
    dataset: Dataset, *, model: str, num_classes: int, names: Sequence[str] | None
) -> None:
    """Labels that are numbers are places among the model's classes; refuse where they cannot be, or
    need not be.
    """
    assert dataset.labels is not None
    low, high = dataset.label_range or (int(dataset.labels.min()), int(dataset.labels.max()))
    if high >= num_classes:
        from_one = high == num_classes and low > 0
        raise ValueError(
            f"{dataset.name} holds the label {high}, {model} has {num_classes} classes, 0 .."
            f" {num_classes - 1}; use data and a model with the same"
            f" classes{' (the labels seem to count from 1: subtract 1)' if from_one else ''}"
        )
    if names is not None and all(_NUMERAL.fullmatch(name) for name in names):
        moved = next((place for place, name in enumerate(names) if float(name) != place), None)
        if moved is not None:
            raise ValueError(
                f"{dataset.name} holds labels that are numbers, and {model} calls its classes"
                f" {_listed(names)}: whether {names[moved]} is a name or a place is in doubt; store"
                " names, y.astype(str), or number classes from 0"
            )


def _normal(name: str) -> str:
    """One spelling of accented letters, which file systems write in two ways."""
    return unicodedata.normalize("NFC", name.strip())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, ... ({len(names)} in all)"
