"""Training on sets of points: what the certificate will show of them, and how else they may lie in
space.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from topcert.datasets.surfaces import rotations
from topcert.models.pointnet import PointNet, distance_to_orthogonal
from topcert.randomization.masks import TRAIN, draw_masks
from topcert.training.noise import Noise


@final
@dataclass(frozen=True, kw_only=True)
class PointNoise(Noise):
    """Keep `num_kept` points of each set, drawn afresh; the network sees them alone (encoding
    `keep-only`).

    `orthogonality` weighs how far PointNet's turns of features are from orthogonal (Qi et al. 2017,
    who take 0.001).
    """

    num_kept: int = 16
    orthogonality: float = 1e-3
    law: str = field(default="ablation", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        """float32 `(B, num_kept, 3)` from sets of points `(B, points, 3)`."""
        kept = draw_masks(
            seed=seed,
            start=first,
            stop=first + len(images),
            num_features=images.shape[1],
            num_kept=self.num_kept,
            domain=TRAIN,
        )
        places = torch.from_numpy(kept.astype(np.int64)).to(images.device)
        return images.gather(1, places[:, :, None].expand(-1, -1, images.shape[2]))

    def loss(
        self,
        network: nn.Module,
        shown: torch.Tensor,
        labels: torch.Tensor,
        *,
        smoothing: float,
        progress: float,  # noqa: ARG002
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy, and for a PointNet the distance of its feature transform from
        orthogonal.
        """
        if not isinstance(network, PointNet):
            scores: torch.Tensor = network(shown)
            return nn.functional.cross_entropy(scores, labels, label_smoothing=smoothing), scores
        scores, transform = network.scores_and_transform(shown)
        loss = nn.functional.cross_entropy(scores, labels, label_smoothing=smoothing)
        return loss + self.orthogonality * distance_to_orthogonal(transform), scores


@final
@dataclass(frozen=True, kw_only=True)
class RotateAndJitter:
    """Turn each set of points and move each point a little, as PointNet's authors do.

    `around` "up" turns about the y axis, which points up in ModelNet40; "any" takes a uniformly
    random rotation. Jitter is normal with deviation `sigma`, cut at `clip`; both in units of the
    coordinates.
    """

    around: Literal["up", "any"] = "up"
    sigma: float = 0.01
    clip: float = 0.05

    def __call__(self, batch: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """Sets of points float32 `(B, points, 3)`."""
        turns = self._turns(len(batch), generator).astype(np.float32)
        jitter = generator.standard_normal(batch.shape, np.float32)
        jitter *= np.float32(self.sigma)
        np.clip(jitter, -self.clip, self.clip, out=jitter)
        return batch @ torch.from_numpy(turns).to(batch.device) + torch.from_numpy(jitter).to(
            batch.device
        )

    def _turns(self, size: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """Rotations `(size, 3, 3)`."""
        if self.around == "up":
            half = np.pi * generator.random(size)
            return rotations(np.cos(half), np.zeros(size), np.sin(half), np.zeros(size))
        parts = generator.standard_normal((4, size))
        w, x, y, z = parts / np.sqrt((parts**2).sum(axis=0))
        return rotations(w, x, y, z)
