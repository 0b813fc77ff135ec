"""Located certificates: the theorem where it is known which masks voted for what
(docs/theory/theorem-d.md).

For R, any r features, let s(R) be the chance that U keeps nothing of R and its ballot of w labels
names l, and q_Y(R) the sum of the same for the labels of Y. Ballots that keep nothing of R are
beyond the attacker's reach; all others, 1 - beta(r) of them, are his. So l is certified at r when
for every R and every set of k rivals there is a part Y of it, of t labels say,

    t s(R)  >  q_Y(R) + min(t, w) (1 - beta(r)),    where  q_Y(R) <= w beta(r) - s(R)  always.

The second says something only where t >= w. Theorem 1 is the case s(R) = p_l - (1 - beta(r)),
q_Y(R) = P_t. Both are bounded here, from what any R leaves of the votes (surviving_votes.py).
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
# times t + 1: far more than the few roundings of one comparison of numbers up to t + 1
_ROUNDING: Final = 2.0**-48


def label_share(
    least_left: Ints, others_left: Ints, *, trials: Ints, error: Floats, beta: Floats
) -> Floats:
    """Lower bounds of s(R) for a label named before the votes, wrong for one R with probability at
    most `error`.

    Of an input's votes that keep nothing of any r features, for r = 0 .. reach (columns),
    `least_left` `(inputs, reach + 1)` are the fewest that name the label and `others_left`, of that
    shape, the most that do not; `trials` and `error` `(inputs,)` are all votes and the chance of
    error, `beta` `(reach + 1,)` is beta(r). Returns float64 like `least_left`.
    """
    n, half = trials[:, None], error[:, None] / 2
    # Twice s(R): by the votes that name l, and by those that do not, all of beta(r) but which do.
    # At the second's chance of error, Theorem 1's own bound is never better than it.
    return np.maximum(lower_bound(least_left, n, half), beta - upper_bound(others_left, n, half))


def picked_label_share(
    least_left: Ints,
    others_left: Ints,
    *,
    trials: Ints,
    error: float,
    likely: Floats,
    beta: Floats,
    num_named: int = 1,
) -> Floats:
    """As `label_share`, for labels picked by the votes: wrong, for one R for each of all labels,
    with `error` at most.

    `likely` `(inputs,)` are lower bounds of the labels' probabilities, of which all labels' hold
    together, and which this chance of error does not cover. Each label's own is in proportion to
    its probability: these sum to `num_named`.
    """
    share = likely[:, None] - (1.0 - beta)  # Theorem 1's own bound
    own = error * likely / num_named
    large_enough = own >= LEAST_ERROR
    located = label_share(
        least_left[large_enough],
        others_left[large_enough],
        trials=trials[large_enough],
        error=own[large_enough],
        beta=beta,
    )
    share[large_enough] = np.maximum(share[large_enough], located)
    return share


def rival_shares(
    rivals: Ints, *, trials: Ints, error: float, k: int, among: int, num_named: int = 1
) -> Floats:
    """Upper bounds of what the t weakest of `k` rivals have together, t = 1 .. k: all hold with
    probability 1 - `error`.

    `rivals` `(inputs, ..., k)` are the most votes that each can have, ascending. They may be any k
    of `among` labels fixed before the votes: each part of t of these is asked for, as one count.
    Where a vote names several labels, what t of them have together is no count of votes (it may be
    2 for one vote): each label is asked for by itself. Returns float64 like `rivals`.
    """
    n = trials.reshape(-1, *[1] * (rivals.ndim - 2))
    bounds = np.ones(rivals.shape)
    if num_named > 1:
        if among <= int(error / LEAST_ERROR):
            bounds = upper_bound(rivals, n[..., None], error / among)
        return np.cumsum(bounds, axis=-1)
    together = np.cumsum(rivals, axis=-1)
    for t in range(1, k + 1):
        # beyond the range of a float for a thousand places or so
        parts = among * math.comb(among, t)
        if parts <= int(error / LEAST_ERROR):
            bounds[..., t - 1] = upper_bound(together[..., t - 1], n, error / parts)
    return bounds


def located_radius(share: Floats, rivals: Floats, *, beta: Floats, num_named: int = 1) -> Ints:
    """The last r of which it and all before it are certified: for some t, with w = `num_named`,

        t s  >  q_t + min(t, w) (1 - beta),    or    t >= w  and  t s  >  w beta - s + w (1 - beta).

    `share` `(inputs, reach + 1)` bounds s(R) from below, `rivals` `(inputs, reach + 1 or 1, k)` the
    q_Y(R) of the t weakest rivals from above; `beta` `(reach + 1,)` is beta(r), at most a rounding
    below it. Returns int64 `(inputs,)`, -1 (ABSTAIN) where not even r = 0 holds.
    """
    t = np.arange(1, rivals.shape[2] + 1)
    named = np.minimum(t, num_named)
    others = np.where(t >= num_named, (num_named * beta - share)[:, :, None], np.inf)
    taken = np.minimum(rivals, others)
    spare = t * share[:, :, None] - taken - named * (1.0 - beta)[:, None]
    return _last_of_all(np.asarray((spare > (t + named) * _ROUNDING).any(axis=2)))


def largest_possible_radius(
    share: Floats, rivals: Floats, *, num_features: int, num_kept: int, num_named: int = 1
) -> Ints:
    """The largest radius that a true located certificate can have where the label's probability is
    at most `share`.

    `share` is `(inputs,)`; `rivals` `(inputs, k)` are at most the probabilities of the t weakest of
    k rivals, t = 1 .. k. No s(R) is above the label's probability, nor a q_Y(R) below the rivals'
    less min(t, w) (1 - beta(r)). Returns int64 `(inputs,)`.
    """
    beta = survival(num_features, num_kept, k=rivals.shape[1]).floats
    t = np.arange(1, rivals.shape[1] + 1)
    named = np.minimum(t, num_named)
    touched = named * (1.0 - beta[:, None])
    left = np.minimum(share[:, None, None], beta[:, None])
    spare = t * left - np.maximum(rivals[:, None, :] - touched, 0.0) - touched
    return _last_of_all(np.asarray((spare > -(t + named) * _ROUNDING).any(axis=2)))


def _last_of_all(passed: NDArray[np.bool_]) -> Ints:
    """Of each row, the last column of which it and all before it are true; -1 where the first is
    not.
    """
    return np.asarray(np.logical_and.accumulate(passed, axis=1).sum(axis=1) - 1)
