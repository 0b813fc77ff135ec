"""When an input has votes enough: its question is answered, or will hardly be by the cap
(docs/theory/stopping.md).

Whatever makes it stop, what is claimed is what the evidence proves at that moment. So giving up
needs no proof, and asks only what is likely.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.ballot_evidence_rules import BallotEvidence, BallotMaskEvidence
from topcert.theory.confidence import check_alpha
from topcert.theory.evidence import MAX_VOTES, proven_radius
from topcert.theory.evidence_rules import CountEvidence, EvidenceRule, MaskEvidence, VoteDetails
from topcert.theory.joint import Joint
from topcert.theory.stopping_rules import Ints, Stopping
from topcert.theory.surviving_votes import SurvivingVotes, near_labels, surviving_votes

TABLE: Final = 5  # columns r = 0 .. 5 of the paper's tables
# votes of a look over those of the one before: a twentieth is cast in vain, on average
GROWTH: Final = 1.1
# Chance of giving up in error at the cap, for each of up to three places; before, in proportion:
# early votes are cheap and tell little. Where the radius itself is asked for, every input gives up
# in the end.
FUTILITY_ERROR: Final = 0.22
FUTILITY_ERROR_EXACT: Final = 0.07


def looks(*, max_votes: int, batch_size: int) -> tuple[int, ...]:
    """Votes of an input at each look: whole batches, `GROWTH` times as many as before, up to the
    cap.
    """
    found = [min(batch_size, max_votes)]
    while found[-1] < max_votes:
        batches = max(found[-1] // batch_size + 1, math.ceil(found[-1] * GROWTH / batch_size))
        found.append(min(batches * batch_size, max_votes))
    return tuple(found)


def _evidence_rule(
    rule: Stopping, *, num_classes: int | None, num_features: int, num_kept: int, max_votes: int
) -> EvidenceRule:
    """What a rule goes by. Raises ValueError for k or labels a ballot out of range."""
    space = {"num_features": num_features, "num_kept": num_kept, "max_votes": max_votes}
    if rule.num_named == 1:
        return (MaskEvidence if rule.method == "located" else CountEvidence)(k=rule.k, **space)
    if num_classes is None:
        raise ValueError("a rule for ballots of several labels needs num_classes")
    kind = BallotMaskEvidence if rule.method == "located" else BallotEvidence
    return kind(k=rule.k, num_named=rule.num_named, num_classes=num_classes, **space)


@final
class StoppingTest:
    """A rule for inputs of one kind."""

    def __init__(
        self,
        rule: Stopping,
        *,
        num_features: int,
        num_kept: int,
        max_votes: int,
        batch_size: int,
        num_classes: int | None = None,
    ) -> None:
        """`num_classes` is needed for ballots of several labels.

        Raises ValueError where there is no answer to be had.
        """
        check_alpha(rule.alpha)
        if not 1 <= max_votes <= MAX_VOTES:
            raise ValueError(f"--max-samples must lie in 1 .. {MAX_VOTES:,}, got {max_votes}")
        self.rule = rule
        self.looks = looks(max_votes=max_votes, batch_size=batch_size)
        self._num_kept, self._max_votes = num_kept, max_votes
        self._evidence = _evidence_rule(
            rule,
            num_classes=num_classes,
            num_features=num_features,
            num_kept=num_kept,
            max_votes=max_votes,
        )
        self._reach = self._evidence.reach
        asked = {"table": TABLE, "exact": self._reach}.get(rule.question)
        if asked is None:
            asked = int(rule.question.removeprefix("radius="))
            if asked > self._reach:
                named = "" if rule.num_named == 1 else f" and {rule.num_named} labels a ballot"
                raise ValueError(
                    f"--stop {rule.question}: no votes can certify a radius above {self._reach} at"
                    f" k = {rule.k} with {num_kept} of {num_features} kept{named}; ask for less"
                )
        self._last = min(asked, self._reach)
        self._futility_error = (
            FUTILITY_ERROR_EXACT if rule.question == "exact" else FUTILITY_ERROR
        ) * min(rule.k, 3)

    @property
    def needs_masks(self) -> bool:
        """Whether it is asked with what any changed features leave of the votes (`surviving`)."""
        return self.rule.method == "located"

    @property
    def needs_votes(self) -> bool:
        """Whether it is asked with more than counts."""
        return self.needs_masks or self.needs_ballots

    @property
    def needs_ballots(self) -> bool:
        """Whether it is asked with how often labels are named together (`joint`)."""
        return self.rule.num_named > 1

    def near(self, counts: Ints, labels: Ints) -> Ints:
        """The labels whose masks it looks at, int64 `(inputs, k + 1)`; of ballots the label
        alone.
        """
        return near_labels(counts, labels, 0 if self.needs_ballots else self.rule.k)

    def surviving(
        self, counts: Ints, labels: Ints, kept: Iterable[Ints], degrees: Ints
    ) -> SurvivingVotes:
        """What is left of the votes; `kept` is, input by input, of the `near` labels. Raises
        ValueError as `surviving_votes` does.
        """
        return surviving_votes(
            counts,
            labels,
            kept,
            degrees,
            k=0 if self.needs_ballots else self.rule.k,
            reach=self._reach,
            num_kept=self._num_kept,
            num_named=self.rule.num_named,
        )

    def joint(self, counts: Ints, labels: Ints, ballots: Iterable[NDArray[np.integer]]) -> Joint:
        """How often the `ballots` `(votes, num_named)` of each input name labels together.

        Raises ValueError as `Parts.joint` does.
        """
        assert isinstance(self._evidence, BallotEvidence | BallotMaskEvidence)
        return self._evidence.parts.joint(counts, labels, ballots)

    def proven(self, counts: Ints, labels: Ints, details: VoteDetails = None) -> Ints:
        """Proven radius of `labels` `(inputs,)` by counts `(inputs, classes)`, ABSTAIN where there
        is none.

        `details` is what the rule asks beside counts: `surviving`, `joint`, or both as
        `JointAndSurviving`.
        """
        every = slice(0, self._reach + 1)
        return proven_radius(
            self._evidence.log_evidence(counts, labels, details, radii=every),
            self.rule.alpha_of_label,
        )

    def stops(self, counts: Ints, labels: Ints, details: VoteDetails = None) -> NDArray[np.bool_]:
        """Whether inputs with these votes, all the same number of them, get no more; bool
        `(inputs,)`.
        """
        if not (counts.sum(axis=1) // self.rule.num_named < self._max_votes).any():
            return np.ones(len(counts), np.bool_)
        some = slice(0, self._last + 1)
        found = self._evidence.log_evidence(counts, labels, details, radii=some)
        proven = proven_radius(found, self.rule.alpha_of_label)
        whole = self.rule.question.startswith("radius=")
        wanted = np.full(len(counts), self._last) if whole else np.minimum(proven + 1, self._last)
        reachable = self._evidence.may_reach(
            counts,
            labels,
            details,
            wanted=wanted,
            futility_error=self._futility_error,
            alpha=self.rule.alpha_of_label,
        )
        return np.asarray((proven >= self._last) | ~reachable)

    def settled(self, counts: Ints, labels: Ints, details: VoteDetails = None) -> NDArray[np.bool_]:
        """Whether the question is answered from both sides, bool `(inputs,)`: what is proven is all
        there is to prove.

        All bounds of the other side hold at all looks with probability 1 - alpha, look j having
        alpha / (j (j + 1)).
        """
        look = (
            np.searchsorted(np.array(self.looks), counts.sum(axis=1) // self.rule.num_named) + 1.0
        )
        error = self.rule.alpha_of_label / (look * (look + 1)) / counts.shape[1]
        best = self._evidence.largest_possible(counts, labels, error=error)
        proven = self.proven(counts, labels, details)
        if self.rule.question.startswith("radius="):
            return np.asarray((proven >= self._last) | (best < self._last))
        return np.asarray(np.minimum(proven, self._last) == np.minimum(best, self._last))
