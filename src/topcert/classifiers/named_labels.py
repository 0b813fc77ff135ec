"""Labels that a function gives by name, as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from topcert.classifiers.class_names import names_of


def numbered(model: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that gives what `model` gives, names of classes as their numbers.

    The names are those that an attribute of `model` tells (`names_of`), in the order of their
    numbers; a name that is none of them is the number of classes, which is no label. Ranked names
    `(B, depth)` become ranked numbers. Without names, or where it gives no names, nothing changes.
    """
    names = names_of(model, None)
    if names is None:
        return model
    numbers = {name: number for number, name in enumerate(names)}

    def ask(rows: Any) -> Any:
        answer = model(rows)
        found = np.asarray(answer) if isinstance(answer, (list, tuple, np.ndarray)) else None
        if found is None or not found.size or not _are_names(found):
            return answer
        flat = [numbers.get(str(name).strip(), len(numbers)) for name in found.reshape(-1)]
        return np.array(flat, np.int64).reshape(found.shape)

    return ask


def _are_names(found: Any) -> bool:
    return found.dtype.kind == "U" or (
        found.dtype.kind == "O" and all(isinstance(name, str) for name in found.flat)
    )
