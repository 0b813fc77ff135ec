"""Raw 64-bit words of a noise stream: those of number `i` are a pure function of `(seed, i)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topcert.randomization.masks import CERTIFY


def draw_words(
    *, seed: int, start: int, stop: int, width: int, domain: int = CERTIFY
) -> NDArray[np.uint64]:
    """Words of numbers `start .. stop - 1`, uint64 `(stop - start, width)`.

    Number `i` owns the Philox-4x64 counters `i W .. i W + W - 1`, `W = ceil(width / 4)`, under the
    key `(seed, domain)`; words that fill up its last block are not used. Raises ValueError where `0
    <= seed < 2^64`, `0 <= start <= stop` or `width >= 1` fails.
    """
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must lie in 0 .. 2^64 - 1, got {seed}")
    if not 0 <= start <= stop:
        raise ValueError(f"noise numbers must satisfy 0 <= start <= stop, got {start} and {stop}")
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")
    blocks = -(-width // 4)
    # NumPy's Philox raises its counter before it makes a block, hence the one less.
    generator = np.random.Philox(key=seed + (domain << 64), counter=(start * blocks - 1) % 2**256)
    raw = generator.random_raw((stop - start) * blocks * 4)
    return np.asarray(raw.reshape(stop - start, blocks * 4)[:, :width])
