"""What a stopping rule rests on where each vote names several labels: who is named with whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from topcert.theory.ballot_evidence import Kind, ballot_evidence, from_outcomes, make_ballot_bets
from topcert.theory.certified_radius import certified_radius
from topcert.theory.evidence import passes
from topcert.theory.evidence_rules import VoteDetails, outer_bounds, share_met
from topcert.theory.joint import Joint, Parts
from topcert.theory.located_ballots import JointAndSurviving, from_located, located_ballot_evidence
from topcert.theory.located_radius import largest_possible_radius

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_KINDS: Final[tuple[Kind, Kind]] = ("untouched", "touched")
_TOGETHER: Final = 64  # inputs


@final
class BallotEvidence:
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
        self._space = {"num_features": num_features, "num_kept": num_kept}
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

    def log_evidence(
        self, counts: Ints, labels: Ints, details: VoteDetails, *, radii: slice
    ) -> Floats:
        assert isinstance(details, Joint)
        return ballot_evidence(self._bets.only(radii), details)

    def may_reach(
        self,
        counts: Ints,
        labels: Ints,
        details: VoteDetails,
        *,
        wanted: Ints,
        futility_error: float,
        alpha: float,
    ) -> NDArray[np.bool_]:
        assert isinstance(details, Joint)
        reachable = np.zeros(len(counts), np.bool_)
        for rows, radius in by_wanted_radius(wanted):
            joint = details.of(rows)
            left = self._max_votes - joint.trials
            outcomes, own = projected_outcomes(
                self.parts,
                joint,
                left=left,
                quantile=futility_error * joint.trials / self._max_votes,
            )
            bets = self._bets.only(slice(radius, radius + 1))
            found = from_outcomes(bets, outcomes, own=own, trials=joint.trials + left)
            reachable[rows] = passes(found, alpha)[:, 0]
        return reachable

    def largest_possible(self, counts: Ints, labels: Ints, *, error: Floats) -> Ints:
        k, w = self.parts.k, self.parts.num_named
        highest, lowest = outer_bounds(counts, labels, k, error=error, num_named=w)
        lower, upper = np.zeros(counts.shape), np.zeros(counts.shape)
        lower[:, 0], upper[:, 0], upper[:, 1 : k + 1] = highest, 1.0, lowest
        first = np.zeros(len(counts), np.int64)
        return certified_radius(lower, upper, first, k=k, num_named=w, **self._space)


@final
class BallotMaskEvidence:
    """Theorem G for ballots: also by which masks name the label, as `JointAndSurviving` says it."""

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
        self._space = {"num_features": num_features, "num_kept": num_kept}
        self._untouched, self._touched = (
            make_ballot_bets(
                k=k,
                num_named=num_named,
                num_classes=num_classes,
                num_features=num_features,
                num_kept=num_kept,
                max_votes=max_votes,
                kind=kind,
            )
            for kind in _KINDS
        )
        self.parts = self._touched.parts
        self.reach = self._touched.num_radii - 1

    def log_evidence(
        self, counts: Ints, labels: Ints, details: VoteDetails, *, radii: slice
    ) -> Floats:
        assert isinstance(details, JointAndSurviving)
        return located_ballot_evidence(self._untouched, self._touched, details, radii=radii)

    def may_reach(
        self,
        counts: Ints,
        labels: Ints,
        details: VoteDetails,
        *,
        wanted: Ints,
        futility_error: float,
        alpha: float,
    ) -> NDArray[np.bool_]:
        """What changed features meet of the ballots to come is guessed from what they meet of those
        that are there.
        """
        assert isinstance(details, JointAndSurviving)
        surviving, reachable = details.surviving, np.zeros(len(counts), np.bool_)
        kept = self._space["num_kept"] / self._space["num_features"]
        for rows, radius in by_wanted_radius(wanted):
            joint, features = details.joint.of(rows), np.array([radius])
            left = self._max_votes - joint.trials
            outcomes, own = projected_outcomes(
                self.parts,
                joint,
                left=left,
                quantile=futility_error * joint.trials / self._max_votes,
            )
            grown = (1 + left / joint.trials)[:, None, None, None]
            tables = [self.parts.tables(group, joint) * grown for group in self.parts.groups]
            label, rest = joint.own[:, None], (joint.trials - joint.own)[:, None]
            least_left, others_left = (
                part[rows, :1, radius] for part in (surviving.least_left, surviving.others_left)
            )
            met = share_met(
                (label - least_left)[:, :, None],
                label,
                surviving.variance[rows, :1],
                features,
                kept=kept,
            )
            first = np.minimum(features, 1)
            missed = share_met(
                (rest - others_left)[:, :, None],
                rest,
                surviving.others_variance[rows, :1],
                first,
                kept=kept,
            )
            more = (own - joint.own)[:, None]
            found = from_located(
                self._untouched.only(slice(radius, radius + 1)),
                self._touched.only(slice(radius, radius + 1)),
                outcomes,
                tables,
                own=own,
                trials=joint.trials + left,
                least_left=least_left + more * (1 - met[:, 0]),
                others_left=others_left + (left[:, None] - more) * (1 - missed[:, 0]),
            )
            reachable[rows] = passes(found, alpha)[:, 0]
        return reachable

    def largest_possible(self, counts: Ints, labels: Ints, *, error: Floats) -> Ints:
        k, w = self.parts.k, self.parts.num_named
        highest, lowest = outer_bounds(counts, labels, k, error=error, num_named=w)
        return largest_possible_radius(
            highest, np.cumsum(lowest, axis=1), num_named=w, **self._space
        )


def by_wanted_radius(wanted: Ints) -> Iterator[tuple[Ints, int]]:
    """Inputs of which the same radius is wanted, some at a time."""
    for radius in np.unique(wanted).tolist():
        asked = np.flatnonzero(wanted == radius)
        for start in range(0, len(asked), _TOGETHER):
            yield asked[start : start + _TOGETHER], radius


def projected_outcomes(
    parts: Parts, joint: Joint, *, left: Ints, quantile: Floats
) -> tuple[list[Floats], Floats]:
    """`Parts.outcomes` of all groups, and the ballots for the label, if `left` `(inputs,)` more
    come as well as may be.
    """
    outcomes = []
    for group in parts.groups:
        counted = parts.outcomes(group, joint)
        x = np.arange(counted.shape[2]) - min(group.size, parts.num_named)
        share = favourable_outcomes(counted, x, quantile=quantile[:, None])
        outcomes.append(counted + share * left[:, None, None])
    most = betaincinv(joint.own + 1, np.maximum(joint.trials - joint.own, 0.5), 1 - quantile)
    return outcomes, joint.own + most * left


def favourable_outcomes(counted: Floats, x: Ints, *, quantile: Floats) -> Floats:
    """Shares of outcomes `x` `(X,)`, ascending, as good as may well be after so many of each.

    `counted` `(..., X)`. The sum over x is what a bet stands on; each share is taken as far from
    what was counted as brings the sum to its `quantile` `(...)`. No proof is needed to give up.
    """
    trials = counted.sum(axis=2, keepdims=True)
    share = counted / trials
    mean = (x * share).sum(axis=2)
    spread = np.sqrt(np.maximum((x * x * share).sum(axis=2) - mean * mean, 0.0))
    sum_of_spreads = (np.abs(x) * np.sqrt(share * (1 - share))).sum(axis=2)
    part = np.divide(spread, sum_of_spreads, out=np.ones(mean.shape), where=spread < sum_of_spreads)
    tail = ndtr(part * ndtri(quantile))[:, :, None]
    found = np.zeros(counted.shape)
    lost, won = counted[:, :, x < 0], counted[:, :, x > 0]
    least = np.where(lost > 0, betaincinv(np.maximum(lost, 0.5), trials - lost + 1, tail), 0.0)
    most = betaincinv(won + 1, np.maximum(trials - won, 0.5), 1 - tail)
    found[:, :, x < 0] = least
    left = 1 - least.sum(axis=2)
    for place in reversed(range(most.shape[2])):
        got = np.minimum(np.where(won[:, :, place] < trials[:, :, 0], most[:, :, place], 1.0), left)
        found[:, :, len(x) - most.shape[2] + place] = got
        left = left - got
    found[:, :, x == 0] = left[:, :, None]
    return found
