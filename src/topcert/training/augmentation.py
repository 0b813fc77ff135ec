"""What a training input may look like besides itself; drawn from a generator that `(seed, epoch)`
determines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class Augmentation(Protocol):
    """A batch of training inputs in, the same inputs moved, mirrored or tinted out."""

    def __call__(self, batch: torch.Tensor, generator: np.random.Generator) -> torch.Tensor: ...


@final
@dataclass(frozen=True, kw_only=True)
class ShiftAndMirror:
    """Mirror half of the images and shift each by up to `max_shift` pixels, black coming in at the
    edges.
    """

    max_shift: int = 2

    def __call__(self, batch: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Images `(B, C, H, W)` of any dtype."""
        size, channels, height, width = batch.shape
        device = batch.device
        shifts = torch.from_numpy(generator.integers(0, 2 * self.max_shift + 1, (2, size, 1))).to(
            device
        )
        mirrored = torch.from_numpy(generator.random(size) < 0.5).to(device)
        rows = torch.arange(height, device=device) + shifts[0]
        columns = torch.arange(width, device=device) + shifts[1]
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        padded = nn.functional.pad(batch, (self.max_shift,) * 4)
        stride = width + 2 * self.max_shift
        flat = (
            (rows[:, :, None] * stride + columns[:, None, :])
            .view(size, 1, -1)
            .expand(-1, channels, -1)
        )
        return padded.flatten(2).gather(2, flat).view(size, channels, height, width)


@final
@dataclass(frozen=True, kw_only=True)
class WarpAndTint:
    """Mirror half of the images; turn, stretch, shift and tint each; what comes in at the edges is
    the image in a mirror.

    Each image turns by up to `max_turn` degrees, each of its axes is stretched by up to
    `exp(max_stretch)` either way and shifted by up to `max_shift` pixels; its brightness changes by
    up to `exp(max_tint)` either way, and that of each channel by half as much once more. For
    networks that would otherwise know their training images by heart.
    """

    max_shift: float = 3.0
    max_turn: float = 12.0
    max_stretch: float = 0.15
    max_tint: float = 0.2

    def __call__(self, batch: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """uint8 images `(B, C, H, W)`."""
        size, channels, height, width = batch.shape

        def uniform(limit: float, *shape: int) -> NDArray[np.float64]:
            return generator.uniform(-limit, limit, (size, *shape))

        turn = np.deg2rad(uniform(self.max_turn))
        stretch = np.exp(uniform(self.max_stretch, 2))
        mirror = np.where(generator.random(size) < 0.5, -1.0, 1.0)
        # Where each pixel comes from, in units of half the image: mirror, turn, then stretch each
        # axis and shift it.
        came = np.empty((size, 2, 3))
        came[:, 0, 0], came[:, 0, 1] = (
            mirror * np.cos(turn) * stretch[:, 0],
            -np.sin(turn) * stretch[:, 0],
        )
        came[:, 1, 0], came[:, 1, 1] = (
            mirror * np.sin(turn) * stretch[:, 1],
            np.cos(turn) * stretch[:, 1],
        )
        came[:, :, 2] = uniform(self.max_shift, 2) * 2.0 / np.array([width, height])
        tint = np.exp(uniform(self.max_tint, 1) + uniform(self.max_tint / 2, channels))
        grid = nn.functional.affine_grid(
            torch.from_numpy(came).float().to(batch.device),
            [size, channels, height, width],
            align_corners=False,
        )
        moved = nn.functional.grid_sample(
            batch.float(), grid, padding_mode="reflection", align_corners=False
        )
        tinted = moved * torch.from_numpy(tint).float().to(batch.device)[:, :, None, None]
        return tinted.round_().clamp_(0, 255).to(torch.uint8)
