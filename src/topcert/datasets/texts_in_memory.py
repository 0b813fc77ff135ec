"""Texts that a person holds in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from topcert.datasets.data_in_memory import ArraysInMemory
from topcert.modalities.tokens import TEXTS, TOKENS, arrays_of


def texts_in_memory(texts: Iterable[str], labels: Any = None) -> ArraysInMemory:
    """A list of texts, each cut into words, and their labels or None."""
    return ArraysInMemory(
        arrays_of([str(text) for text in texts])["x"],
        labels,
        raw=TOKENS.raw(TEXTS, {}),
        name=TEXTS,
        unit=TOKENS.unit,
    )


def is_texts(x: Any) -> bool:
    """Whether `x` is a list, a tuple, an array or a Series of texts."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(x, pandas.Series):
        x = x.tolist()
    if isinstance(x, np.ndarray) and x.ndim == 1 and x.dtype.kind in "UO":
        x = x.tolist()
    return _all_text(x)


def _all_text(values: Any) -> bool:
    return (
        isinstance(values, (list, tuple))
        and bool(values)
        and all(isinstance(value, str) for value in values)
    )
