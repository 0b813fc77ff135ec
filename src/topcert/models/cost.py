"""What a network costs: its parameters, and the multiply-adds of one input."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def num_parameters(module: nn.Module) -> int:
    """Learned numbers of `module`; running statistics are not among them."""
    return sum(parameter.numel() for parameter in module.parameters())


def multiply_adds(module: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Multiply-adds of one float32 input of shape `input_shape`, which has no batch axis.

    Counted are `Conv1d`, `Conv2d` and `Linear` layers, without biases. Products made by anything
    else (attention, functional calls, transposed convolutions) are not. `module` may lie on the
    meta device, where nothing is computed; it is left as it was.
    """
    total = 0

    def count(layer: nn.Module, _: tuple[Any, ...], output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear)
        # an output value is a sum of as many products
        total += output.numel() * layer.weight[0].numel()

    modes = [(part, part.training) for part in module.modules()]
    hooks = [
        part.register_forward_hook(count)
        for part, _ in modes
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear)
    ]
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    try:
        module.eval()  # running statistics must not move
        with torch.no_grad():
            module(torch.zeros(1, *input_shape, device=device))
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in modes:
            part.training = training
    return total
