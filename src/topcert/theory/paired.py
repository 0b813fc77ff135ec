"""What any r changed features leave of the votes, told by pairs of them as well (docs/beyond.md, section 2).

If w_i masks of some kind keep feature i, and w_ij keep both i and j, then R of r >= 2 features meets

    at least  sum of w_i over R - sum of w_ij over pairs of R,   at most  sum of w_i over R - 2/r sum of w_ij over pairs of R

of them: a mask that keeps u of the features of R counts u - u (u - 1) / 2 <= 1 and u - u (u - 1) / r >= 1. For the worst R
either is a sum over ordered pairs of features of R; no R has more than r rows of r - 1 entries each, the largest ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from topcert.theory.spared import Spared

Ints = NDArray[np.int64]
Pairs = NDArray[np.signedinteger]


def most_met_by_pairs(pairs: Pairs, r: int) -> int:
    """Of masks of one kind, the most that r >= 2 features can meet.

    `pairs` int `(num_features, num_features)`: how many of the masks keep both i and j; w_i on its diagonal.
    """
    alone, both = _weights(pairs, r)
    return _heaviest(r * alone - (2 * r - 2) * both, r) // (2 * r * (r - 1))


def least_met_by_pairs(pairs: Pairs, r: int) -> int:
    """The fewest that they must meet, at least 0."""
    alone, both = _weights(pairs, r)
    return max(0, -(_heaviest((r - 1) * both - alone, r) // (2 * (r - 1))))


def _weights(pairs: Pairs, r: int) -> tuple[Pairs, Pairs]:
    """w_i + w_j and w_ij, as integers that hold 4 r times the largest; the narrower the faster."""
    narrow = 4 * r * int(pairs.max(initial=0)) < 2**31
    both: Pairs = pairs.astype(np.int32, copy=False) if narrow else pairs.astype(np.int64, copy=False)
    alone: Pairs = np.diagonal(both)
    return np.asarray(alone[:, None] + alone), both


def _heaviest(links: Pairs, r: int) -> int:
    """At least the sum of `links` over all ordered pairs of any r features; the diagonal is overwritten."""
    np.fill_diagonal(links, np.iinfo(links.dtype).min)
    rows = np.partition(links, 1 - r, axis=1)[:, 1 - r :].sum(axis=1, dtype=np.int64)
    return int(np.partition(rows, -r)[-r:].sum())


def sharpen(found: Spared, pairs: Pairs, degrees: Pairs, r: int, *, labels: int, rivals: bool) -> Spared:
    """What r >= 2 features leave of the votes of one input, where it is told better by pairs of features.

    `pairs` `(labels, num_features, num_features)` say how many masks that voted for each of the labels keep two features,
    `degrees` how many masks do in all. Looked at are the first `labels` labels, and what is left of the others as their
    `rivals` if asked for.
    """
    held, left, others = found.held.copy(), found.left.copy(), found.others.copy()
    cast = found.counts[0]
    for place in range(labels):
        held[0, place, r] = max(held[0, place, r], cast[place] - most_met_by_pairs(pairs[place], r))
        rest = found.trials[0] - cast[place]
        others[0, place, r] = min(others[0, place, r], rest - least_met_by_pairs(degrees - pairs[place], r))
    for place in range(labels, len(pairs)) if rivals else ():
        left[0, place, r] = min(left[0, place, r], cast[place] - least_met_by_pairs(pairs[place], r))
    return replace(found, held=held, left=left, others=others)


def at_best(found: Spared) -> Spared:
    """What `sharpen` would leave if the features that meet most, or fewest, shared as many masks as chance has it.

    No bound, but about as much as one can say: where even this proves nothing more, pairs need not be counted.
    """
    cast, rest = found.counts[:, :, None], found.trials[:, None, None] - found.counts[:, :, None]
    return replace(
        found,
        held=np.maximum(found.held, cast - _by_chance(cast - found.held, cast)),
        left=np.minimum(found.left, cast - _by_chance(np.cumsum(cast - found.left, axis=2), cast)),
        others=np.minimum(found.others, rest - _by_chance(np.cumsum(rest - found.others, axis=2), rest)),
    )


def _by_chance(together: Ints, masks: Ints) -> Ints:
    """Of so many `masks`, those that r features meet that keep `together`, in sum and each the same share of them."""
    r = np.maximum(np.arange(together.shape[2]), 1)
    share = np.minimum(together / (r * np.maximum(masks, 1)), 1.0)
    return np.asarray(np.rint(masks * (1.0 - (1.0 - share) ** r)), np.int64)
