"""The discrete stream of Lee et al. 2019: noise number `i`, a function of `(seed, i)`, shifts
values in a circle.

A value keeps its place with probability a and else takes each of the other `num_values - 1` with
the same one. A 64-bit word `w` is no shift where `w < T`, `T = floor(a 2^64)`; else it is shift `1
+ floor((w - T) / floor((2^64 - T) / K))`, K = num_values - 1, at most K. Every probability is met
to within K / 2^64: see `law_error`. Pinned by test vectors.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.randomization.words import draw_words

ALGORITHM: Final = "philox4x64-circle64-1"


def draw_shifts(
    *, seed: int, start: int, stop: int, width: int, keep_probability: Fraction, num_values: int
) -> NDArray[np.uint8]:
    """Shifts `start .. stop - 1`, uint8 `(stop - start, width)` in 0 .. num_values - 1.

    Raises ValueError as `draw_words` does, and where `0 < keep_probability < 1` or `2 <= num_values
    <= 256` fails.
    """
    if not 0 < keep_probability < 1:
        raise ValueError(
            f"keep_probability must lie strictly between 0 and 1, got {keep_probability}"
        )
    if not 2 <= num_values <= 256:
        raise ValueError(f"num_values must lie in 2 .. 256, got {num_values}")
    words = draw_words(seed=seed, start=start, stop=stop, width=width)
    others = num_values - 1
    kept = int(keep_probability * 2**64)
    share = max(1, (2**64 - kept) // others)
    shifts = np.minimum(
        (words - np.uint64(kept)) // np.uint64(share), np.uint64(others - 1)
    ).astype(np.uint8)
    shifts += np.uint8(1)  # at most num_values - 1
    shifts[words < np.uint64(kept)] = 0
    return np.asarray(shifts)


def law_error(*, width: int, num_values: int) -> float:
    """By how much, at most, the probability of any event differs between this stream and the exact
    law, rounded up.
    """
    return width * num_values * 2.0**-64
