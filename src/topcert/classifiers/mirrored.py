"""A network for the small pictures of a square lattice, asked about each picture and its mirror
image.

Still a function of one row: the mirror image of a kept grid of an image is a kept grid of the
mirror image. It costs two passes where the network costs one.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier

INSIDE: Final = -3  # planes of the encoding `lattice`, from the last
COLUMN: Final = -1


@final
class Mirrored(Classifier):
    """The mean score of a picture `(B, C + 3, H, W)` and its mirror image, by a network of scores
    that may judge both.

    `width` is that of the whole images, `stride` that of the columns of the lattice, in pixels.
    """

    def __init__(self, network: Classifier, *, width: int, stride: int) -> None:
        super().__init__(
            num_classes=network.num_classes,
            fingerprint=hashlib.sha256(
                f"mirrored {width} {stride} {network.fingerprint}".encode()
            ).hexdigest(),
            runtime=network.runtime,
            batch_size=network.batch_size,
            class_names=network.class_names,
            row_mixing=network.row_mixing,
            depth=network.depth,
        )
        self._network, self._width, self._stride = network, width, stride

    def limit_threads(self, threads: int | None) -> None:
        super().limit_threads(threads)
        self._network.limit_threads(threads)

    def run(self, batch: NDArray[np.floating]) -> Any:
        one = self._network.answer(batch)
        other = self._network.answer(mirrored(batch, width=self._width, stride=self._stride))
        # the total rule says what such scores mean
        with np.errstate(over="ignore", invalid="ignore"):
            return (one + other) / 2


def stride_between(*, width: int, shown: int) -> int:
    """The stride of columns at which images of `width` pixels are pictures of `shown`.

    Raises ValueError where several strides do that, or none.

    >>> stride_between(width=32, shown=7), stride_between(width=32, shown=6)
    (5, 6)
    """
    found = [stride for stride in range(1, width + 1) if -(-width // stride) == shown]
    if len(found) != 1:
        raise ValueError(
            f"pictures {shown} wide of images of {width} come from {len(found)} strides of columns"
            f" ({', '.join(map(str, found)) or 'none'}), and a mirror must know the one: take"
            " another --design, or the network without the mirror"
        )
    return found[0]


def mirrored(batch: NDArray[np.floating], *, width: int, stride: int) -> NDArray[np.floating]:
    """The pictures of the mirror images of `width` pixels under the mirrored grids, like `batch`
    `(B, C + 3, H, W)`.

    Column c goes to `width - 1 - c`, and so offset j to `(width - 1 - j) mod stride`. Pictures that
    end a column before the widest do so in the mirror, too: their columns move to the left.
    """
    found = batch[..., ::-1].copy()
    short = batch[:, INSIDE, 0, -1] == 0
    found[short] = np.roll(found[short], -1, axis=-1)
    last = max(stride - 1, 1)
    offset = np.rint(batch[:, COLUMN] * last)
    found[:, COLUMN] = ((width - 1 - offset) % stride / last).astype(batch.dtype)
    return found
