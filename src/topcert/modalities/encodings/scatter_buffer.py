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
        self.background = background
        self._batch = np.repeat(background[None], batch_size, axis=0)
        self._flat = self._batch.reshape(-1)
        # the one value of each plane, where it has but one, to the bit
        self._nulls = [
            plane[0] if plane.tobytes() == plane[0].tobytes() * len(plane) else None
            for plane in background
        ]
        width, num_features = background.shape
        self._rows = np.arange(batch_size)[:, None] * (width * num_features)
        self._last: NDArray[np.int32] | None = None

    def write(
        self, kept: NDArray[np.int32], values: list[NDArray[np.floating]]
    ) -> NDArray[np.floating]:
        """Show `values` of the first planes at the kept features; the others are the caller's."""
        num_features = self.background.shape[1]
        # the same masks overwrite their own places
        last = None if self._last is kept else self._last
        cells, before = self._rows + kept, None if last is None else self._rows + last
        # plane by plane, so that what is restored is still near when it is written
        for plane, null, shown in zip(self.background, self._nulls, values, strict=False):
            if last is not None and before is not None:
                self._flat[before] = plane[last] if null is None else null
                before += num_features
            self._flat[cells] = shown
            cells += num_features
        self._last = kept
        return self._batch
