"""Located certificates: the theorem where it is known which masks voted for what (docs/beyond.md, section 2).

For R, any r features, let s(R) = Pr(f(U) = l and U keeps nothing of R), and q_Y(R) the same for the labels of Y. Votes that
keep nothing of R are beyond the attacker's reach; all others, 1 - beta(r) of them, are his. So l is certified at r when
for every R and every set of k rivals there is a part Y of it, of t labels say, with

    t s(R)  >  q_Y(R) + 1 - beta(r),        where  q_Y(R) <= beta(r) - s(R)  in any case.

Theorem 1 is the case s(R) = p_l - (1 - beta(r)), q_Y(R) = P_t. Both are bounded here, from what any R leaves of the votes
(spared.py).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.counting import survival

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LEAST_ERROR: Final = 1e-15  # a bound at less says so little that it is not asked for
_ROUNDING: Final = 2.0**-48  # times t + 1: far more than the few roundings of one comparison of numbers up to t + 1


def label_share(held: Ints, others: Ints, *, trials: Ints, error: Floats, beta: Floats) -> Floats:
    """Lower bounds of s(R) for a label named before the votes, wrong for one R with probability at most `error`.

    Of an input's votes that keep nothing of any r features, for r = 0 .. reach (columns), `held` `(inputs, reach + 1)` are
    the fewest for the label and `others`, of that shape, the most for all others together; `trials` and `error`
    `(inputs,)` are all votes and the chance of error, `beta` `(reach + 1,)` is beta(r). Returns float64 like `held`.
    """
    n, half = trials[:, None], error[:, None] / 2
    # Twice s(R): by the votes for l, and by those for others, all of beta(r) but which are for l. At the second's chance of
    # error, Theorem 1's own bound is never better than it.
    return np.maximum(lower_bound(held, n, half), beta - upper_bound(others, n, half))


def picked_label_share(held: Ints, others: Ints, *, trials: Ints, error: float, likely: Floats, beta: Floats) -> Floats:
    """As `label_share`, for labels picked by the votes: wrong, for one R for each of all labels, with `error` at most.

    `likely` `(inputs,)` are lower bounds of the labels' probabilities, of which all labels' hold together, and which this
    chance of error does not cover. Each label's own is in proportion to its probability: these sum to 1.
    """
    share = likely[:, None] - (1.0 - beta)  # Theorem 1's own bound
    told = error * likely >= LEAST_ERROR
    located = label_share(held[told], others[told], trials=trials[told], error=error * likely[told], beta=beta)
    share[told] = np.maximum(share[told], located)
    return share


def rival_shares(rivals: Ints, *, trials: Ints, error: float, k: int, among: int) -> Floats:
    """Upper bounds of what the t weakest of `k` rivals have together, t = 1 .. k: all hold with probability 1 - `error`.

    `rivals` `(inputs, ..., k)` are the most votes that each can have, ascending. They may be any k of `among` labels fixed
    before the votes: each part of t of these is asked for, as one count. Returns float64 like `rivals`.
    """
    together = np.cumsum(rivals, axis=-1)
    n = trials.reshape(-1, *[1] * (rivals.ndim - 2))
    bounds = np.ones(rivals.shape)
    for t in range(1, k + 1):
        parts = among * math.comb(among, t)  # beyond the range of a float for a thousand places or so
        if parts <= int(error / LEAST_ERROR):
            bounds[..., t - 1] = upper_bound(together[..., t - 1], n, error / parts)
    return bounds


def located_radius(share: Floats, rivals: Floats, *, beta: Floats) -> Ints:
    """The last r of which it and all before it are certified: t s > min(q_t, beta - s) + 1 - beta for some t.

    `share` `(inputs, reach + 1)` bounds s(R) from below, `rivals` `(inputs, reach + 1 or 1, k)` the q_Y(R) of the t weakest
    rivals from above; `beta` `(reach + 1,)` is beta(r), at most a rounding below it. Returns int64 `(inputs,)`, -1 (ABSTAIN)
    where not even r = 0 holds.
    """
    t = np.arange(1, rivals.shape[2] + 1)
    taken = np.minimum(rivals, (beta - share)[:, :, None])
    spare = t * share[:, :, None] - taken - (1.0 - beta)[:, None]
    return _last_of_all(np.asarray((spare > (t + 1) * _ROUNDING).any(axis=2)))


def luckiest_radius(share: Floats, rivals: Floats, *, num_features: int, num_kept: int) -> Ints:
    """The largest radius that a true located certificate can have where the label's probability is at most `share`.

    `share` is `(inputs,)`; `rivals` `(inputs, k)` are at most the probabilities of the t weakest of k rivals, t = 1 .. k.
    No s(R) is above the label's probability, nor a q_Y(R) below the rivals' less 1 - beta(r). Returns int64 `(inputs,)`.
    """
    beta = survival(num_features, num_kept, k=rivals.shape[1]).floats
    t = np.arange(1, rivals.shape[1] + 1)
    touched = 1.0 - beta[:, None]
    left = np.minimum(share[:, None, None], beta[:, None])
    spare = t * left - np.maximum(rivals[:, None, :] - touched, 0.0) - touched
    return _last_of_all(np.asarray((spare > -(t + 1) * _ROUNDING).any(axis=2)))


def _last_of_all(passed: NDArray[np.bool_]) -> Ints:
    """Of each row, the last column of which it and all before it are true; -1 where the first is not."""
    return np.asarray(np.logical_and.accumulate(passed, axis=1).sum(axis=1) - 1)
