"""Muon in float32, for devices that emulate bfloat16: there torch's own takes half of a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import torch

MOMENTUM: Final = 0.95
# of the quintic that Jordan et al. (2024) iterate five times
COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)


@final
class FloatMuon(torch.optim.Optimizer):
    """Nesterov momentum whose steps are orthogonalized matrices; as `torch.optim.Muon`, in the
    precision of the weights.

    `params` are matrices, or groups of them as any optimizer of torch takes them.
    """

    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One step by the gradients that are there; a `closure` is not called for, and refused."""
        if closure is not None:
            raise ValueError(
                "FloatMuon steps by the gradients that are there; leave the closure out"
            )
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                buffer = state["momentum_buffer"].lerp_(matrix.grad, 1 - MOMENTUM)
                step = orthogonalized(matrix.grad.lerp(buffer, MOMENTUM))
                stretch = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(step, alpha=-group["lr"] * stretch)


def orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
    """`matrix` with singular values near 1, by five Newton-Schulz steps."""
    a, b, c = COEFFICIENTS
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
