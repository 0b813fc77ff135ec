"""Evidence that a label has a radius, which may be looked at after any vote
(docs/theory/theorem-f.md).

By Theorem 1, of a label l that is broken at r, of its k likeliest rivals A and of every part Y of
A, of t labels,

    E[X] <= h = (t + 1) (1 - beta(r)),
    X = t where the vote is for l, -1 where it is for a label of Y, 0 else.

Who starts with 1 and risks at each vote a share f of what he has, as f / (1 + h) times X - h, never
expects more than he has. His capital, averaged over shares f and parts Y, is the evidence: while l
is broken at r, it ever reaches 1 / alpha with probability at most alpha (Ville 1939). It depends on
the counts of the votes alone.

Where it is known which masks voted for what, two more go by R, the features that break
l, of which nothing is known but their number: h is 1 - beta(r) where X counts only masks that keep
nothing of R (else it is 0); and the h above stays where X is t, too, under every mask that keeps
some of R. Their mean is the located evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from topcert.theory.counting import survival

Floats = NDArray[np.float64]

# share of the capital that is risked at most; less than 1, so that no single vote ruins
LARGEST_SHARE: Final = 0.98
# between neighbouring shares: the best is missed by a factor of 1.27 at most, for 6 % of the votes
STEP: Final = 1.6
# over the square root of the cap: the share for a margin that takes that many votes to prove
SMALLEST_SHARE: Final = 4.5
# a share f begins with f ** -LEAN: where many votes are needed, each nat of evidence costs the most
PRIOR_POWER: Final = 0.4
# Each logarithm below is of a number of at least 1 - LARGEST_SHARE known to a few 2^-53, and
# MAX_VOTES of them are added up.
SLACK: Final = 1e-5
MAX_VOTES: Final = 10**7
_CELLS: Final = 1 << 23  # numbers at a time: inputs, parts, radii and shares


@final
@dataclass(frozen=True, kw_only=True)
class Bets:
    """What a vote for l, for a label of Y or for another multiplies the capital by, as logarithms
    `(k, radii, shares)`.

    Rows are t = 1 .. k, columns r = 0 .. the last that any votes could prove. `begun` `(k, 1,
    shares)` is the logarithm of what is bet at first on one part Y of t labels with a share; it
    sums to 1 over all shares and parts.
    """

    won: Floats
    lost: Floats
    even: Floats
    begun: Floats


def make_bets(
    *, k: int, num_features: int, num_kept: int, max_votes: int, untouched: bool = False
) -> Bets:
    """The bets on a top k from up to `max_votes` votes. Raises ValueError for these outside 1 ..
    `MAX_VOTES`, and k < 1.

    With `untouched`, for votes of which those that keep some of R are set apart and count for
    nobody.
    """
    if not 1 <= max_votes <= MAX_VOTES:
        raise ValueError(
            f"votes that are looked at as they come go up to {MAX_VOTES:,} an input, got"
            f" {max_votes}"
        )
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    beta = survival(num_features, num_kept, k=k)  # t > h for t = k at least
    smallest_share = min(LARGEST_SHARE, SMALLEST_SHARE / math.sqrt(max_votes))
    steps = math.ceil(math.log(LARGEST_SHARE / smallest_share) / math.log(STEP))
    share = LARGEST_SHARE * STEP ** -np.arange(steps + 1.0)
    parts = np.array([k * math.comb(k, size) for size in range(1, k + 1)], np.float64)
    t = np.arange(1.0, k + 1)[:, None, None]
    # beta errs downward; the last bit of 1 - beta is for SLACK
    touched = 1.0 - beta.floats[:, None]
    bar = np.broadcast_to(touched, (k, len(touched), 1)) if untouched else (t + 1) * touched
    stake = share / (1 + bar)
    begun = share**-PRIOR_POWER / (share**-PRIOR_POWER).sum() / parts[:, None, None]
    return Bets(
        won=np.log1p(stake * (t - bar)),
        lost=np.broadcast_to(np.log1p(-share), stake.shape),
        even=np.log1p(-stake * bar),
        begun=np.log(begun),
    )


def evidence(bets: Bets, own: NDArray[Any], rivals: NDArray[Any], trials: NDArray[Any]) -> Floats:
    """Logarithm of the evidence for each radius r = 0, 1, ..., at most; float64 `(inputs, radii)`.

    Of `trials` votes `(inputs,)`, `own` `(inputs,)` are for the label, `rivals` `(inputs, k)` for
    its k most voted rivals, fewest first. They need not be whole where the question is what would
    come of so many. Of the parts of t rivals only the one with the fewest votes is counted, which
    is the larger part of the sum and errs to the safe side.
    """
    return _in_parts(_evidence, bets, own, rivals, trials)


def _in_parts(score: Callable[..., Floats], bets: Bets, *votes: NDArray[Any]) -> Floats:
    """`score` of the bets and the votes, for as many inputs at a time as fit in memory."""
    step = max(1, _CELLS // bets.won.size)
    found = np.empty((len(votes[0]), bets.won.shape[1]))
    for start in range(0, len(found), step):
        part = slice(start, start + step)
        found[part] = score(bets, *(kind[part] for kind in votes))
    return found


def _evidence(bets: Bets, own: NDArray[Any], rivals: NDArray[Any], trials: NDArray[Any]) -> Floats:
    k, radii, shares = bets.won.shape
    taken = np.cumsum(rivals, axis=1)
    capital = np.empty((k, len(own), radii * shares))
    for row in range(k):
        votes = np.stack([own, taken[:, row], trials - own - taken[:, row]], axis=1).astype(
            np.float64
        )
        gains = np.stack([part[row].reshape(-1) for part in (bets.won, bets.lost, bets.even)])
        capital[row] = votes @ gains
    capital = capital.reshape(k, len(own), radii, shares) + bets.begun[:, None]
    return np.asarray(logsumexp(capital, axis=(0, 3)))


def located_evidence(
    untouched: Bets,
    all_votes: Bets,
    least_left: NDArray[Any],
    others_left: NDArray[Any],
    rivals: NDArray[Any],
    trials: NDArray[Any],
) -> Floats:
    """As `evidence`, from what any r features leave of the votes: `least_left` for the label at the
    least, `others_left` for all other labels at the most, both `(inputs, radii)`, and `rivals`
    `(inputs, radii, k)` for its k rivals, fewest first.

    `untouched` and `all_votes` are the two kinds of bets.
    """
    n = trials[:, None]
    by_label = _in_parts(_evidence_by_radius, untouched, least_left, rivals, n)
    by_others = _in_parts(_evidence_by_radius, all_votes, n - others_left, rivals, n)
    return np.asarray(np.logaddexp(by_label, by_others) - math.log(2))


def _evidence_by_radius(
    bets: Bets, own: NDArray[Any], rivals: NDArray[Any], trials: NDArray[Any]
) -> Floats:
    """`evidence` where the votes differ from radius to radius: `own` `(inputs, radii)` and `rivals`
    `(inputs, radii, k)`.
    """
    taken = np.cumsum(rivals, axis=2)
    parts = []
    for row in range(len(bets.won)):
        lost = np.minimum(taken[:, :, row], trials - own)
        kinds = ((own, bets.won), (lost, bets.lost), (trials - own - lost, bets.even))
        parts.append(
            sum(votes[:, :, None] * gains[row] for votes, gains in kinds) + bets.begun[row]
        )
    return np.asarray(logsumexp(np.stack(parts), axis=(0, 3)))


def passes(found: Floats, alpha: float) -> NDArray[np.bool_]:
    """Whether a logarithm of evidence is enough for a chance of error `alpha`; like `found`."""
    return np.asarray(found >= math.log(1 / alpha) + SLACK)


def proven_radius(found: Floats, alpha: float) -> NDArray[np.int64]:
    """The last r of which it and all before it have evidence enough, int64 `(inputs,)`; -1
    (ABSTAIN) where r = 0 has not.
    """
    return np.asarray(np.logical_and.accumulate(passes(found, alpha), axis=1).sum(axis=1) - 1)
