"""`infill`: hidden pixels are computed from the kept ones around them."""

from __future__ import annotations

from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.encoding import Encoder, EncoderSpec, Encoding
from topcert.modalities.encodings.infiller import Infiller
from topcert.modalities.encodings.scatter_buffer import ScatterBuffer


@final
class Infill(Encoder):
    """NULL is what the kept pixels around it suggest: `topcert.modalities.encodings.infiller`."""

    def __init__(
        self, *, shape: tuple[int, ...], batch_size: int, dtype: np.dtype[np.floating]
    ) -> None:
        self._shape, self._dtype = (batch_size, *shape), dtype
        self._known = ScatterBuffer(
            np.zeros((shape[0] + 1, shape[1] * shape[2]), dtype), batch_size
        )
        self._infillers: dict[int, Infiller] = {}  # by num_kept, of which a run has one

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        batch_size, channels, height, width = self._shape
        if kept.shape[1] not in self._infillers:
            self._infillers[kept.shape[1]] = Infiller(
                channels=channels,
                height=height,
                width=width,
                num_kept=kept.shape[1],
                batch_size=batch_size,
                dtype=self._dtype,
            )
        shown = [plane[kept] for plane in planes]
        known = self._known.write(kept, [*shown, np.ones_like(shown[0])])
        return self._infillers[kept.shape[1]](
            known.reshape(batch_size, channels + 1, height, width), kept, shown
        )


def _make(asked: EncoderSpec) -> Encoder:
    return Infill(
        shape=asked.form.layout(copies=1), batch_size=asked.batch_size, dtype=asked.form.dtype
    )


INFILL: Final = Encoding(name="infill", make=_make, on_grid=True)
