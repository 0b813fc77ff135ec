"""Train a network on its own interval bounds (Chiang et al. 2020, after Gowal et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast, final

import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy, linear, unfold

from topcert.theory.interval_layers import Conv, Dense, Flatten, Layer, ReLU
from topcert.training.noise import Noise


@final
@dataclass(frozen=True, kw_only=True)
class IntervalNoise(Noise):
    """Any `radius` pixels take any values: no randomness, but a worst case in the loss.

    The loss is (1 - kappa) times the cross-entropy of the clean scores and kappa times that of the
    worst ones. For a share `warmup` of the training kappa is 0; for a share `ramp` after it kappa
    grows to `worst_share`, and the first layer's deviation to its full size. With `by_input` the
    deviation is the exact one of each image, as in the certificate, at many times the cost; without
    it the sum of both directions, which depends on weights alone.
    """

    radius: int
    worst_share: float = 0.5
    warmup: float = 0.05
    ramp: float = 0.5
    by_input: bool = False
    law: str = field(default="interval", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:  # noqa: ARG002
        return images.float().div_(255.0)

    def loss(
        self,
        network: nn.Module,
        shown: torch.Tensor,
        labels: torch.Tensor,
        *,
        smoothing: float,
        progress: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        scale = min(max((progress - self.warmup) / max(self.ramp, 1e-9), 0.0), 1.0)
        kappa = scale * self.worst_share
        if kappa == 0:
            scores = network(shown)
            return cross_entropy(scores, labels, label_smoothing=smoothing), scores
        scores, margins = scores_and_margin_bounds(
            network, shown, labels, radius=self.radius, scale=scale, by_input=self.by_input
        )
        clean = cross_entropy(scores, labels, label_smoothing=smoothing)
        worst = cross_entropy(-margins, labels, label_smoothing=smoothing)
        return (1 - kappa) * clean + kappa * worst, scores


def scores_and_margin_bounds(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    radius: int,
    scale: float = 1.0,
    by_input: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The scores, and `interval_bounds.margin_lower_bounds` to be differentiated; both
    `(B, classes)`.

    Rounding is not bounded. `scale` shrinks the first layer's deviation; without `by_input` that is
    the same for all images, and larger.
    """
    *modules, last = _modules(network)
    if not isinstance(last, nn.Linear):
        raise ValueError(f"the last layer must be Linear, it is {type(last).__name__}")
    clean = lower = upper = images
    bounded = False
    for module in modules:
        if not isinstance(module, nn.Linear | nn.Conv2d):
            clean, lower, upper = module(clean), module(lower), module(upper)  # monotone
        elif not bounded:
            clean = module(clean)
            up, down = _deviation(module, images, radius=radius, by_input=by_input)
            lower, upper, bounded = clean - scale * down, clean + scale * up, True
        else:
            clean = module(clean)
            value, reach = module((lower + upper) / 2), _absolute(module, (upper - lower) / 2)
            lower, upper = value - reach, value + reach
    if not bounded:
        raise ValueError("interval training needs a hidden layer")
    rows = last.weight[labels].unsqueeze(1) - last.weight
    bias = last.bias[labels].unsqueeze(1) - last.bias
    value = torch.einsum("bch,bh->bc", rows, (lower + upper) / 2)
    return last(clean), value + bias - torch.einsum("bch,bh->bc", rows.abs(), (upper - lower) / 2)


def layers_of(module: nn.Module) -> tuple[Layer, ...]:
    """The layers of an `nn.Sequential`, for the bounds in NumPy."""
    found: list[Layer] = []
    for part in _modules(module):
        if isinstance(part, nn.Flatten):
            found.append(Flatten())
        elif isinstance(part, nn.ReLU):
            found.append(ReLU())
        elif isinstance(part, nn.Linear | nn.Conv2d):
            weight, bias = (
                cast("nn.Parameter", array).detach().cpu().numpy().copy(order="C")
                for array in (part.weight, part.bias)
            )
            if isinstance(part, nn.Linear):
                found.append(Dense(weight, bias))
            else:
                stride, padding = part.stride, cast("tuple[int, int]", part.padding)
                found.append(
                    Conv(weight, bias, stride=cast("tuple[int, int]", stride), padding=padding)
                )
    return tuple(found)


def _deviation(
    module: nn.Linear | nn.Conv2d, images: torch.Tensor, *, radius: int, by_input: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """How far `radius` pixels can move the outputs up and down; broadcasts with the outputs."""
    # (outputs, channels, pixels that one sees)
    weight = module.weight.view(len(module.weight), images.shape[1], -1)
    taken = min(radius, weight.shape[2])
    if not by_input:
        most = weight.abs().sum(1).topk(taken, dim=1).values.sum(1)
        most = most if isinstance(module, nn.Linear) else most.view(-1, 1, 1)
        return most, most
    shown, room = _patches(module, images), _patches(module, 1 - images)
    rises, falls = weight.clamp(min=0), (-weight).clamp(min=0)
    moved = []
    for gain, loss in ((rises, falls), (falls, rises)):
        per_pixel = torch.einsum("ock,bpck->bpok", gain, room) + torch.einsum(
            "ock,bpck->bpok", loss, shown
        )
        total = per_pixel.topk(taken, dim=3).values.sum(3)  # (B, places, outputs)
        moved.append(total[:, 0] if isinstance(module, nn.Linear) else total)
    if isinstance(module, nn.Linear):
        return moved[0], moved[1]
    size = module(images[:1]).shape[2:]
    up, down = (part.transpose(1, 2).reshape(len(images), -1, *size) for part in moved)
    return up, down


def _patches(module: nn.Linear | nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
    """What each place of the output sees, `(B, places, channels, pixels)`."""
    if isinstance(module, nn.Linear):
        return images.flatten(2).unsqueeze(1)
    size, padding = module.weight.shape[2:], cast("tuple[int, int]", module.padding)
    columns = unfold(images, size, padding=padding, stride=module.stride)
    return columns.reshape(*images.shape[:2], size.numel(), -1).permute(0, 3, 1, 2)


def _absolute(module: nn.Linear | nn.Conv2d, half: torch.Tensor) -> torch.Tensor:
    if isinstance(module, nn.Linear):
        return linear(half, module.weight.abs())
    return conv2d(half, module.weight.abs(), stride=module.stride, padding=module.padding)


def _modules(network: nn.Module) -> list[nn.Module]:
    """The layers in their order. Raises ValueError where interval bounds cannot follow one."""
    if not isinstance(network, nn.Sequential) or len(network) == 0:
        raise ValueError(f"interval bounds need an nn.Sequential, not {type(network).__name__}")
    for part in network:
        plain = isinstance(part, nn.Linear | nn.ReLU) or (
            isinstance(part, nn.Flatten) and part.start_dim == 1
        )
        if isinstance(part, nn.Conv2d):
            plain = part.groups == 1 and part.dilation == (1, 1) and part.padding_mode == "zeros"
            plain = plain and not isinstance(part.padding, str)
        if not plain or (isinstance(part, nn.Linear | nn.Conv2d) and part.bias is None):
            raise ValueError(
                f"interval bounds cannot follow {part}; use Conv2d, Linear (with biases), ReLU and"
                " Flatten"
            )
    return list(network)
