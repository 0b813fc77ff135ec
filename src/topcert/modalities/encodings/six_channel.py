"""`six-channel`: each value beside one minus it (Levine and Feizi 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.device_encoder import DeviceEncoder, shown_over
from topcert.modalities.encodings.encoding import Encoder, EncoderSpec, Encoding
from topcert.modalities.encodings.scatter_buffer import ScatterBuffer

if TYPE_CHECKING:
    import torch


@final
class SixChannel(Encoder):
    """`x * m` and `(1 - x) * m` as separate channels, so that NULL (all zero) is unlike any value
    in [0, 1].
    """

    def __init__(
        self, *, shape: tuple[int, ...], width: int, batch_size: int, dtype: np.dtype[np.floating]
    ) -> None:
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

    def on_device(self, device: Any) -> DeviceEncoder | None:
        return SixChannelOnDevice(self._buffer.background, shape=self._shape[1:], device=device)


@final
class SixChannelOnDevice(DeviceEncoder):
    """The same where the network runs."""

    def __init__(
        self, nothing: NDArray[np.floating], *, shape: tuple[int, ...], device: torch.device
    ) -> None:
        import torch

        self._nothing, self._shape = torch.tensor(nothing, device=device), shape

    def __call__(self, planes: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        import torch

        shown = planes[:, kept]
        both = torch.cat([shown, 1 - shown])
        return shown_over(self._nothing, kept, both).reshape(-1, *self._shape)


def _make(asked: EncoderSpec) -> Encoder:
    return SixChannel(
        shape=asked.form.layout(copies=2),
        width=asked.form.split[0],
        batch_size=asked.batch_size,
        dtype=asked.form.dtype,
    )


SIX_CHANNEL: Final = Encoding(name="six-channel", make=_make)
