"""PointNet (Qi et al. 2017) for sets of points: a shared map of every point, and the maximum over
points.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, final

import torch
from torch import nn

WIDTHS: Final = (64, 128, 1024)  # of the shared maps before the maximum
DROPOUT: Final = 0.3  # the authors keep 0.7


@final
class PointNet(nn.Module):
    """Scores `(B, num_classes)` of sets of points `(B, points, 3)`, whatever their number and
    order.

    As published: two small networks of the same kind turn the input (3 x 3) and the features of
    each point (64 x 64); 3.5 M parameters and, at 1,024 points and 40 classes, 440 M multiply-adds;
    at 16 points 10 M. Every batch normalization sees all points of a batch together, so training
    needs at least two points.
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        self.turn_input = Transform(3)
        self.before = _shared((3, 64, 64))
        self.turn_features = Transform(64)
        self.after = _shared((64, *WIDTHS))
        self.head = nn.Sequential(
            _layer(1024, 512),
            nn.Dropout(DROPOUT),
            _layer(512, 256),
            nn.Dropout(DROPOUT),
            nn.Linear(256, num_classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores_and_transform(x)[0]

    def scores_and_transform(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The scores, and the matrices `(B, 64, 64)` by which features were turned: training keeps
        them near orthogonal.
        """
        features = _each_point(self.before, x @ self.turn_input(x))
        transform = self.turn_features(features)
        out: torch.Tensor = self.head(_over_points(self.after, features @ transform))
        return out, transform


@final
class Transform(nn.Module):
    """A matrix `(B, width, width)` of each set of points `(B, points, width)`; untrained, it is the
    identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.shared = _shared((width, *WIDTHS))
        self.head = nn.Sequential(_layer(1024, 512), _layer(512, 256))
        self.matrix = nn.Linear(256, width * width)
        nn.init.zeros_(self.matrix.weight)
        with torch.no_grad():
            self.matrix.bias.copy_(torch.eye(width).flatten())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.matrix(self.head(_over_points(self.shared, x)))
        return out.view(-1, self.width, self.width)


def distance_to_orthogonal(transform: torch.Tensor) -> torch.Tensor:
    """Half the squared Frobenius norm of `1 - A A^T`, averaged over matrices `(B, width, width)`; a
    scalar.
    """
    identity = torch.eye(transform.shape[1], device=transform.device, dtype=transform.dtype)
    return (identity - transform @ transform.transpose(1, 2)).square().sum(dim=(1, 2)).mean() / 2


def _layer(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(inplace=True)
    )


def _shared(widths: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(_layer(before, after) for before, after in pairwise(widths)))


def _each_point(shared: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """`shared` of every point: one product of all points of a batch is what processors are fastest
    at.
    """
    out: torch.Tensor = shared(x.reshape(-1, x.shape[2]))
    return out.view(-1, x.shape[1], out.shape[1])


def _over_points(shared: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The maximum over the points of each set of what `shared` makes of them."""
    return _each_point(shared, x).amax(dim=1)
