"""`keep-only`: the kept features alone; nothing stands for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.device_encoder import DeviceEncoder
from topcert.modalities.encodings.encoding import Encoder, EncoderSpec, Encoding

if TYPE_CHECKING:
    import torch


@final
class KeepOnly(Encoder):
    """The kept points alone, `(B, num_kept, coordinates)`; there is no NULL."""

    def __init__(self, *, dtype: np.dtype[np.floating]) -> None:
        self._dtype = dtype

    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        return planes.T[kept].astype(self._dtype, copy=False)

    def on_device(self, device: Any) -> DeviceEncoder | None:
        return KeepOnlyOnDevice(dtype=self._dtype)


@final
class KeepOnlyOnDevice(DeviceEncoder):
    """The same where the network runs."""

    def __init__(self, *, dtype: np.dtype[np.floating]) -> None:
        import torch

        self._dtype = torch.from_numpy(np.empty(0, dtype)).dtype

    def __call__(self, planes: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        return planes.T.contiguous()[kept].to(self._dtype)


def _make(asked: EncoderSpec) -> Encoder:
    return KeepOnly(dtype=asked.form.dtype)


KEEP_ONLY: Final = Encoding(name="keep-only", make=_make)
