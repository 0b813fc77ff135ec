"""The names of a model's classes, where it knows them."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any, Final

_ATTRIBUTES: Final = ("class_names", "classes", "names", "id2label", "idx_to_class", "labels")


def names_of(model: Any, num_classes: int | None) -> tuple[str, ...] | None:
    """The names that an attribute of a module or a function tells, or its `config` as Transformers
    has it; else None.

    Taken are a list of `num_classes` distinct names (None: of any number), or a mapping from the
    labels 0, 1, ... to them.
    """
    for owner in (model, getattr(model, "config", None), getattr(model, "meta", None)):
        for attribute in _ATTRIBUTES:
            stated = (
                owner.get(attribute)
                if isinstance(owner, Mapping)
                else getattr(owner, attribute, None)
            )
            found = read_names(stated, num_classes)
            if found is not None:
                return found
    return None


def names_in_metadata(
    metadata: Mapping[str, str], num_classes: int | None
) -> tuple[str, ...] | None:
    """The names that the metadata of an ONNX file tells: JSON, a Python literal, or names on lines
    or between commas.
    """
    for attribute in _ATTRIBUTES:
        for stated in _readings(metadata.get(attribute, "")):
            found = read_names(stated, num_classes)
            if found is not None:
                return found
    return None


def read_names(stated: Any, num_classes: int | None) -> tuple[str, ...] | None:
    """Names by label, from a list or a mapping; None where it is no such thing or another number of
    them.
    """
    if isinstance(stated, Mapping):
        numbered: dict[str, Any] = {str(label): name for label, name in stated.items()}
        if set(numbered) != {str(label) for label in range(len(numbered))}:
            return None
        names = [numbered[str(label)] for label in range(len(numbered))]
    elif isinstance(stated, (list, tuple)):
        names = list(stated)
    else:
        return None
    if len(names) < 2 or num_classes not in (None, len(names)):
        return None
    if not all(isinstance(name, str) and name.strip() for name in names):
        return None  # numbers are no names
    found = tuple(str(name).strip() for name in names)
    if len(set(found)) != len(found) or all(
        name == f"LABEL_{label}" for label, name in enumerate(found)
    ):
        return None  # the second is what Transformers writes where it knows none
    return found


def _readings(text: str) -> list[Any]:
    """What a line of metadata may mean: what it says as JSON or as Python prints it, else names
    apart.
    """
    try:
        return [json.loads(text)]
    except (json.JSONDecodeError, RecursionError):
        pass
    try:
        return [ast.literal_eval(text.strip())]
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return [
            [part.strip() for part in text.strip().split(separator)] for separator in ("\n", ",")
        ]
