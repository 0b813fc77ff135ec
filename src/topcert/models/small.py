"""`small`: the one network of every row of Table 1 at the small budget."""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from topcert.models.compact import Downsample


@final
class Small(nn.Module):
    """Scores `(B, num_classes)` of images `(B, in_channels, 32, 32)`; 8 M multiply-adds, 0.3 M
    parameters.

    `in_channels` is 6 under ablation (six-channel encoding) and 3 under noise that leaves an image
    an image.
    """

    def __init__(self, *, in_channels: int = 6, num_classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(Downsample(32, 64, kernel=3), Downsample(64, 128, kernel=3))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, num_classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.blocks(self.stem(x)))
        return out
