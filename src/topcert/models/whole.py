"""`whole`: a small residual network for whole 32 x 32 images, to teach networks that see parts of
them.

No certificate is about it: it sees every pixel. Its soft labels say what else an image resembles,
which a network that sees 41 pixels cannot tell from the label alone.
"""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from topcert.models.lattice import Residual


@final
class Whole(nn.Module):
    """Scores `(B, num_classes)` of images `(B, 3, 32, 32)` in [0, 1]; 44 M multiply-adds, 1.2 M
    parameters.
    """

    def __init__(self, *, num_classes: int = 10, width: int = 32, dropout: float = 0.1) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(4, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.blocks = nn.Sequential(
            Residual(width, 2 * width, stride=2),
            Residual(2 * width, 4 * width, stride=2),
            Residual(4 * width, 8 * width, stride=2),
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(8 * width, num_classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Ones tell the network where the image ends.
        shown = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        out: torch.Tensor = self.head(self.blocks(self.stem(shown)))
        return out
