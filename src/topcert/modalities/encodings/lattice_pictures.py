"""`lattice`: the kept pixels of a regular grid as a small picture."""

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
class Lattice(Encoder):
    """The kept pixels of a grid as a small picture, `(B, C + 3, ceil(H / rows), ceil(W / columns))`
    for strides of so many.

    Each place shows the one pixel that is kept of so many rows and columns. Planes: the colours; 1
    where there is a pixel; how far down and how far to the right in its place it lies, over stride
    - 1. That is the same for all pixels of a row of the picture, and stands in all its places; in a
    row without a pixel, what stands in the row above.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        stride: tuple[int, int],
        batch_size: int,
        dtype: np.dtype[np.floating],
    ) -> None:
        height, self._width, channels = shape
        self._stride = stride
        self._tall, self._wide = -(-height // stride[0]), -(-self._width // stride[1])
        self._shape = (batch_size, channels + 3, self._tall, self._wide)
        self._buffer = ScatterBuffer(
            np.zeros((channels + 3, self._tall * self._wide), dtype), batch_size
        )

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        rows, columns = np.divmod(kept, self._width)
        down, right = (
            np.divmod(at, size) for at, size in zip((rows, columns), self._stride, strict=True)
        )
        shown = [plane[kept] for plane in planes]
        batch = self._buffer.write(
            down[0] * self._wide + right[0], [*shown, np.ones_like(shown[0])]
        )
        pictures = batch.reshape(self._shape)
        offset = np.repeat(right[1][:, -1:], self._tall, axis=1)
        np.put_along_axis(offset, down[0], right[1], axis=1)
        first, last = (batch.dtype.type(max(size - 1, 1)) for size in self._stride)
        pictures[:, -2] = (down[1][:, :1].astype(batch.dtype) / first)[:, :, None]
        pictures[:, -1] = (offset.astype(batch.dtype) / last)[:, :, None]
        return pictures

    def on_device(self, device: Any) -> DeviceEncoder | None:
        return LatticeOnDevice(
            self._buffer.background,
            shape=self._shape[1:],
            width=self._width,
            stride=self._stride,
            device=device,
        )


@final
class LatticeOnDevice(DeviceEncoder):
    """The same where the network runs. How far down and to the right is looked up: a device may
    divide by a number as it would multiply by one over it.
    """

    def __init__(
        self,
        nothing: NDArray[np.floating],
        *,
        shape: tuple[int, ...],
        width: int,
        stride: tuple[int, int],
        device: torch.device,
    ) -> None:
        import torch

        self._nothing = torch.tensor(nothing, device=device)
        self._shape, self._width, self._stride = shape, width, stride
        self._offsets = [
            torch.tensor(
                np.arange(size).astype(nothing.dtype) / nothing.dtype.type(max(size - 1, 1)),
                device=device,
            )
            for size in stride
        ]

    def __call__(self, planes: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        import torch

        rows, columns = kept // self._width, kept % self._width
        (place, down), (beside, right) = (
            (at // size, at % size) for at, size in zip((rows, columns), self._stride, strict=True)
        )
        shown = planes[:, kept]
        values = torch.cat([shown, torch.ones_like(shown[:1])])
        _, tall, wide = self._shape
        pictures = shown_over(self._nothing, place * wide + beside, values)
        pictures = pictures.reshape(-1, *self._shape)
        offset = right[:, -1:].repeat(1, tall).scatter_(1, place, right)
        pictures[:, -2] = self._offsets[0][down[:, :1]][:, :, None]
        pictures[:, -1] = self._offsets[1][offset][:, :, None]
        return pictures


def _make(asked: EncoderSpec) -> Encoder:
    assert asked.stride is not None, "an encoding of grids is given their stride"
    return Lattice(
        shape=asked.form.shape,
        stride=asked.stride,
        batch_size=asked.batch_size,
        dtype=asked.form.dtype,
    )


LATTICE: Final = Encoding(name="lattice", make=_make, on_grid=True, by_stride=True)
