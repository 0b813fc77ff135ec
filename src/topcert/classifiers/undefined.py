"""Votes for which the model had no answer, counted by what was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from topcert.classifiers.answers import UNDEFINED_LABEL, ReadAnswer

_KINDS: Final = ("not_finite", "raised", "out_of_range", "repeated")


@final
@dataclass
class UnansweredVotes:
    """How many votes had no answer of the model, or one with a fault, and got labels by the total
    rule: by what was wrong.
    """

    not_finite: int = 0  # a score was NaN or infinite
    raised: int = 0  # the model raised on the row, or gave what is no answer
    out_of_range: int = 0  # a label was none of 0 .. num_classes - 1
    repeated: int = 0  # a ballot named a label twice
    asked: int = 0  # votes in all
    reason: str = ""  # what the model raised, the first time
    label: int | None = None  # the first label out of range
    depth: int = 1  # labels a ballot

    @property
    def total(self) -> int:
        return self.not_finite + self.raised + self.out_of_range + self.repeated

    def count(self, found: ReadAnswer, num_votes: int) -> None:
        """Count the first `num_votes` ballots of a batch."""
        one = UnansweredVotes(
            asked=len(found.ballots[:num_votes]),
            reason=found.reason,
            label=found.label,
            depth=found.ballots.shape[1],
        )
        for kind in _KINDS:
            setattr(one, kind, int(np.count_nonzero(getattr(found, kind)[:num_votes])))
        self.add(one)

    def add(self, other: UnansweredVotes) -> None:
        """Count what another has counted, after what is counted already."""
        for kind in (*_KINDS, "asked"):
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        self.reason = self.reason or other.reason
        self.label = other.label if self.label is None else self.label
        self.depth = other.depth

    def in_words(self) -> str:
        """One line on those votes and what they mean; nothing where there are none."""
        kinds = []
        if self.not_finite:
            kinds.append(f"{self.not_finite:,} with a score that is NaN or infinite")
        if self.raised:
            kinds.append(f"{self.raised:,} on which it raised ({self.reason})")
        if self.out_of_range:
            kinds.append(f"{self.out_of_range:,} with a label out of range, such as {self.label}")
        if self.repeated:
            kinds.append(f"{self.repeated:,} with a label twice")
        if not kinds:
            return ""
        counted = f"label {UNDEFINED_LABEL}"
        if self.depth > 1:
            counted = f"the labels {', '.join(map(str, range(self.depth)))}"
        if self.depth > 1 and self.out_of_range + self.repeated:
            counted += " (of ranked ones, after those before the first fault)"
        return (
            f"the model had no answer for {self.total:,} of the {self.asked:,} votes cast now,"
            f" which count as {counted}: {', '.join(kinds)}; certificates hold under this rule, but"
            " a model should have an answer to what nobody attacked"
        )
