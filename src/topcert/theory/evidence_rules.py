"""What a stopping rule rests on, one label a vote: counts, or also which masks voted for what.

For each kind: what is proven, what may well be proven by the cap, and the most that can be true.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.evidence import evidence, located_evidence, make_bets, passes
from topcert.theory.joint import Joint
from topcert.theory.located_ballots import JointAndSurviving
from topcert.theory.located_radius import largest_possible_radius
from topcert.theory.surviving_votes import SurvivingVotes

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
VoteDetails = (
    SurvivingVotes | Joint | JointAndSurviving | None
)  # what is asked of votes beside counts


class EvidenceRule(Protocol):
    """What stands behind answers about `labels` `(inputs,)`, from `counts` `(inputs, classes)`.

    `details` is what the kind asks of the votes beside counts.
    """

    @property
    def reach(self) -> int:
        """The last radius that any votes can prove."""

    def log_evidence(
        self, counts: Ints, labels: Ints, details: VoteDetails, *, radii: slice
    ) -> Floats:
        """Logarithm of the evidence for some `radii` of 0 .. reach; float64 `(inputs, radii)`."""

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
        """Whether evidence enough for the radii `wanted` `(inputs,)` may well come by the cap.

        All inputs have as many votes. `futility_error` is the chance of giving up in error at the
        cap; it is less before, in proportion to the votes.
        """

    def largest_possible(self, counts: Ints, labels: Ints, *, error: Floats) -> Ints:
        """The largest radius that is left by bounds each wrong with chance `error` `(inputs,)`."""


@final
class CountEvidence:
    """Theorem F: by how many votes each label has."""

    def __init__(self, *, k: int, num_features: int, num_kept: int, max_votes: int) -> None:
        """Raises ValueError as `make_bets` does."""
        self._k, self._max_votes = k, max_votes
        self._space = {"num_features": num_features, "num_kept": num_kept}
        self._bets = make_bets(
            k=k, num_features=num_features, num_kept=num_kept, max_votes=max_votes
        )
        self.reach = self._bets.won.shape[1] - 1

    def log_evidence(
        self, counts: Ints, labels: Ints, details: VoteDetails, *, radii: slice
    ) -> Floats:
        return evidence(self._bets, *strongest(counts, labels, self._k))[:, radii]

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
        own, rivals, trials = votes = strongest(counts, labels, self._k)

        def projected(left: Ints, most: Floats, least: Floats) -> Floats:
            return evidence(
                self._bets, own + most * left, rivals + least * left[:, None], trials + left
            )

        return may_reach_by_any_bet(
            votes,
            projected,
            wanted=wanted,
            futility_error=futility_error,
            alpha=alpha,
            max_votes=self._max_votes,
        )

    def largest_possible(self, counts: Ints, labels: Ints, *, error: Floats) -> Ints:
        highest, lowest = outer_bounds(counts, labels, self._k, error=error)
        upper = np.concatenate([highest[:, None], np.zeros(lowest.shape)], axis=1)
        lower = np.concatenate([np.ones((len(counts), 1)), lowest], axis=1)
        return certified_radius(
            upper, lower, np.zeros(len(counts), np.int64), k=self._k, **self._space
        )


@final
class MaskEvidence:
    """Theorem G: also by which masks voted for what, as `SurvivingVotes` says it."""

    def __init__(self, *, k: int, num_features: int, num_kept: int, max_votes: int) -> None:
        """Raises ValueError as `make_bets` does."""
        self._k, self._max_votes = k, max_votes
        self._space = {"num_features": num_features, "num_kept": num_kept}
        self._untouched, self._all_votes = (
            make_bets(
                k=k,
                num_features=num_features,
                num_kept=num_kept,
                max_votes=max_votes,
                untouched=untouched,
            )
            for untouched in (True, False)
        )
        self.reach = self._all_votes.won.shape[1] - 1

    def log_evidence(
        self, counts: Ints, labels: Ints, details: VoteDetails, *, radii: slice
    ) -> Floats:
        assert isinstance(details, SurvivingVotes)
        rivals = details.rivals(self._k)
        return located_evidence(
            self._untouched,
            self._all_votes,
            details.least_left[:, 0],
            details.others_left[:, 0],
            rivals,
            details.trials,
        )[:, radii]

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
        assert isinstance(details, SurvivingVotes)
        votes = strongest(counts, labels, self._k)
        projected = partial(self._projected, details)
        return may_reach_by_any_bet(
            votes,
            projected,
            wanted=wanted,
            futility_error=futility_error,
            alpha=alpha,
            max_votes=self._max_votes,
        )

    def largest_possible(self, counts: Ints, labels: Ints, *, error: Floats) -> Ints:
        highest, lowest = outer_bounds(counts, labels, self._k, error=error)
        return largest_possible_radius(highest, np.cumsum(lowest, axis=1), **self._space)

    def _projected(
        self, surviving: SurvivingVotes, left: Ints, most: Floats, least: Floats
    ) -> Floats:
        """The located evidence at the cap, if of `left` votes more `most` come for the label and
        `least` for its rivals (the strongest, fewest first), and lie where those lie that are
        there, but for what is luck in that.
        """
        label, rivals = surviving.counts[:, :1], surviving.counts[:, :0:-1]
        every = np.arange(self.reach + 1)
        first = np.minimum(every, 1)
        rest = surviving.trials[:, None] - label
        kept = self._space["num_kept"] / self._space["num_features"]

        def missed(met: Ints, votes: Ints, variance: Floats, features: Ints) -> Floats:
            return 1 - share_met(met, votes, variance, features, kept=kept)

        own_missed = missed(
            label[:, :, None] - surviving.least_left[:, :1], label, surviving.variance[:, :1], every
        )
        rivals_missed = missed(
            rivals[:, :, None] - surviving.most_left[:, :0:-1],
            rivals,
            surviving.variance[:, :0:-1],
            first,
        )
        others_missed = missed(
            rest[:, :, None] - surviving.others_left[:, :1],
            rest,
            surviving.others_variance[:, :1],
            first,
        )
        own, other, theirs = most * left, (1 - most) * left, least * left[:, None]
        return located_evidence(
            self._untouched,
            self._all_votes,
            surviving.least_left[:, 0] + own[:, None] * own_missed[:, 0],
            surviving.others_left[:, 0] + other[:, None] * others_missed[:, 0],
            surviving.rivals(self._k) + np.swapaxes(theirs[:, :, None] * rivals_missed, 1, 2),
            surviving.trials + left,
        )


def may_reach_by_any_bet(
    votes: tuple[Ints, Ints, Ints],
    projected: Callable[[Ints, Floats, Floats], Floats],
    *,
    wanted: Ints,
    futility_error: float,
    alpha: float,
    max_votes: int,
) -> NDArray[np.bool_]:
    """`EvidenceRule.may_reach` of the `strongest` votes, by bets on the t weakest of k rivals, for
    each t.

    `projected` gives the evidence at the cap where of so many votes that are left, such shares come
    for the label and for its rivals: as well as the votes that are there allow.
    """
    own, rivals, trials = votes
    left, rows = max_votes - trials, np.arange(len(own))
    reachable = np.zeros(len(own), np.bool_)
    for t in range(1, rivals.shape[1] + 1):
        most, least = favourable(
            own, rivals, trials, t=t, quantile=futility_error * trials / max_votes
        )
        reachable |= passes(projected(left, most, least), alpha)[rows, wanted]
    return reachable


def strongest(counts: Ints, labels: Ints, k: int) -> tuple[Ints, Ints, Ints]:
    """Votes for the label, for its k most voted rivals (fewest first), and all."""
    rows = np.arange(len(counts))
    others = counts.copy()
    others[rows, labels] = -1
    chosen = np.partition(others, counts.shape[1] - k, axis=1)[:, counts.shape[1] - k :]
    return counts[rows, labels], np.sort(chosen, axis=1), counts.sum(axis=1)


def outer_bounds(
    counts: Ints, labels: Ints, k: int, *, error: Floats, num_named: int = 1
) -> tuple[Floats, Floats]:
    """The most that the label `(inputs,)` and the least that its rivals `(inputs, k)` may have.

    The rivals named most have the k largest bounds; fewest first.
    """
    own, rivals, named = strongest(counts, labels, k)
    trials = named // num_named
    return upper_bound(own, trials, error), lower_bound(rivals, trials[:, None], error[:, None])


def favourable(
    own: Ints, rivals: Ints, trials: Ints, *, t: int, quantile: Floats
) -> tuple[Floats, Floats]:
    """Shares of the label `(inputs,)` and its rivals `(inputs, k)` as good as may well be for a bet
    on the t weakest.

    A bet stands on one sum, t shares of the label less those of t rivals, which are seldom all at
    their best at once: each is taken as far from the votes as brings the sum to a quantile of its
    own.
    """
    label, others = own / trials, rivals[:, :t] / trials[:, None]
    mean = t * label - others.sum(axis=1)
    spread = np.sqrt(np.maximum(t * t * label + others.sum(axis=1) - mean * mean, 0.0))
    sum_of_spreads = t * np.sqrt(label * (1 - label)) + np.sqrt(others * (1 - others)).sum(axis=1)
    part = np.divide(spread, sum_of_spreads, out=np.ones(len(own)), where=spread < sum_of_spreads)
    tail = ndtr(part * ndtri(quantile))
    least = lower_bound(rivals, trials[:, None], tail[:, None])
    return np.minimum(upper_bound(own, trials, tail), 1 - least.sum(axis=1)), least


def share_met(met: Ints, votes: Ints, variance: Floats, features: Ints, *, kept: float) -> Floats:
    """The share of many more votes that r changed features would meet, if they meet `met`
    `(inputs, labels, radii)` of `votes` `(inputs, labels)`, and average ones would meet as many as
    `features` `(radii,)` of them do; a mask keeps a share `kept` of all.

    Features differ already by chance in how many masks keep them. Of the distance between the worst
    and the average, the part stays that chance does not explain: of its `variance`.
    """
    chance = votes * kept * (1 - kept)
    real = 1 - np.divide(chance, variance, out=np.ones(variance.shape), where=variance > chance)
    share = met / np.maximum(votes, 1)[:, :, None]
    return np.asarray(
        np.clip(features * kept + real[:, :, None] * (share - features * kept), 0.0, 1.0)
    )
