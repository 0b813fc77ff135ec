"""A batch in which only the kept features are ever touched."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray


@final
class ScatterBuffer:
    """A batch of planes that is a fixed background, save for the features that were written
    last.
    """

    def __init__(self, background: NDArray[np.floating], batch_size: int) -> None:
        self._background = background
        self._batch = np.repeat(background[None], batch_size, axis=0)
        self._flat = self._batch.reshape(-1)
        width, num_features = background.shape
        self._rows = np.arange(batch_size)[:, None] * (width * num_features)
        self._last: NDArray[np.int32] | None = None

    def write(
        self, kept: NDArray[np.int32], values: list[NDArray[np.floating]]
    ) -> NDArray[np.floating]:
        num_features = self._background.shape[1]
        # the same masks overwrite their own places
        if self._last is not None and self._last is not kept:
            cells = self._rows + self._last
            for plane in self._background:
                self._flat[cells] = plane[self._last]
                cells += num_features
        cells = self._rows + kept
        for shown in values:
            self._flat[cells] = shown
            cells += num_features
        self._last = kept
        return self._batch
