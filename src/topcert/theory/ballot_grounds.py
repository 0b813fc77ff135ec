"""What a stopping rule rests on where each vote names several labels: who is named with whom."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from topcert.theory.ballot_evidence import ballot_evidence, from_outcomes, make_ballot_bets
from topcert.theory.counting import survival
from topcert.theory.evidence import passes
from topcert.theory.grounds import Seen, outer_bounds
from topcert.theory.joint import Joint

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_TOGETHER = 64  # inputs
_ROUNDING = 2.0**-48  # times 2 t: far more than the few roundings of a comparison of numbers up to 2 t


@final
class ByBallots:
    """Theorem F for ballots: by how often a label and its rivals are named together."""

    def __init__(
        self,
        *,
        k: int,
        num_named: int,
        num_classes: int,
        num_features: int,
        num_kept: int,
        max_votes: int,
    ) -> None:
        """Raises ValueError as `make_ballot_bets` does."""
        self._max_votes = max_votes
        self._bets = make_ballot_bets(
            k=k,
            num_named=num_named,
            num_classes=num_classes,
            num_features=num_features,
            num_kept=num_kept,
            max_votes=max_votes,
        )
        self.parts = self._bets.parts
        self.reach = self._bets.num_radii - 1
        self._touched = 1.0 - survival(num_features, num_kept, k=k).floats[: self.reach + 1]

    def found(self, counts: Ints, labels: Ints, seen: Seen, *, radii: slice) -> Floats:
        assert isinstance(seen, Joint)
        return ballot_evidence(self._bets.only(radii), seen)

    def hopes(
        self, counts: Ints, labels: Ints, seen: Seen, *, wanted: Ints, doubt: float, alpha: float
    ) -> NDArray[np.bool_]:
        assert isinstance(seen, Joint)
        hopeful = np.zeros(len(counts), np.bool_)
        for radius in np.unique(wanted).tolist():
            asked = np.flatnonzero(wanted == radius)
            bets = self._bets.only(slice(radius, radius + 1))
            for start in range(0, len(asked), _TOGETHER):
                rows = asked[start : start + _TOGETHER]
                joint = seen.of(rows)
                left = (self._max_votes - joint.trials).astype(np.float64)
                quantile = doubt * joint.trials / self._max_votes
                outcomes = []
                for group in self.parts.groups:
                    counted = self.parts.outcomes(group, joint)
                    x = np.arange(counted.shape[2]) - min(group.size, self.parts.num_named)
                    share = favourable_outcomes(counted, x, quantile=quantile[:, None])
                    outcomes.append(counted + share * left[:, None, None])
                most = betaincinv(joint.own + 1, np.maximum(joint.trials - joint.own, 0.5), 1 - quantile)
                own, trials = joint.own + most * left, joint.trials + left
                hoped = from_outcomes(bets, outcomes, own=own, trials=trials)
                hopeful[rows] = passes(hoped, alpha)[:, 0]
        return hopeful

    def luckiest(self, counts: Ints, labels: Ints, *, error: Floats) -> Ints:
        """The last r at which some bound of Theorem 1 for ballots could hold of true shares."""
        k, w = self.parts.k, self.parts.num_named
        highest, lowest = outer_bounds(counts, labels, k, error=error, num_named=w)
        own, taken = highest[:, None], np.cumsum(lowest, axis=1)
        holds = np.zeros((len(counts), len(self._touched)), np.bool_)
        for t in range(1, k + 1):
            bar = (t + min(t, w) - self.parts.forced(t)) * self._touched
            holds |= t * own - taken[:, t - 1, None] > bar - 2 * t * _ROUNDING
            if t >= w:
                holds |= (t + 1) * own > w + (t + 1) * self._touched - 2 * t * _ROUNDING
        return np.asarray(np.logical_and.accumulate(holds, axis=1).sum(axis=1) - 1)


def favourable_outcomes(counted: Floats, x: Ints, *, quantile: Floats) -> Floats:
    """Shares of outcomes `x` `(X,)`, ascending, as good as may well be after so many of each.

    `counted` `(..., X)`. The sum over x is what a bet stands on; each share is taken as far from
    what was counted as brings the sum to its `quantile` `(...)`. No proof is needed to give up.
    """
    trials = counted.sum(axis=2, keepdims=True)
    share = counted / trials
    mean = (x * share).sum(axis=2)
    spread = np.sqrt(np.maximum((x * x * share).sum(axis=2) - mean * mean, 0.0))
    apart = (np.abs(x) * np.sqrt(share * (1 - share))).sum(axis=2)
    part = np.divide(spread, apart, out=np.ones(mean.shape), where=spread < apart)
    doubt = ndtr(part * ndtri(quantile))[:, :, None]
    found = np.zeros(counted.shape)
    lost, won = counted[:, :, x < 0], counted[:, :, x > 0]
    least = np.where(lost > 0, betaincinv(np.maximum(lost, 0.5), trials - lost + 1, doubt), 0.0)
    most = betaincinv(won + 1, np.maximum(trials - won, 0.5), 1 - doubt)
    found[:, :, x < 0] = least
    left = 1 - least.sum(axis=2)
    for place in reversed(range(most.shape[2])):
        got = np.minimum(np.where(won[:, :, place] < trials[:, :, 0], most[:, :, place], 1.0), left)
        found[:, :, len(x) - most.shape[2] + place] = got
        left = left - got
    found[:, :, x == 0] = left[:, :, None]
    return found
