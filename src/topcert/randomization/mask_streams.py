"""The streams of independent masks, by the name of their algorithm, and which one new runs take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from topcert.randomization import distinct_masks, masks

MANY: Final = 1000  # kept features, above which a shuffle costs more than a network


class Draw(Protocol):
    """Masks `start .. stop - 1`: the kept feature indices, ascending, int32 `(stop - start,
    num_kept)`.
    """

    def __call__(
        self, *, seed: int, start: int, stop: int, num_features: int, num_kept: int
    ) -> NDArray[np.int32]: ...


STREAMS: Final[Mapping[str, Draw]] = {
    masks.ALGORITHM: masks.draw_masks,
    distinct_masks.ALGORITHM: distinct_masks.draw_distinct_masks,
}


def usual_stream(*, num_features: int, num_kept: int) -> str:
    """The algorithm of new runs: the first one where it is fast enough, and seldom draws a mask
    again.

    >>> usual_stream(num_features=1024, num_kept=50)
    'philox4x64-lemire32-fisher-yates-1'
    >>> usual_stream(num_features=50_176, num_kept=10_000)
    'philox4x64-lemire32-distinct-1'
    """
    seldom = num_kept * num_features <= 2**32  # at most every second mask
    return masks.ALGORITHM if num_kept <= MANY and seldom else distinct_masks.ALGORITHM
