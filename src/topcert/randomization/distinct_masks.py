"""The mask stream of runs that keep many features: in time about linear in `num_kept`.

Mask number `i` is a pure function of `(seed, domain, i)`, a uniformly random set of `num_kept` out
of `num_features` features, as in `masks.py`, from the same raw words. It is pinned by test vectors;
a change of one bit is a new `ALGORITHM` name.

1. The words of mask `i` are those of the Philox-4x64 counters `i 2^64, i 2^64 + 1, ...` under the
   key `(seed, domain)`, each cut into a low and then a high half of 32 bits.
2. A half `h` draws the feature `floor(h d / 2^32)`, or none where `h d mod 2^32 < 2^32 mod d`
   (Lemire 2019): what it draws is exactly uniform.
3. The mask is the first `m` different features that are drawn, `m` the smaller of `num_kept` and
   `d - num_kept`; or, where that is not `num_kept`, all others. By symmetry every set is as likely.
4. The kept indices are sorted.
"""

from __future__ import annotations

from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.randomization.masks import CERTIFY, check_masks

ALGORITHM: Final = "philox4x64-lemire32-distinct-1"

_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)
_PLACES: Final = (0, 64, 128, 192)
_SPARSE: Final = 64  # features a drawn one, from where sorting costs less than marking
_FEW: Final = 40  # missing features, of which a loop costs less than another round


def draw_distinct_masks(
    *, seed: int, start: int, stop: int, num_features: int, num_kept: int, domain: int = CERTIFY
) -> NDArray[np.int32]:
    """Masks `start .. stop - 1` of the stream: the kept feature indices, ascending, int32 `(stop -
    start, num_kept)`.

    Raises ValueError as `masks.draw_masks` does.
    """
    check_masks(seed=seed, start=start, stop=stop, num_features=num_features, num_kept=num_kept)
    kept = np.empty((stop - start, num_kept), np.int32)
    count = min(num_kept, num_features - num_kept)
    find = _by_sorting if num_features > _SPARSE * count else _by_marking
    draws = _Draws(seed, domain, num_features)
    marked = np.empty(num_features, np.bool_)
    for row, number in enumerate(range(start, stop)):
        draws.begin(number)
        marked.fill(False)
        kept[row] = find(draws, count, marked, complement=count != num_kept)
    return kept


@final
class _Draws:
    """The features that a mask draws, one after another."""

    def __init__(self, seed: int, domain: int, num_features: int) -> None:
        self.num_features = num_features
        self._generator = np.random.Philox(key=seed + (domain << 64))
        self._state = self._generator.state
        self._rest = np.empty(0, np.uint32)

    def begin(self, number: int) -> None:
        """With the first half of a mask."""
        # NumPy's Philox raises its counter before it makes a block, hence the one less.
        counter = ((number << 64) - 1) % 2**256
        self._state["state"]["counter"][:] = [(counter >> place) % 2**64 for place in _PLACES]
        self._generator.state = self._state
        self._rest = self._rest[:0]

    def take(self, count: int) -> NDArray[np.int64]:
        """What the next `count` halves draw; fewer where some draw none."""
        words = self._generator.random_raw((count - len(self._rest) + 1) // 2)
        halves = words.astype("<u8", copy=False).view("<u4")
        if len(self._rest):
            halves = np.concatenate([self._rest, halves])
        self._rest = halves[count:]
        products = halves[:count].astype(np.uint64)
        products *= np.uint64(self.num_features)
        least, low = np.uint64(2**32 % self.num_features), products & _LOW
        if low.size and low.min() < least:  # seldom
            products = products[low >= least]
        products >>= _HALF
        return products.view(np.int64)


def _by_marking(
    draws: _Draws, count: int, marked: NDArray[np.bool_], *, complement: bool
) -> NDArray[np.int64]:
    """The first `count` different features, ascending, or all others; `marked` is False throughout
    and may be changed.

    As many are drawn as are missing, so that there are never too many, in whatever order they came;
    the last few are taken one by one.
    """
    missing = count
    while missing > _FEW:
        marked[draws.take(missing)] = True
        missing = count - int(np.count_nonzero(marked))
    while missing:
        for feature in draws.take(2 * missing).tolist():
            if not marked[feature]:
                marked[feature] = True
                missing -= 1
                if not missing:
                    break
    return np.flatnonzero(~marked if complement else marked)


def _by_sorting(
    draws: _Draws, count: int, marked: NDArray[np.bool_], *, complement: bool
) -> NDArray[np.int64]:
    """The same where they are few among very many."""
    found = np.empty(0, np.int64)
    while len(found) < count:
        found = np.unique(np.concatenate([found, draws.take(count - len(found))]))
    if not complement:
        return found
    marked[found] = True
    return np.flatnonzero(~marked)
