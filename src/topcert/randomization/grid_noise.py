"""The Gaussian stream on a grid: noise number `i`, a function of `(seed, i)`, in whole steps of 1 /
(255 M).

An image of 8-bit values v / 255 is whole on that grid (v M steps), and so is its sum with the
noise: no rounding is left that could tell the image. M is the least power of two for which sigma is
2048 steps or more, s = 255 M sigma of them. The highest bit of a 64-bit word is the sign; the other
63, as a number u, give as many steps as there are thresholds t_n = round(2^63 P(|N| < n)), n = 1,
2, ..., with t_n <= u. N = floor(s Z + 1/2), Z standard normal; how near the law is to that of N:
see `law_error`. The stream has a Philox domain of its own, and is pinned by test vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.randomization.words import draw_words
from topcert.theory.rounded_gaussian import BITS, rounded_law_error, rounded_thresholds

ALGORITHM: Final = "philox4x64-rounded63-1"
DOMAIN: Final = int.from_bytes(b"gaussian", "big")
TOP: Final = 255  # the 8-bit value that stands for 1
LEAST_STEPS: Final = 2048
MIN_SIGMA: Final = 1e-6  # sums of image and noise stay below 2^31 steps
MAX_SIGMA: Final = 128.0  # of the whole range of an image; a table of 300,000 thresholds

_SIGN: Final = np.uint64(BITS)
_LOW: Final = np.uint64(2**BITS - 1)
_CHUNK: Final = 1 << 15  # words at a time: stays in the cache


def steps_of(sigma: float) -> int:
    """M, the steps of the grid between two 8-bit values. Raises ValueError where `MIN_SIGMA <=
    sigma <= MAX_SIGMA` fails.
    """
    if not MIN_SIGMA <= sigma <= MAX_SIGMA:
        raise ValueError(f"sigma must lie in {MIN_SIGMA:g} .. {MAX_SIGMA:g}, got {sigma}")
    steps = 1
    while steps * TOP * Fraction(sigma) < LEAST_STEPS:
        steps *= 2
    return steps


def draw_steps(*, seed: int, start: int, stop: int, width: int, sigma: float) -> NDArray[np.int32]:
    """Noises `start .. stop - 1` in steps, int32 `(stop - start, width)`.

    Raises ValueError as `draw_words` and `steps_of` do.
    """
    table = _table(sigma)
    words = draw_words(seed=seed, start=start, stop=stop, width=width, domain=DOMAIN)
    noise = np.empty(words.size, np.int32)
    flat = words.reshape(-1)
    for first in range(0, words.size, _CHUNK):
        noise[first : first + _CHUNK] = table.steps(flat[first : first + _CHUNK])
    return noise.reshape(words.shape)


def law_error(*, sigma: float, width: int) -> float:
    """By how much, at most, the probability of any event differs between this stream and the exact
    law, rounded up.
    """
    return rounded_law_error(steps_of(sigma) * TOP * Fraction(sigma), width=width)


@final
@dataclass(frozen=True, kw_only=True)
class _Table:
    """`thresholds`, after them 2^63 for ever; `first[b]`, how many lie at or below the numbers of
    63 bits that begin with b, where it is the same for all of them or one less; such b are below
    `crowded`, the rest is searched.
    """

    thresholds: NDArray[np.uint64]
    first: NDArray[np.int32]
    shift: np.uint64
    crowded: np.uint64

    def steps(self, words: NDArray[np.uint64]) -> NDArray[np.int32]:
        """The noise of some words."""
        low = words & _LOW
        found: NDArray[np.int32] = self.first[low >> self.shift]
        found += self.thresholds[found] <= low
        many = np.flatnonzero(low >= self.crowded)
        found[many] = np.searchsorted(self.thresholds, low[many], side="right")
        sign = (words >> _SIGN).astype(np.int32)
        found ^= -sign
        found += sign
        return found


@lru_cache(maxsize=4)
def _table(sigma: float) -> _Table:
    deviation = steps_of(sigma) * TOP * Fraction(sigma)
    thresholds = np.append(rounded_thresholds(deviation), np.uint64(2**BITS))
    # a bucket near 0 is narrower than a step: 64 s of them, a step takes 0.8 / s
    bits = int(deviation).bit_length() + 6
    shift = BITS - bits
    edges = np.arange(2**bits + 1, dtype=np.uint64) << np.uint64(shift)
    first = np.searchsorted(thresholds, edges, side="right").astype(np.int32)
    # Not above a number of the bucket are those at or below its lower edge, and one more where that
    # one is passed.
    crowded = int((np.diff(np.searchsorted(thresholds, edges, side="left")) > 1).argmax())
    return _Table(
        thresholds=thresholds, first=first[:-1], shift=np.uint64(shift), crowded=edges[crowded]
    )
