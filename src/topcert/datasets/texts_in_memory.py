"""Texts that a person holds in memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np

from topcert.datasets.array_dataset import dataset_of
from topcert.datasets.data_in_memory import DataInMemory, plain
from topcert.datasets.dataset import Dataset
from topcert.datasets.npz import read_arrays
from topcert.datasets.reading import Reading
from topcert.modalities.tokens import TEXTS, TOKENS, arrays_of


@final
class TextsInMemory(DataInMemory):
    """A list of texts, and their labels or None; each is cut into words."""

    def __init__(self, texts: Sequence[str], labels: Any = None) -> None:
        self.name = TEXTS
        self._arrays = arrays_of([str(text) for text in texts])
        if labels is not None:
            self._arrays["y"] = plain(labels)

    def all_inputs(self, reading: Reading, *, unit: str | None) -> Dataset:
        found = read_arrays(
            self._arrays,
            "",
            unit=unit or TOKENS.unit,
            channels=reading.channels,
            value_range=reading.value_range,
            label_name="labels",
        )
        return replace(dataset_of(found, self.name), raw=TOKENS.raw(TEXTS, {}))


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
