"""Randomized inputs made where the network runs: what travels is the noise, not the rows.

A mask of 50 pixels is 200 bytes, the row that it gives 24,000. Each law here gives the rows of its
randomizer on the host, to the bit: only exact operations are done on the device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from topcert.modalities.encodings.device_encoder import DeviceEncoder

if TYPE_CHECKING:
    from topcert.randomization.randomizer import Randomizer

Draw = Callable[[int], NDArray[Any]]  # what a batch whose first draw has this number is made with


class DeviceRandomizer(ABC):
    """Randomized inputs of one law, in batches, on one device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def prepare(self, prepared: NDArray[Any]) -> Any:
        """One input, as the `prepare` of the host gave it, on the device."""
        return to_device(prepared, self._device)

    @abstractmethod
    def batch(self, prepared: Any, start: int) -> torch.Tensor:
        """The rows of `Randomizer.batch`, `(batch_size, ...)`, new at every call. Where the device
        works beside the host, they may still be under way.
        """


@final
class MaskingOnDevice(DeviceRandomizer):
    """`randomizer.Masking` where the network runs."""

    def __init__(self, masks: Draw, encoder: DeviceEncoder, device: torch.device) -> None:
        super().__init__(device)
        self._masks, self._encoder = masks, encoder

    def batch(self, prepared: torch.Tensor, start: int) -> torch.Tensor:
        return self._encoder(prepared, to_device(self._masks(start), self._device).long())


@final
class GaussianOnDevice(DeviceRandomizer):
    """`randomizer.GaussianNoise` where the network runs."""

    def __init__(
        self, noise: Draw, *, step: np.float32, shape: tuple[int, ...], device: torch.device
    ) -> None:
        super().__init__(device)
        self._noise, self._shape = noise, shape
        # a tensor: a device may divide by a number as it would multiply by one over it
        self._step = torch.tensor([step], dtype=torch.float32, device=device)

    def batch(self, prepared: torch.Tensor, start: int) -> torch.Tensor:
        sums = to_device(self._noise(start), self._device) + prepared
        return (sums.float() / self._step).reshape(self._shape)


@final
class DiscreteOnDevice(DeviceRandomizer):
    """`randomizer.DiscreteNoise` where the network runs; `values` is what each byte stands for."""

    def __init__(
        self,
        shifts: Draw,
        *,
        values: NDArray[np.float32],
        shape: tuple[int, ...],
        device: torch.device,
    ) -> None:
        super().__init__(device)
        self._shifts, self._shape = shifts, shape
        self._values = torch.tensor(values, device=device)

    def batch(self, prepared: torch.Tensor, start: int) -> torch.Tensor:
        found = to_device(self._shifts(start), self._device) + prepared  # bytes wrap around
        return self._values[found.int()].reshape(self._shape)


@final
class CopiedRows(DeviceRandomizer):
    """Rows that the host makes, where a law has no better way: copied, while the device works."""

    def __init__(self, randomizer: Randomizer, device: torch.device) -> None:
        super().__init__(device)
        self._randomizer = randomizer

    def prepare(self, prepared: NDArray[Any]) -> Any:
        return prepared

    def batch(self, prepared: Any, start: int) -> torch.Tensor:
        # a copy: the next batch is made in the same memory
        return to_device(self._randomizer.batch(prepared, start).copy(), self._device)


def to_device(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """An array of the host on a device, which may still be reading it: nobody writes to it.

    For a GPU it is copied to memory that the device reads by itself, so that the host goes on.
    """
    whole = np.ascontiguousarray(array)
    there = torch.from_numpy(whole if whole.flags.writeable else whole.copy())
    if device.type != "cuda":
        return there.to(device)
    return there.pin_memory().to(device, non_blocking=True)
