"""When an input has votes enough: its question is answered, or will hardly be by the cap
(docs/theory/stopping.md).

Whatever makes it stop, what is claimed is what the evidence proves at that moment. So giving up
needs no proof, and asks only what is likely.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from topcert.theory.ballot_evidence_rules import BallotEvidence, BallotMaskEvidence
from topcert.theory.confidence import check_alpha
from topcert.theory.evidence import MAX_VOTES, proven_radius
from topcert.theory.evidence_rules import CountEvidence, EvidenceRule, MaskEvidence, VoteDetails
from topcert.theory.joint import Joint
from topcert.theory.surviving_votes import SurvivingVotes, near_labels, surviving_votes

Ints = NDArray[np.int64]

Asked = Literal["given", "selected"]
LABELS: Final[tuple[Asked, ...]] = get_args(Asked)

# Whose theorem it is, and the name of all numbers below and in evidence.py.
RULES: Final = {"ablation": "evidence-2", "located": "located-evidence-1"}
BALLOT_RULES: Final = {  # the same for ballots of several labels
    "ablation": "evidence-ballots-1",
    "located": "located-evidence-ballots-1",
}
TABLE: Final = 5  # columns r = 0 .. 5 of the paper's tables
# votes of a look over those of the one before: a twentieth is cast in vain, on average
GROWTH: Final = 1.1
# Chance of giving up in error at the cap, for each of up to three places; before, in proportion:
# early votes are cheap and tell little. Where the radius itself is asked for, every input gives up
# in the end.
FUTILITY_ERROR: Final = 0.22
FUTILITY_ERROR_EXACT: Final = 0.07
_QUESTION: Final = r"table|exact|radius=[0-9]{1,7}"
_TEXT: Final = re.compile(
    rf"({_QUESTION}); k=([0-9]{{1,7}}); alpha=([0-9.e-]{{3,30}}); label=({'|'.join(LABELS)});"
    r" rule=([a-z0-9-]+)"
    r"(?:; ballot=([0-9]{1,7}))?"
)


@final
@dataclass(frozen=True, kw_only=True)
class Stopping:
    """A rule by which an input has only as many votes as the answer to a question takes.

    Parameters
    ----------
    question
        What is asked of a label: "radius=R" (is its radius at least R?), "table" (min(radius, 5),
        the columns of the paper's tables) or "exact" (its radius).
    k
        The top k that the label is to stay in.
    alpha
        The chance that what is claimed of an input is wrong, however often its votes were looked
        at.
    method
        "ablation" goes by the counts of the votes, "located" also by which masks gave which vote.
    label
        "given", or "selected": the most voted one of a first sample, whose votes count for nothing
        else.
    num_named
        How many labels each vote names.

    References
    ----------
    docs/theory/stopping.md, with Theorems F and G.

    Examples
    --------
    >>> import topcert
    >>> topcert.Stopping(question="radius=5", k=3, alpha=0.001).to_text()
    'radius=5; k=3; alpha=0.001; label=given; rule=evidence-2'
    """

    question: str
    k: int
    alpha: float
    method: str = "ablation"
    label: Asked = "given"
    num_named: int = 1

    def to_text(self) -> str:
        """As a manifest records it."""
        rule = (RULES if self.num_named == 1 else BALLOT_RULES)[self.method]
        named = "" if self.num_named == 1 else f"; ballot={self.num_named}"
        return (
            f"{self.question}; k={self.k}; alpha={self.alpha!r}; label={self.label};"
            f" rule={rule}{named}"
        )

    @staticmethod
    def read(text: str) -> Stopping:
        """The rule that a manifest records.

        Parameters
        ----------
        text
            What `to_text` gave.

        Returns
        -------
        Stopping

        Raises
        ------
        ValueError
            For other texts.
        """
        found = _TEXT.fullmatch(text)
        rule = None
        if found is not None:
            num_named = int(found[6] or 1)
            rules = RULES if num_named == 1 else BALLOT_RULES
            methods = [method for method, name in rules.items() if name == found[5]]
            label: Asked = "selected" if found[4] == "selected" else "given"
            with suppress(ValueError, IndexError):
                rule = Stopping(
                    question=found[1],
                    k=int(found[2]),
                    alpha=float(found[3]),
                    method=methods[0],
                    label=label,
                    num_named=num_named,
                )
        if (
            rule is None
            or rule.to_text() != text
            or not 0 < rule.alpha < 1
            or min(rule.k, rule.num_named) < 1
        ):
            raise ValueError(
                f"the manifest's stopping is {text!r}, which this release does not know"
            )
        return rule


def check_question(question: str) -> None:
    """Raises ValueError for what is no question."""
    if not re.fullmatch(_QUESTION, question):
        raise ValueError(
            f"--stop must be radius=R (such as radius=5), table or exact, got {question!r}"
        )


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
    """What a rule rests on. Raises ValueError for k or labels a ballot out of range."""
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
        check_question(rule.question)
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
            self._evidence.log_evidence(counts, labels, details, radii=every), self.rule.alpha
        )

    def stops(self, counts: Ints, labels: Ints, details: VoteDetails = None) -> NDArray[np.bool_]:
        """Whether inputs with these votes, all the same number of them, get no more; bool
        `(inputs,)`.
        """
        if not (counts.sum(axis=1) // self.rule.num_named < self._max_votes).any():
            return np.ones(len(counts), np.bool_)
        some = slice(0, self._last + 1)
        found = self._evidence.log_evidence(counts, labels, details, radii=some)
        proven = proven_radius(found, self.rule.alpha)
        whole = self.rule.question.startswith("radius=")
        wanted = np.full(len(counts), self._last) if whole else np.minimum(proven + 1, self._last)
        reachable = self._evidence.may_reach(
            counts,
            labels,
            details,
            wanted=wanted,
            futility_error=self._futility_error,
            alpha=self.rule.alpha,
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
        error = self.rule.alpha / (look * (look + 1)) / counts.shape[1]
        best = self._evidence.largest_possible(counts, labels, error=error)
        proven = self.proven(counts, labels, details)
        if self.rule.question.startswith("radius="):
            return np.asarray((proven >= self._last) | (best < self._last))
        return np.asarray(np.minimum(proven, self._last) == np.minimum(best, self._last))
