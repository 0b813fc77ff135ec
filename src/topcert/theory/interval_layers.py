"""Layers of a network, and how intervals go through one, rounded outward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNIT: Final = 2.0**-53
# more than any dot product of less than 2^30 terms loses below the normal numbers
UNDERFLOW: Final = 2.0**-990


@final
@dataclass(frozen=True, eq=False)
class Dense:
    """`weight @ x + bias` of flat inputs; weight `(outputs, inputs)`, bias `(outputs,)`."""

    weight: NDArray[np.floating[Any]]
    bias: NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        _check_weights(self.weight, self.bias, 2)


@final
@dataclass(frozen=True, eq=False)
class Conv:
    """Cross-correlation; weight `(outputs, channels, height, width)`, bias `(outputs,)`; zeros are
    padded on both sides.
    """

    weight: NDArray[np.floating[Any]]
    bias: NDArray[np.floating[Any]]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        _check_weights(self.weight, self.bias, 4)
        if min(self.stride) < 1 or min(self.padding) < 0:
            raise ValueError(
                f"stride must be positive and padding at least 0, got {self.stride} and"
                f" {self.padding}"
            )


@final
@dataclass(frozen=True)
class ReLU:
    """max(x, 0)."""


@final
@dataclass(frozen=True)
class Flatten:
    """All that an input has, in one row."""


Layer = Dense | Conv | ReLU | Flatten


def bounds_after(layer: Layer, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Bounds of a layer's outputs from bounds of its inputs."""
    if isinstance(layer, ReLU):
        return np.maximum(lower, 0), np.maximum(upper, 0)
    if isinstance(layer, Flatten):
        return lower.reshape(len(lower), -1), upper.reshape(len(upper), -1)
    centre = (lower + upper) / 2
    half = np.maximum(upper - centre, centre - lower) + UNDERFLOW
    gamma = gamma_of(int(np.prod(layer.weight.shape[1:])))
    bias = bias_of(layer)
    reach = affine(layer, half + gamma * np.abs(centre), np.abs(layer.weight)) + gamma * np.abs(
        bias
    )
    reach = reach * (1 + 2 * gamma) + UNDERFLOW
    value = affine(layer, centre, layer.weight) + bias
    return np.nextafter(value - reach, -np.inf), np.nextafter(value + reach, np.inf)


def gamma_of(length: int) -> float:
    """Relative error of a dot product of that length, a bias, a rounded weight and what else is
    rounded on the way.
    """
    return (length + 12) * UNIT / (1 - (length + 12) * UNIT)


def affine(layer: Dense | Conv, x: Floats, weight: NDArray[np.floating[Any]]) -> Floats:
    """The layer's map with these weights and no bias."""
    patches = patches_of(layer, x)
    kernel = weight.astype(np.float64).reshape(len(weight), -1)
    return arranged(layer, patches.reshape(*patches.shape[:2], -1) @ kernel.T, x.shape[2:])


def patches_of(layer: Dense | Conv, x: Floats) -> Floats:
    """What each place of the output sees, `(inputs, places, channels, pixels)`; a `Dense` has one
    place, which sees all.
    """
    if isinstance(layer, Dense):
        channels = x.shape[1] if x.ndim > 2 else 1
        return x.reshape(len(x), 1, channels, -1)
    height, width = layer.padding
    padded = np.pad(x, ((0, 0), (0, 0), (height, height), (width, width)))
    kernel = layer.weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(2, 3))
    windows = windows[:, :, :: layer.stride[0], :: layer.stride[1]]
    inputs, channels, rows, columns = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(
        inputs, rows * columns, channels, kernel[0] * kernel[1]
    )


def arranged(layer: Dense | Conv, found: Floats, size: tuple[int, ...]) -> Floats:
    """`(inputs, places, outputs)` in the layer's own shape, for inputs of that height and width."""
    if isinstance(layer, Dense):
        return found[:, 0]
    return found.swapaxes(1, 2).reshape(len(found), -1, *output_size(layer, size))


def kernel_of(layer: Dense | Conv, weight: NDArray[np.floating[Any]], channels: int) -> Floats:
    return weight.astype(np.float64).reshape(len(layer.bias), channels, -1)


def bias_of(layer: Dense | Conv) -> Floats:
    bias = layer.bias.astype(np.float64)
    return bias if isinstance(layer, Dense) else bias[:, None, None]


def output_size(layer: Conv, size: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = (
        (length + 2 * padding - kernel) // stride + 1
        for length, padding, kernel, stride in zip(
            size, layer.padding, layer.weight.shape[2:], layer.stride, strict=True
        )
    )
    return rows, columns


def _check_weights(
    weight: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]], axes: int
) -> None:
    if (
        weight.ndim != axes
        or bias.shape != weight.shape[:1]
        or weight.dtype.kind != "f"
        or bias.dtype.kind != "f"
    ):
        raise ValueError(
            f"weights must be floats with {axes} axes and one bias an output, "
            f"got {weight.dtype} of shape {weight.shape} and {bias.dtype} of shape {bias.shape}"
        )
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError("weights must be finite")
