"""Labels as class indices, and how many of them a vote names: checked once for every function that
takes them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.scalars import whole_number


def checked_labels(labels: ArrayLike, *, inputs: int, classes: int) -> NDArray[np.int64]:
    """`labels` as int64 `(inputs,)`. Raises ValueError where they are not integers in 0 .. classes
    - 1 of that shape.
    """
    found = np.asarray(labels)
    if found.dtype.kind not in "iu" or found.shape != (inputs,):
        raise ValueError(
            f"labels must be integers of shape ({inputs},), got {found.dtype} of shape"
            f" {found.shape}"
        )
    if found.size and not (found.min() >= 0 and found.max() < classes):
        bad = found[(found < 0) | (found >= classes)][0]
        raise ValueError(
            f"label {bad} is out of range; there are {classes} classes, 0 .. {classes - 1}"
        )
    return found.astype(np.int64)


def checked_num_named(num_named: int, *, classes: int) -> int:
    """How many labels a vote names, as an int. Raises ValueError where it lies outside 1 .. classes
    - 1.
    """
    named = whole_number(num_named, "num_named")
    if not 1 <= named < classes:
        raise ValueError(
            f"a vote can name 1 .. classes - 1 = {classes - 1} labels, got num_named {named}"
        )
    return named
