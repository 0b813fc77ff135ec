"""The mask stream: mask number `i` is a pure function of `(seed, domain, i)`.

A mask is a uniformly random set of `num_kept` out of `num_features` features. The algorithm is our
own integer arithmetic on the raw words of the Philox-4x64 counter generator, because only raw words
are promised to stay the same from one NumPy release to the next. It is pinned by test vectors; a
change of one bit is a new `ALGORITHM` name.

1. Mask `i` owns `W = ceil(num_kept / 8)` Philox blocks, that is the counters `i W .. i W + W - 1`
   under the key `(seed, domain)`: `4 W` words of 64 bits, each cut into a low and then a high half
   of 32 bits.
2. A partial Fisher-Yates shuffle of `0 .. d - 1` takes draw `t` as
   `t + floor(word * (d - t) / 2^32)`.
3. A draw is biased unless `word * (d - t) mod 2^32 >= 2^32 mod (d - t)` (Lemire 2019). If any draw
   of a mask is, the whole mask is drawn again with the attempt number in the counter's top word:
   accepted masks are exactly uniform.
4. The kept indices are sorted.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

ALGORITHM: Final = "philox4x64-lemire32-fisher-yates-1"

# Domains keep streams of one seed apart: a network must never be certified on masks it was trained
# on.
CERTIFY: Final = int.from_bytes(b"certify.", "big")
TRAIN: Final = int.from_bytes(b"training", "big")

_WORD: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_CHUNK: Final = 1 << 17  # draws at a time: what is made of them stays near the cache


def draw_masks(
    *, seed: int, start: int, stop: int, num_features: int, num_kept: int, domain: int = CERTIFY
) -> NDArray[np.int32]:
    """Masks `start .. stop - 1` of the stream: the kept feature indices, ascending, int32 `(stop -
    start, num_kept)`.

    Raises ValueError where `1 <= num_kept <= num_features < 2^31`, `0 <= seed < 2^64` or `0 <=
    start <= stop` fails.
    """
    check_masks(seed=seed, start=start, stop=stop, num_features=num_features, num_kept=num_kept)
    chunk = max(1, _CHUNK // num_kept)
    kept = np.empty((stop - start, num_kept), np.int32)
    for first in range(start, stop, chunk):
        last = min(first + chunk, stop)
        block, accepted = _shuffle(
            _words(seed, domain, first, last, num_kept, attempt=0), num_features
        )
        _redraw(block, np.flatnonzero(~accepted), seed, domain, first, num_features)
        block.sort(axis=1)
        kept[first - start : last - start] = block
    return kept


def check_masks(*, seed: int, start: int, stop: int, num_features: int, num_kept: int) -> None:
    """Raise ValueError where no mask stream has such masks."""
    if not 1 <= num_kept <= num_features < 2**31:
        raise ValueError(f"num_kept must lie in 1 .. num_features = {num_features}, got {num_kept}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must lie in 0 .. 2^64 - 1, got {seed}")
    if not 0 <= start <= stop:
        raise ValueError(f"mask numbers must satisfy 0 <= start <= stop, got {start} and {stop}")


def _redraw(
    block: NDArray[np.int32],
    rows: NDArray[np.intp],
    seed: int,
    domain: int,
    first: int,
    num_features: int,
) -> None:
    """Fill in the rows of a block, whose masks begin at `first`, that had a biased draw."""
    num_kept, attempt = block.shape[1], 1
    while len(rows):
        words = [
            _words(seed, domain, number, number + 1, num_kept, attempt=attempt)
            for number in (first + rows).tolist()
        ]
        drawn, accepted = _shuffle(np.concatenate(words), num_features)
        block[rows[accepted]] = drawn[accepted]
        rows = rows[~accepted]
        attempt += 1


def _words(
    seed: int, domain: int, start: int, stop: int, num_kept: int, *, attempt: int
) -> NDArray[np.uint64]:
    """The 32-bit words of masks `start .. stop - 1`, in uint64, `(stop - start, num_kept)`."""
    blocks = -(-num_kept // 8)
    # NumPy's Philox raises its counter before it makes a block, hence the one less.
    counter = (start * blocks + (attempt << 192) - 1) % 2**256
    generator = np.random.Philox(key=seed + (domain << 64), counter=counter)
    raw = generator.random_raw((stop - start) * blocks * 4)
    halves = raw.astype("<u8", copy=False).view("<u4")  # the low one first
    return halves.reshape(stop - start, blocks * 8)[:, :num_kept].astype(np.uint64)


def _shuffle(
    words: NDArray[np.uint64], num_features: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Partial Fisher-Yates for every row at once, all its steps together: the features taken, in no
    order; also which rows had no biased draw.

    Step t takes what lies at place draw[t] >= t, and puts there what lay at place t. So the first
    step that draws a place takes the feature of that number, and each later one what lay at the
    place t of the step t before it, when that step began: feature t, or, where some step had drawn
    place t already, what lay at the place of the last of those, and so on.
    """
    num_masks, num_kept = words.shape
    ranges = np.arange(num_features, num_features - num_kept, -1, dtype=np.uint64)
    products = words * ranges
    accepted = np.all((products & _LOW) >= np.uint64(2**32) % ranges, axis=1)
    steps, bits = np.arange(num_kept), num_kept.bit_length()
    # draws in the order of places, those of one place in the order of steps
    keys = (((products >> _WORD).astype(np.int64) + steps) << bits) | steps
    keys.sort(axis=1)
    places, at = keys >> bits, keys & ((1 << bits) - 1)
    # the last step before t that drew place t; t where none did
    origin = np.tile(steps, (num_masks, 1))
    rows, columns = np.nonzero((places < num_kept) & (at < places))
    origin[rows, places[rows, columns]] = at[rows, columns]
    rows, columns = np.nonzero(places[:, 1:] == places[:, :-1])
    found = at[rows, columns]
    while not np.array_equal(origin[rows, found], found):
        found = origin[rows, found]
    places[rows, columns + 1] = found
    return places.astype(np.int32), accepted
