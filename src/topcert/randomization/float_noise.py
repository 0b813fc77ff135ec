"""The Gaussian stream of older runs, in floating point: noise number `i` is a pure function of
`(seed, i)`, standard normal in every value.

A 64-bit word `w` becomes the normal quantile of `(floor(w / 2^11) + 1/2) / 2^53`, in double
precision and at most the largest double below 1, rounded to float32. The law differs from the
normal one by this rounding and by the cut at 8.2 standard deviations, as that of every normal
sampler does; and a sum with it, rounded to float32, tells more of the image than one with Gaussian
noise would (Jin, Ohrimenko and Rubinstein 2023). New runs draw by `rounded`. The algorithm is
pinned by test vectors.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from topcert.randomization.words import draw_words

MIN_SIGMA: Final = 1e-6  # noise that float32 images would swallow is no noise
MAX_SIGMA: Final = 1e6
ALGORITHM: Final = "philox4x64-quantile53-1"


def draw_normals(*, seed: int, start: int, stop: int, width: int) -> NDArray[np.float32]:
    """Noises `start .. stop - 1`, float32 `(stop - start, width)`; arguments and errors as
    `draw_words`.
    """
    words = draw_words(seed=seed, start=start, stop=stop, width=width)
    quantiles = (words >> np.uint64(11)).astype(np.float64)
    quantiles += 0.5
    quantiles *= 2.0**-53
    # the largest word would round to 1: an infinite noise
    np.minimum(quantiles, 1.0 - 2.0**-53, out=quantiles)
    return np.asarray(ndtri(quantiles, out=quantiles).astype(np.float32))
