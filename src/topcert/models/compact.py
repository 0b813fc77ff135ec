"""`compact`: a small residual network for ablated 32 x 32 images.

At 50 kept pixels of 1,024 a 4 x 4 patch holds less than one. So the network begins with what can be
said of a place from the kept pixels around it, their mean colour at four widths, beside the pixels
themselves; full resolution is left at once, and almost all the work is done at 8 x 8 and 4 x 4.
"""

from __future__ import annotations

from typing import Final, final

import torch
from torch import nn

# cells a side of the blurs, one after the other: standard deviations 0.8, 1.6, 2.2, 2.9 cells
BOXES: Final = (3, 5, 5, 7)


@final
class LocalMeans(nn.Module):
    """Mean colour and density of the kept pixels around each 2 x 2 cell, at four widths: normalized
    convolution.

    From shown pixels `(B, 3, 2 cells, 2 cells)` and masks `(B, 1, 2 cells, 2 cells)` to `(B, 16,
    cells, cells)`. All blurs are one product with a matrix, which ONNX Runtime does several times
    as fast as it averages pools.
    """

    blurs: torch.Tensor

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.cells = cells
        self.register_buffer("blurs", _blurs(cells), persistent=False)

    def forward(self, shown: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        pooled = nn.functional.avg_pool2d(torch.cat([shown, kept], 1), 2)
        # of three dimensions, autocast copies the blurs an input
        product = pooled.reshape(-1, self.cells**2) @ self.blurs
        blurred = product.view(-1, 4, len(BOXES), self.cells, self.cells)
        density = blurred[:, 3:]
        means = blurred[:, :3] / (density + 1e-4)  # black where nothing is kept nearby
        return torch.cat([means, density], 1).transpose(1, 2).flatten(1, 2)


def _blurs(cells: int) -> torch.Tensor:
    """What turns a plane of cells, as a row, into its blurs by `BOXES`: `(cells^2, len(BOXES)
    cells^2)`; zeros outside.
    """
    planes = torch.eye(cells * cells).view(-1, 1, cells, cells)
    blurred: list[torch.Tensor] = []
    for box in BOXES:
        planes = nn.functional.avg_pool2d(planes, box, 1, box // 2)
        blurred.append(planes.flatten(1))
    return torch.cat(blurred, 1)


@final
class Bottleneck(nn.Module):
    """A 3 x 3 convolution of half the channels between two 1 x 1 ones, beside the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.body = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, 1, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.activation(self.body(x) + x)
        return out


@final
class Downsample(nn.Module):
    """A residual block that halves the resolution: `kernel` x `kernel` with stride 2, then 3 x 3;
    the shortcut is pooled.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel, 2, (kernel - 1) // 2, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.activation(self.body(x) + self.shortcut(x))
        return out


@final
class Compact(nn.Module):
    """Scores `(B, num_classes)` of six-channel images `(B, 6, 32, 32)`.

    21 M multiply-adds, and 1 M for fixed blurs; 0.8 M parameters.
    """

    def __init__(self, *, num_classes: int = 10) -> None:
        super().__init__()
        self.means = LocalMeans(16)
        self.pixels = nn.Conv2d(8, 48, 4, 2, 1, bias=False)
        self.places = nn.Conv2d(4 * len(BOXES), 48, 3, 1, 1, bias=False)
        self.stem = nn.Sequential(nn.BatchNorm2d(48), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(
            Downsample(48, 96), Downsample(96, 192), Bottleneck(192), Bottleneck(192)
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(192, num_classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shown = x[:, :3]
        kept = shown[:, :1] + x[:, 3:4]  # x m + (1 - x) m = m
        # Ones tell the network where the image ends; eight channels are also what bfloat16 kernels
        # are made for.
        pixels = torch.cat([x, kept, torch.ones_like(kept)], 1)
        out: torch.Tensor = self.head(
            self.blocks(self.stem(self.pixels(pixels) + self.places(self.means(shown, kept))))
        )
        return out
