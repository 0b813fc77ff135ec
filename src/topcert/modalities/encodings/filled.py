"""`constant`, `sentinel`, `mean`, `median`: NULL is a value that was fixed beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.device_encoder import DeviceEncoder, shown_over
from topcert.modalities.encodings.encoding import Encoder, EncoderSpec, Encoding
from topcert.modalities.encodings.scatter_buffer import ScatterBuffer

if TYPE_CHECKING:
    import torch

GREY: Final = 0.5  # the default fill of `constant`: the middle of [0, 1]
# the default fill of `sentinel`: outside [0, 1], where scaled columns lie
SENTINEL_FILL: Final = -1.0


@final
class Fill(Encoder):
    """NULL is a fixed value, one for all features or one for each."""

    def __init__(
        self, fill: NDArray[np.floating], *, shape: tuple[int, ...], batch_size: int
    ) -> None:
        self._buffer = ScatterBuffer(fill, batch_size)
        self._shape = (batch_size, *shape)

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        return self._buffer.write(kept, [plane[kept] for plane in planes]).reshape(self._shape)

    def on_device(self, device: Any) -> DeviceEncoder | None:
        return FillOnDevice(self._buffer.background, shape=self._shape[1:], device=device)


@final
class FillOnDevice(DeviceEncoder):
    """The same where the network runs."""

    def __init__(
        self, fill: NDArray[np.floating], *, shape: tuple[int, ...], device: torch.device
    ) -> None:
        import torch

        self._fill, self._shape = torch.tensor(fill, device=device), shape

    def __call__(self, planes: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        return shown_over(self._fill, kept, planes[:, kept]).reshape(-1, *self._shape)


def grey_of(value_range: tuple[float, float] | None) -> float:
    """The default fill of `constant`: the middle of the range of values, of [0, 1] where none is
    named.
    """
    return GREY if value_range is None else (value_range[0] + value_range[1]) / 2


def _make(asked: EncoderSpec) -> Encoder:
    assert asked.fill is not None, "an encoding with a NULL is given it"
    return Fill(asked.fill, shape=asked.form.layout(copies=1), batch_size=asked.batch_size)


CONSTANT: Final = Encoding(name="constant", make=_make, null="number", usual_fill=grey_of)
SENTINEL: Final = Encoding(
    name="sentinel", make=_make, null="number", usual_fill=lambda _: SENTINEL_FILL
)
MEAN: Final = Encoding(name="mean", make=_make, null="statistic")
MEDIAN: Final = Encoding(name="median", make=_make, null="statistic")
