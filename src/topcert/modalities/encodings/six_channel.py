"""`six-channel`: each value beside one minus it (Levine and Feizi 2020)."""

from __future__ import annotations

from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.encoding import Encoder, EncoderSpec, Encoding
from topcert.modalities.encodings.scatter_buffer import ScatterBuffer


@final
class SixChannel(Encoder):
    """`x * m` and `(1 - x) * m` as separate channels, so that NULL (all zero) is unlike any value
    in [0, 1].
    """

    def __init__(
        self, *, shape: tuple[int, ...], width: int, batch_size: int, dtype: np.dtype[np.floating]
    ) -> None:
        self._width = width
        self._buffer = ScatterBuffer(
            np.zeros((2 * width, int(np.prod(shape)) // (2 * width)), dtype), batch_size
        )
        self._shape = (batch_size, *shape)

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        shown = [plane[kept] for plane in planes]
        return self._buffer.write(kept, shown + [1 - values for values in shown]).reshape(
            self._shape
        )


def _make(asked: EncoderSpec) -> Encoder:
    return SixChannel(
        shape=asked.form.layout(copies=2),
        width=asked.form.split[0],
        batch_size=asked.batch_size,
        dtype=asked.form.dtype,
    )


SIX_CHANNEL: Final = Encoding(name="six-channel", make=_make)
