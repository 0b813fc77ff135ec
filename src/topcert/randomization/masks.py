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
# of shuffle state at a time: stays near the cache
_CHUNK_BYTES: Final = 1 << 25
_SPARSE: Final = 64  # features a kept one, from where a shuffle lays out only what it touches


def draw_masks(
    *, seed: int, start: int, stop: int, num_features: int, num_kept: int, domain: int = CERTIFY
) -> NDArray[np.int32]:
    """Masks `start .. stop - 1` of the stream: the kept feature indices, ascending, int32 `(stop -
    start, num_kept)`.

    Raises ValueError where `1 <= num_kept <= num_features < 2^31`, `0 <= seed < 2^64` or `0 <=
    start <= stop` fails.
    """
    check_masks(seed=seed, start=start, stop=stop, num_features=num_features, num_kept=num_kept)
    chunk = max(1, _CHUNK_BYTES // (4 * min(num_features, _SPARSE * num_kept)))
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
    halves = np.stack([raw & _LOW, raw >> _WORD], axis=-1)
    return halves.reshape(stop - start, blocks * 8)[:, :num_kept]


def _shuffle(
    words: NDArray[np.uint64], num_features: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Partial Fisher-Yates for every row at once; also which rows had no biased draw."""
    num_masks, num_kept = words.shape
    ranges = np.arange(num_features, num_features - num_kept, -1, dtype=np.uint64)
    products = words * ranges
    accepted = np.all((products & _LOW) >= np.uint64(2**32) % ranges, axis=1)
    draws = (products >> _WORD).astype(np.int64) + np.arange(num_kept)
    columns, order = _places(draws, num_features)
    rows = np.arange(num_masks)
    for t in range(num_kept):
        chosen = columns[:, t]
        taken = order[rows, chosen]
        order[rows, chosen] = order[:, t]
        order[:, t] = taken
    return order[:, :num_kept].copy(), accepted


def _places(
    draws: NDArray[np.int64], num_features: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The features that a shuffle touches, in a row each, the first `num_kept` before the others;
    and in which column of these each draw lies.

    Of many features few are touched: what is laid out is twice what is kept, not all of them.
    """
    num_masks, num_kept = draws.shape
    if num_features <= _SPARSE * num_kept:
        return draws, np.tile(np.arange(num_features, dtype=np.int32), (num_masks, 1))
    ranks = draws.argsort(axis=1, kind="stable")
    ascending = np.take_along_axis(draws, ranks, axis=1)
    new = np.ones_like(ascending, np.bool_)
    new[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    first = np.maximum.accumulate(np.where(new, np.arange(num_kept), 0), axis=1)
    columns = np.empty_like(draws)
    np.put_along_axis(columns, ranks, first + num_kept, axis=1)
    columns = np.where(draws < num_kept, draws, columns)
    order = np.empty((num_masks, 2 * num_kept), np.int32)
    order[:, :num_kept] = np.arange(num_kept)
    order[:, num_kept:] = ascending
    return columns, order
