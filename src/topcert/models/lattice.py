"""`lattice`: a network for the small pictures that regular grids of pixels are.

Every fifth pixel of every fifth row of a 32 x 32 image is a picture of 6 x 6 to 7 x 7 pixels. The
network sees neighbours as neighbours, at the cost of the small picture and not of the large one.
"""

from __future__ import annotations

from typing import final

import torch
from torch import nn


@final
class Residual(nn.Module):
    """Two 3 x 3 convolutions beside the input; the first takes the stride."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        last = nn.BatchNorm2d(out_channels)
        nn.init.zeros_(last.weight)  # at first a block is its shortcut
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
            last,
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.activation(self.body(x) + self.shortcut(x))
        return out


@final
class LatticeNet(nn.Module):
    """Scores `(B, num_classes)` of pictures `(B, 6, 7, 7)`: three colours, inside, and two planes
    of the offset.

    35 M multiply-adds, 1.5 M parameters.
    """

    def __init__(self, *, num_classes: int = 10, width: int = 96, dropout: float = 0.1) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(8, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.blocks = nn.Sequential(
            Residual(width, width),
            Residual(width, width),
            Residual(width, 2 * width, stride=2),
            Residual(2 * width, 2 * width),
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, num_classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Ones tell the network where the picture ends; eight channels are what kernels are made
        # for.
        ones = torch.ones_like(x[:, :1])
        out: torch.Tensor = self.head(
            self.blocks(self.stem(torch.cat([x, ones, torch.zeros_like(ones)], 1)))
        )
        return out
