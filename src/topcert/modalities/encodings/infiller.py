"""Hidden pixels filled from the kept ones, so that a network that never saw an ablated image can
still read it.

Normalized convolution (Knutsson and Westin 1993), `blur(x * kept) / blur(kept)`, gives each hidden
pixel an average of the kept ones around it, the nearest by far the heaviest; one more blur of the
filled image takes the edges off the cells that this leaves. Kept pixels stay as they are
throughout. The result is a function of the ablated input alone: a hidden value is never read, so
filling is a part of the base classifier and the certificate holds unchanged.

Gaussian blurs are products with a matrix for the rows and one for the columns, image by image: the
fill of an input depends neither on its place in a batch nor on the batch. Manifests record the name
`infill` alone: other numbers than those below are another encoding, which needs another name.
"""

from __future__ import annotations

import math
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

# Widths of the two Gaussians (their standard deviations) in units of sqrt(d / e), the mean distance
# of kept pixels. Chosen with EfficientNet-Lite0 on 125 photographs, one mask each, at e = 1,000,
# 5,000 and 10,000 of 50,176: without the second blur fewer had their label among the top 3 at each
# of them, at every first width tried.
NEAR: Final = 0.3
SMOOTH: Final = 0.4
# The mean of all kept pixels counts as if it were a kept pixel of this weight, 7.4 widths away:
# where nothing else is near it decides, and nothing is ever divided by zero.
PRIOR: Final = 1e-12
# smaller weights are left out: products of them would be denormal numbers, which are slow
_NEGLIGIBLE: Final = 1e-15


def gaussian_matrix(size: int, width: float) -> NDArray[np.float64]:
    """`exp(-(i - j)^2 / (2 width^2))`, `(size, size)`; weights below 1e-15 are 0."""
    distance = np.arange(size)[:, None] - np.arange(size)[None]
    weights = np.exp(-0.5 * (distance / width) ** 2)
    return np.where(weights < _NEGLIGIBLE, 0.0, weights)


@final
class Infiller:
    """Fills batches of images in which `num_kept` of `height * width` pixels are known."""

    def __init__(
        self,
        *,
        channels: int,
        height: int,
        width: int,
        num_kept: int,
        batch_size: int,
        dtype: np.dtype[np.floating],
    ) -> None:
        spacing = math.sqrt(height * width / num_kept)
        near = [gaussian_matrix(size, NEAR * spacing) for size in (height, width)]
        # Each pixel takes shares that add up to one, at the border too.
        smooth = [_shares(gaussian_matrix(size, SMOOTH * spacing)) for size in (height, width)]
        self._near = [matrix.astype(dtype) for matrix in near]
        self._smooth = [matrix.astype(dtype) for matrix in smooth]
        self._half = np.empty((batch_size, channels + 1, height, width), dtype)
        self._rough = np.empty_like(self._half)
        self._filled = np.empty((batch_size, channels, height, width), dtype)

    def __call__(
        self,
        known: NDArray[np.floating],
        kept: NDArray[np.int32],
        values: list[NDArray[np.floating]],
    ) -> NDArray[np.floating]:
        """The filled images `(B, C, H, W)`, valid until the next call.

        `known` `(B, C + 1, H, W)` holds the kept values and, last, 1 where a pixel is kept; 0
        elsewhere. `kept` int32 `(B, num_kept)` are the kept pixels, `values` their values `(B,
        num_kept)` in each channel. Where a mask repeats its last pixel, it counts once; the widths
        of the blurs remain those of `num_kept`.
        """
        colours = len(values)
        _blur(known, self._near, self._half, self._rough)
        image, weight = self._rough[:, :colours], self._rough[:, colours:]
        shown = np.stack(values, axis=1)
        means = shown.mean(axis=2)
        distinct = 1 + (kept[:, 1:] != kept[:, :-1]).sum(axis=1)
        for count in set(distinct.tolist()) - {kept.shape[1]}:
            fewer = distinct == count
            means[fewer] = shown[fewer, :, :count].mean(axis=2)
        image += PRIOR * means[..., None, None]
        image /= weight + image.dtype.type(PRIOR)
        _put(self._rough, kept, values)
        _blur(image, self._smooth, self._half[:, :colours], self._filled)
        # An average lies between the smallest and the largest kept value; rounding may carry it a
        # hair beyond.
        low, high = (extreme[..., None, None] for extreme in (shown.min(axis=2), shown.max(axis=2)))
        np.clip(self._filled, low, high, out=self._filled)
        _put(self._filled, kept, values)
        return self._filled


def _shares(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _blur(
    images: NDArray[np.floating],
    matrices: list[NDArray[np.floating]],
    half: NDArray[np.floating],
    out: NDArray[np.floating],
) -> None:
    """`out` = columns @ images @ rows^T, an image at a time."""
    columns, rows = matrices
    np.matmul(images, rows.T, out=half)
    np.matmul(columns, half, out=out)


def _put(
    planes: NDArray[np.floating], kept: NDArray[np.int32], values: list[NDArray[np.floating]]
) -> None:
    """Write the kept values `(B, num_kept)` of each channel into contiguous `planes` `(B, C or
    more, H, W)`.
    """
    flat, size = planes.reshape(-1), planes.shape[2] * planes.shape[3]
    cells = np.arange(len(planes))[:, None] * (planes.shape[1] * size) + kept
    for channel in values:
        flat[cells] = channel
        cells += size
