"""What any r changed features leave of the votes, by pairs of them as well
(docs/theory/lemma-3.md).

If w_i masks of some kind keep feature i, and w_ij keep both i and j, then with S1 the sum of w_i
over R and S2 that of w_ij over the pairs of R, any R of r >= 2 features meets

    at least  2 / (c + 1) S1 - 2 / (c (c + 1)) S2  for c = 1, 2, ...,      at most  S1 - 2 / r S2

of them: a mask that keeps 1 <= u <= r features of R counts 1 - (u - c) (u - c - 1) / (c (c + 1)) <=
1 in the first and 1 + (u - 1) (1 - u / r) >= 1 in the second. Either is a sum over ordered pairs of
features of R, r rows of r - 1 entries each: no R has more than the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.surviving_votes import SurvivingVotes

Ints = NDArray[np.int64]
Pairs = NDArray[np.signedinteger]

_CELLS: Final = 1 << 17  # of a table of pairs, looked at together: they stay near the processor
_ROWS: Final = 64  # looked at closely at a time
_PRUNED: Final = 12  # features, beyond which nearly all rows must be looked at closely


def most_met_by_pairs(pairs: Pairs, r: int) -> int:
    """Of masks of one kind, the most that 2 <= r <= num_features features can meet.

    `pairs` int `(num_features, num_features)`: how many of the masks keep both i and j; w_i on its
    diagonal.
    """
    # S1 is the sum of (w_i + w_j) / (2 (r - 1)) over ordered pairs, S2 that of w_ij / 2.
    return _most_linked(pairs, r, alone=r, both=-2 * (r - 1)) // (2 * r * (r - 1))


def least_met_by_pairs(pairs: Pairs, r: int) -> int:
    """The fewest that they must meet, at least 0; by the c that suits features that meet as many
    masks as the average.
    """
    single, double = int(np.trace(pairs)), int(pairs.sum(dtype=np.int64))
    if not single:
        return 0
    c = 1 + (r - 1) * (double - single) // ((len(pairs) - 1) * single)
    return max(0, -(_most_linked(pairs, r, alone=-c, both=r - 1) // (c * (c + 1) * (r - 1))))


def _most_linked(pairs: Pairs, r: int, *, alone: int, both: int) -> int:
    """At least the sum of alone (w_i + w_j) + both w_ij over the ordered pairs of any r
    features.

    That is the sum of r rows, each of its r - 1 largest entries. No row has more than r - 1 times
    its largest: so only the rows that may be among the r are looked at closely.
    """
    narrow = (2 * abs(alone) + abs(both)) * int(pairs.max(initial=0)) < 2**31  # twice as fast
    kind: type[np.signedinteger] = np.int32 if narrow else np.int64
    features = alone * np.diagonal(pairs).astype(kind)
    own, every = features.astype(np.int64), np.arange(len(pairs))
    step = max(1, _CELLS // len(pairs))
    room = np.empty((min(step, len(pairs)), len(pairs)), kind)

    def by_row(look: Callable[[Pairs], Ints], rows: Ints) -> Ints:
        """What `look` sees in some rows of links; what row i has in common, alone w_i, is left
        out.
        """
        found = np.empty(len(rows), np.int64)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            links = room[: len(some)]
            np.multiply(pairs[some], both, out=links, dtype=kind, casting="same_kind")
            links += features
            links[np.arange(len(some)), some] = np.iinfo(kind).min  # no feature is its own pair
            found[start : start + step] = look(links)
        return found

    def sums(rows: Ints) -> Ints:
        return by_row(lambda links: _sum_of_largest(links, r - 1), rows) + (r - 1) * own[rows]

    if r > _PRUNED:
        return int(np.partition(sums(every), -r)[-r:].sum())
    most = (r - 1) * (by_row(lambda links: np.asarray(links.max(axis=1)), every) + own)
    order, best, place = np.argsort(-most), np.empty(0, np.int64), 0
    while place < len(order) and (place < r or most[order[place]] > best[0]):
        rows = order[place : place + _ROWS]
        best = np.sort(np.concatenate([best, sums(rows)]))[-r:]
        place += len(rows)
    return int(best.sum())


def _sum_of_largest(links: Pairs, count: int) -> Ints:
    """The sum of so many largest of each row, which is not needed any more afterwards."""
    links.partition(-count, axis=1)
    return np.asarray(links[:, -count:].sum(axis=1, dtype=np.int64))


def tighten(
    found: SurvivingVotes, pairs: Pairs, degrees: Pairs, r: int, *, labels: int
) -> SurvivingVotes:
    """What 2 <= r features leave of the votes of one input, by pairs of features where these tell
    more.

    `pairs` `(near, num_features, num_features)` say how many masks that name each of the first near
    labels keep two features, `degrees` how many masks do in all. Tightened are `least_left` and
    `others_left` of the first `labels`, `most_left` of others.
    """
    least_left, most_left, others_left = (
        found.least_left.copy(),
        found.most_left.copy(),
        found.others_left.copy(),
    )
    votes, rest = found.counts[0], found.trials[0] - found.counts[0]
    for place in range(labels):
        least_left[0, place, r] = max(
            least_left[0, place, r], votes[place] - most_met_by_pairs(pairs[place], r)
        )
        others_left[0, place, r] = min(
            others_left[0, place, r], rest[place] - least_met_by_pairs(degrees - pairs[place], r)
        )
    for place in range(labels, len(pairs)):
        most_left[0, place, r] = min(
            most_left[0, place, r], votes[place] - least_met_by_pairs(pairs[place], r)
        )
    return replace(found, least_left=least_left, most_left=most_left, others_left=others_left)


def tightened_by_chance(found: SurvivingVotes) -> SurvivingVotes:
    """What `tighten` would leave if the features that meet most, or fewest, shared as many masks as
    chance has it.

    No bound, but about as much as one can say: where even this proves nothing more, pairs need not
    be counted.
    """
    votes, rest = found.counts[:, :, None], found.trials[:, None, None] - found.counts[:, :, None]
    return replace(
        found,
        least_left=np.maximum(
            found.least_left, votes - _met_by_chance(votes - found.least_left, votes)
        ),
        most_left=np.minimum(
            found.most_left,
            votes - _met_by_chance(np.cumsum(votes - found.most_left, axis=2), votes),
        ),
        others_left=np.minimum(
            found.others_left,
            rest - _met_by_chance(np.cumsum(rest - found.others_left, axis=2), rest),
        ),
    )


def _met_by_chance(single: Ints, masks: Ints) -> Ints:
    """How many of the `masks` r features meet, if each meets its part of `single`, their sum, and
    all do so by chance.
    """
    r = np.maximum(np.arange(single.shape[2]), 1)
    share = np.minimum(single / (r * np.maximum(masks, 1)), 1.0)
    return np.asarray(np.rint(masks * (1.0 - (1.0 - share) ** r)), np.int64)
