"""Learning from a teacher that sees whole images: its soft labels beside the true ones (Hinton et
al. 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import nn


@final
@dataclass(frozen=True, kw_only=True)
class Distillation:
    """How much a training listens to its teacher.

    `teacher` is the SHA-256 of the checkpoint that the teacher's weights are of. `share` of the
    loss is for its soft labels, the rest for the true ones; both sides are softened by
    `temperature`. Raises ValueError for a share outside (0, 1] or a temperature that is not
    positive.
    """

    teacher: str
    share: float = 0.7
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(
                f"the share of the loss that is a teacher's lies in (0, 1], got {self.share}"
            )
        if not self.temperature > 0:
            raise ValueError(
                f"the temperature of soft labels must be positive, got {self.temperature}"
            )

    def loss(
        self, own: torch.Tensor, scores: torch.Tensor, soft_labels: torch.Tensor
    ) -> torch.Tensor:
        """The loss of a batch: `own` is that of the true labels, `scores` and `soft_labels` are
        `(B, classes)`.
        """
        soft = nn.functional.kl_div(
            nn.functional.log_softmax(scores / self.temperature, dim=1),
            nn.functional.log_softmax(soft_labels / self.temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        # Gradients of soft labels shrink with the square of the temperature.
        return (1 - self.share) * own + self.share * self.temperature**2 * soft
