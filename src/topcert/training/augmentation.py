"""What a training input may look like besides itself; drawn from a generator that `(seed, epoch)` determines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import torch
from torch import nn


class Augmentation(Protocol):
    """A batch of training inputs in, the same inputs moved or mirrored out."""

    def __call__(self, batch: torch.Tensor, generator: np.random.Generator) -> torch.Tensor: ...


@final
@dataclass(frozen=True, kw_only=True)
class ShiftAndMirror:
    """Mirror half of the images and shift each by up to `max_shift` pixels, black coming in at the edges."""

    max_shift: int = 2

    def __call__(self, batch: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Images `(B, C, H, W)` of any dtype."""
        size, channels, height, width = batch.shape
        device = batch.device
        shifts = torch.from_numpy(generator.integers(0, 2 * self.max_shift + 1, (2, size, 1))).to(device)
        mirrored = torch.from_numpy(generator.random(size) < 0.5).to(device)
        rows = torch.arange(height, device=device) + shifts[0]
        columns = torch.arange(width, device=device) + shifts[1]
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        padded = nn.functional.pad(batch, (self.max_shift,) * 4)
        stride = width + 2 * self.max_shift
        flat = (rows[:, :, None] * stride + columns[:, None, :]).view(size, 1, -1).expand(-1, channels, -1)
        return padded.flatten(2).gather(2, flat).view(size, channels, height, width)
