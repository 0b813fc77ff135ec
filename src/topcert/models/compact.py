"""`compact`: a small residual network for ablated 32 x 32 images.

At 50 kept pixels of 1,024 a 4 x 4 patch holds less than one, so full resolution is paid for and hardly used: the stem
halves it with patches that overlap, and almost all the work is done at 8 x 8 and 4 x 4.
"""

from __future__ import annotations

from typing import final

import torch
from torch import nn


@final
class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalization; a strided block pools its shortcut."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride != 1 else nn.Identity(),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.activation(self.body(x) + self.shortcut(x))
        return out


@final
class Compact(nn.Module):
    """Scores `(B, num_classes)` of ablated images `(B, in_channels, 32, 32)`; 50 M multiply-adds, 1.5 M parameters."""

    def __init__(self, *, in_channels: int = 6, num_classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_channels, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(
            ResidualBlock(64, 128, stride=2), ResidualBlock(128, 128), ResidualBlock(128, 256, stride=2)
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, num_classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.blocks(self.stem(x)))
        return out
