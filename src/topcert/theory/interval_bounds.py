"""Deterministic certificates of a ReLU network by interval bounds (Chiang et al. 2020), rounding
included.

Any r pixels of an image, all channels of a pixel together, take any values in [0, 1]. Weight w of
the first layer on a channel of value x moves an output up by at most w (1 - x) where w > 0 and -w x
where w < 0, and down by at most the same for -w. A pixel's contribution is the sum over its
channels, never negative, and r pixels move the output by at most the sum of the r largest: this is
attained. The paper adds up |w| instead, which is the sum of both contributions. Later layers carry
a centre and a half-width, c -> W c + b and h -> |W| h; the last one has the rows W[label] - W[j],
so that it bounds margins and not scores. All contributions and half-widths are >= 0: bounds only
fall as r grows.

The guarantee is about the network in real arithmetic, for the weights and pixels given. A float64
dot product of length n, in any order of summation, is off by at most gamma(n) |w| . |x|, gamma(n) =
n u / (1 - n u), u = 2^-53 (Higham 2002, section 3.1); a sum of n terms >= 0 is off by at most
gamma(n) of itself. Every half-width is enlarged by that, with a few units more in n for the
roundings of the enlargement, and by a constant for underflow.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Final, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.interval_layers import (
    UNDERFLOW,
    UNIT,
    Conv,
    Dense,
    Flatten,
    Floats,
    Layer,
    ReLU,
    affine,
    arranged,
    bias_of,
    bounds_after,
    gamma_of,
    kernel_of,
    output_size,
    patches_of,
)
from topcert.theory.labels import checked_labels

_CELLS_PER_CHUNK: Final = 1 << 22  # numbers of the largest array that is made at a time


@np.errstate(over="ignore", invalid="ignore")
def margin_lower_bounds(
    layers: Sequence[Layer], images: ArrayLike, labels: ArrayLike, *, radii: Sequence[int]
) -> NDArray[np.float64]:
    """Lower bounds of score[label] - score[j] while any r pixels take any values in [0, 1], for
    every r in `radii`.

    `images` are `(inputs, channels, height, width)` (or any other axes after the channels) in [0,
    1]. The layers begin with `Conv` or with `Flatten` and `Dense`, and end with `Dense`. Returns
    float64 `(inputs, len(radii), classes)`, 0 at the label itself. Raises ValueError for layers
    that do not fit, values outside [0, 1] or a negative radius.
    """
    pixels, classes = _checked_images(layers, images)
    rows = checked_labels(labels, inputs=len(pixels), classes=classes)
    if any(r < 0 for r in radii):
        raise ValueError(f"radii must be at least 0, got {min(radii)}")
    out = np.empty((len(pixels), len(radii), classes))
    for chunk, margins in _chunks(layers, pixels, rows, most=max(radii, default=0)):
        for column, r in enumerate(radii):
            out[chunk, column] = margins(np.full(len(chunk), r))
    return out


@np.errstate(over="ignore", invalid="ignore")
def certified_radius_intervals(
    layers: Sequence[Layer],
    images: ArrayLike,
    labels: ArrayLike,
    *,
    max_radius: int,
    k: int | Sequence[int] = 1,
) -> NDArray[np.int64]:
    """The largest r <= `max_radius` at which interval bounds keep `labels[i]` among the top `k`, in
    pixels.

    Fewer than k of the other classes may reach the label's score: fewer than k margins have a lower
    bound <= 0. Arguments are those of `margin_lower_bounds`. Returns int64 `(inputs,)`, or
    `(inputs, len(k))` for a sequence of k; `ABSTAIN` (-1) where not even r = 0 is certified.
    """
    pixels, classes = _checked_images(layers, images)
    rows = checked_labels(labels, inputs=len(pixels), classes=classes)
    single = isinstance(k, SupportsIndex)
    ks = (
        [operator.index(k)]
        if isinstance(k, SupportsIndex)
        else [operator.index(item) for item in k]
    )
    if not ks or not 1 <= min(ks) <= max(ks) < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {k}")
    if max_radius < 0:
        raise ValueError(f"max_radius must be at least 0, got {max_radius}")
    out = np.empty((len(pixels), len(ks)), np.int64)
    for chunk, margins in _chunks(layers, pixels, rows, most=max_radius):
        for column, places in enumerate(ks):
            # Bisection: r = certified holds or is ABSTAIN, r = refused does not hold or is not
            # asked for.
            certified, refused = np.full(len(chunk), -1), np.full(len(chunk), max_radius + 1)
            while (refused - certified > 1).any():
                middle = np.maximum((certified + refused) // 2, 0)
                reached = (margins(middle) <= 0).sum(1) - 1  # the label's own margin is 0
                certified = np.where(reached < places, np.maximum(certified, middle), certified)
                refused = np.where(reached < places, refused, np.minimum(refused, middle))
            out[chunk, column] = certified
    return out[:, 0] if single else out


def scores(layers: Sequence[Layer], images: ArrayLike) -> NDArray[np.float64]:
    """The network's scores `(inputs, classes)`, in float64 without bounds."""
    found, _ = _checked_images(layers, images)
    for layer in layers:
        if isinstance(layer, ReLU):
            found = np.maximum(found, 0)
        elif isinstance(layer, Flatten):
            found = found.reshape(len(found), -1)
        else:
            found = affine(layer, found, layer.weight) + bias_of(layer)
    return found


Margins = Callable[[NDArray[np.int64]], Floats]


def _chunks(
    layers: Sequence[Layer], images: Floats, labels: NDArray[np.int64], *, most: int
) -> Iterator[tuple[NDArray[np.int64], Margins]]:
    """Inputs of one label, few enough for the memory, with their margins' lower bounds as a
    function of their radii.
    """
    step = max(1, _CELLS_PER_CHUNK // _largest_array(layers, images.shape[1:]))
    last = layers[-1]
    assert isinstance(last, Dense)
    weight, bias = last.weight.astype(np.float64), last.bias.astype(np.float64)
    for label in np.unique(labels).tolist():
        rest = [*layers[:-1], Dense(weight[label] - weight, bias[label] - bias)]
        if isinstance(rest[0], Flatten):
            rest = rest[1:]
        rows = np.flatnonzero(labels == label)
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step]
            yield chunk, _margins(rest, images[chunk], label, most)


def _margins(layers: Sequence[Layer], images: Floats, label: int, most: int) -> Margins:
    first = layers[0]
    assert isinstance(first, Dense | Conv)
    value, ups, downs = _first_layer(first, images, most)
    inputs = np.arange(len(images))

    def at(radii: NDArray[np.int64]) -> Floats:
        taken = np.minimum(radii, ups.shape[1] - 1)
        lower = np.nextafter(value - downs[inputs, taken], -np.inf)
        upper = np.nextafter(value + ups[inputs, taken], np.inf)
        for layer in layers[1:]:
            lower, upper = bounds_after(layer, lower, upper)
        lower[:, label] = 0
        # weights so large that they overflow prove nothing
        return np.where(np.isnan(lower), -np.inf, lower)

    return at


def _first_layer(layer: Dense | Conv, images: Floats, most: int) -> tuple[Floats, Floats, Floats]:
    """The clean outputs, and how far r = 0, 1, ... pixels can move them up and down, `(inputs, r,
    ...)`.
    """
    inputs, channels = images.shape[:2]
    # (outputs, channels, pixels that one output sees)
    weight = kernel_of(layer, layer.weight, channels)
    # (inputs, places, channels, pixels); padding is 0
    shown, room = patches_of(layer, images), patches_of(layer, 1 - images)
    outputs, _, seen = weight.shape
    places = shown.shape[1]
    both = (
        np.concatenate([room, shown], axis=2)
        .transpose(3, 0, 1, 2)
        .reshape(seen, inputs * places, 2 * channels)
    )
    taken = min(most, seen)
    gamma = gamma_of(2 * channels + taken)
    slack = (
        gamma_of(channels * seen)
        * (affine(layer, images, np.abs(layer.weight)) + np.abs(bias_of(layer)))
        * (1 + 2 * gamma_of(channels * seen))
        + UNDERFLOW
    )
    moved = []
    for sign in (1, -1):
        gains = np.concatenate(
            [np.maximum(sign * weight, 0), np.maximum(-sign * weight, 0)], axis=1
        )
        per_pixel = both @ gains.transpose(2, 1, 0)  # (pixels, inputs * places, outputs)
        if 0 < taken < seen:
            per_pixel.partition(seen - taken, axis=0)
        largest = np.sort(per_pixel[seen - taken :], axis=0)[::-1]
        total = np.zeros((taken + 1, inputs, places, outputs))
        np.cumsum(largest.reshape(taken, inputs, places, outputs), axis=0, out=total[1:])
        total *= 1 + 2 * gamma
        summed = arranged(layer, total.reshape(-1, places, outputs), images.shape[2:])
        by_input = summed.reshape(taken + 1, inputs, *summed.shape[1:]).swapaxes(0, 1)
        moved.append((by_input + slack[:, None]) * (1 + 4 * UNIT))
    return affine(layer, images, layer.weight) + bias_of(layer), moved[0], moved[1]


def _largest_array(layers: Sequence[Layer], shape: tuple[int, ...]) -> int:
    """Numbers, for one input, in the largest array of the bounds. Raises ValueError for layers that
    do not fit.
    """
    channels, largest, first = shape[0], 1, True
    for position, layer in enumerate(layers):
        if isinstance(layer, Flatten):
            shape = (int(np.prod(shape)),)
        elif isinstance(layer, ReLU):
            if first:
                raise ValueError("the first layer is ReLU; it must be Conv, or Flatten and Dense")
        else:
            fits = len(shape) == layer.weight.ndim - 1 and shape[0] == layer.weight.shape[1]
            after = output_size(layer, shape[1:]) if fits and isinstance(layer, Conv) else ()
            if not fits or min(after, default=1) < 1:
                raise ValueError(
                    f"layer {position} is {type(layer).__name__} with weights {layer.weight.shape},"
                    f" which does not take inputs of shape {shape}"
                )
            seen = int(np.prod(layer.weight.shape[1:])) * int(np.prod(after))
            largest = max(largest, seen * len(layer.bias) // channels if first else seen)
            shape, first = (len(layer.bias), *after), False
    return largest


def _checked_images(layers: Sequence[Layer], images: ArrayLike) -> tuple[Floats, int]:
    """Images in float64, and the number of classes."""
    found = np.asarray(images)
    if found.dtype.kind != "f" or found.ndim < 3:
        raise ValueError(
            f"images must be floats of shape (inputs, channels, height, width), got {found.dtype}"
            f" of shape {found.shape}"
        )
    wide = found.astype(np.float64)
    if not ((wide >= 0) & (wide <= 1)).all():
        raise ValueError("images must lie in [0, 1]; divide bytes by 255")
    last = layers[-1] if layers else None
    if not isinstance(last, Dense) or len(last.bias) < 2:
        raise ValueError(
            "the last layer must be Dense, with two outputs or more: the scores of the classes"
        )
    _largest_array(layers, wide.shape[1:])
    return wide, len(last.bias)
