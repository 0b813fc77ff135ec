"""Networks that interval bounds can follow: convolutions, linear maps and ReLUs in a row, no
normalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def make_mlp(
    *, in_features: int = 3072, hidden: Sequence[int] = (256,), num_classes: int = 10
) -> nn.Sequential:
    """Scores `(B, num_classes)` of images with `in_features` values; a hidden layer of each width
    in `hidden`.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise([in_features, *hidden]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear([in_features, *hidden][-1], num_classes))


def make_cnn(
    *, in_channels: int = 3, size: int = 32, width: int = 16, num_classes: int = 10
) -> nn.Sequential:
    """Scores `(B, num_classes)` of images `(B, in_channels, size, size)`: two strided convolutions,
    two linear maps.

    The kernels of the first are 8 x 8: a pixel is one of 64 in each sum, not one of 9.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 8, stride=4, padding=2),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * width * (size // 8) ** 2, 128),
        nn.ReLU(),
        nn.Linear(128, num_classes),
    )
