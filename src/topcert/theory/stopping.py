"""When an input has votes enough: its question is answered, or will hardly be by the cap (docs/beyond.md, section 4).

Whatever makes it stop, what is claimed is what the evidence proves at that moment. So giving up needs no proof, and asks
only what is likely.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.confidence import check_alpha, lower_bound, upper_bound
from topcert.theory.evidence import MAX_VOTES, Bets, evidence, make_bets, passes, proven_radius
from topcert.theory.radius import certified_radius

Ints = NDArray[np.int64]

RULE: Final = "evidence-1"  # all numbers below and in evidence.py
TABLE: Final = 5  # columns r = 0 .. 5 of the paper's tables
GROWTH: Final = 1.1  # votes of a look over those of the one before: a twentieth is cast in vain, on average
DOUBT: Final = 0.5  # chance of giving up in error at the cap; before, in proportion: early votes are cheap and tell little
_QUESTION: Final = r"table|exact|radius=[0-9]{1,7}"
_TEXT: Final = re.compile(rf"({_QUESTION}); k=([0-9]{{1,7}}); alpha=([0-9.e-]{{3,30}}); label=given; rule={RULE}")


@final
@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Sample until the `question` about a given label in the top `k` is settled, with chance of error `alpha`.

    "radius=R": is its radius at least R? "table": min(radius, 5). "exact": its radius.
    """

    question: str
    k: int
    alpha: float

    def to_text(self) -> str:
        """As a manifest records it."""
        return f"{self.question}; k={self.k}; alpha={self.alpha!r}; label=given; rule={RULE}"

    @staticmethod
    def read(text: str) -> Stopping:
        """The inverse of `to_text`. Raises ValueError for other texts."""
        found = _TEXT.fullmatch(text)
        try:
            rule = None if found is None else Stopping(question=found[1], k=int(found[2]), alpha=float(found[3]))
        except ValueError:
            rule = None
        if rule is None or rule.to_text() != text or not 0 < rule.alpha < 1 or rule.k < 1:
            raise ValueError(f"the manifest's stopping is {text!r}, which this release does not know")
        return rule


def check_question(question: str) -> None:
    """Raises ValueError for what is no question."""
    if not re.fullmatch(_QUESTION, question):
        raise ValueError(f"--stop must be radius=R (such as radius=5), table or exact, got {question!r}")


def looks(*, max_votes: int, batch_size: int) -> tuple[int, ...]:
    """Votes of an input at each look: whole batches, `GROWTH` times as many as before, up to the cap."""
    found = [min(batch_size, max_votes)]
    while found[-1] < max_votes:
        batches = max(found[-1] // batch_size + 1, math.ceil(found[-1] * GROWTH / batch_size))
        found.append(min(batches * batch_size, max_votes))
    return tuple(found)


@final
class Judge:
    """A rule for inputs of one kind."""

    def __init__(self, rule: Stopping, *, num_features: int, num_kept: int, max_votes: int, batch_size: int) -> None:
        """Raises ValueError where there is no answer to be had."""
        check_alpha(rule.alpha)
        check_question(rule.question)
        if not 1 <= max_votes <= MAX_VOTES:
            raise ValueError(f"--max-samples must lie in 1 .. {MAX_VOTES:,}, got {max_votes}")
        self.rule = rule
        self.looks = looks(max_votes=max_votes, batch_size=batch_size)
        self._space = {"num_features": num_features, "num_kept": num_kept}
        self._max_votes = max_votes
        self._bets: Bets = make_bets(k=rule.k, max_votes=max_votes, **self._space)
        self._reach = self._bets.won.shape[1] - 1
        asked = {"table": TABLE, "exact": self._reach}.get(rule.question)
        if asked is None:
            asked = int(rule.question.removeprefix("radius="))
            if asked > self._reach:
                raise ValueError(
                    f"--stop {rule.question}: no votes can certify a radius above {self._reach} at k = {rule.k} with "
                    f"{num_kept} of {num_features} kept; ask for less"
                )
        self._last = min(asked, self._reach)

    def proven(self, counts: Ints, labels: Ints) -> Ints:
        """Proven radius of `labels` `(inputs,)` by votes `(inputs, classes)`, ABSTAIN where there is none."""
        own, rivals, trials = _parts(counts, labels, self.rule.k)
        return proven_radius(evidence(self._bets, own, rivals, trials), self.rule.alpha)

    def stops(self, counts: Ints, labels: Ints) -> NDArray[np.bool_]:
        """Whether inputs with these votes, all the same number of them, get no more; bool `(inputs,)`."""
        own, rivals, trials = _parts(counts, labels, self.rule.k)
        proven = proven_radius(evidence(self._bets, own, rivals, trials), self.rule.alpha)
        left = self._max_votes - trials
        if not left.any():
            return np.ones(len(counts), np.bool_)
        doubt = DOUBT * trials / self._max_votes
        least = lower_bound(rivals, trials[:, None], doubt[:, None])
        most = np.minimum(upper_bound(own, trials, doubt), 1 - least.sum(axis=1))
        # What the evidence would be at the cap if all other votes came as well as these allow.
        hoped = evidence(self._bets, own + most * left, rivals + least * left[:, None], trials + left)
        whole = self.rule.question.startswith("radius=")
        wanted = np.full(len(counts), self._last) if whole else np.minimum(proven + 1, self._last)
        hopeless = ~passes(hoped, self.rule.alpha)[np.arange(len(counts)), wanted]
        return np.asarray((proven >= self._last) | hopeless)

    def settled(self, counts: Ints, labels: Ints) -> NDArray[np.bool_]:
        """Whether the question is answered from both sides, bool `(inputs,)`: what is proven is all there is to prove.

        All bounds of the other side hold at all looks with probability 1 - alpha, look j having alpha / (j (j + 1)).
        """
        own, rivals, trials = _parts(counts, labels, self.rule.k)  # the k most voted have the k largest bounds
        look = np.searchsorted(np.array(self.looks), trials) + 1.0
        error = self.rule.alpha / (look * (look + 1)) / counts.shape[1]
        highest, lowest = np.zeros((len(counts), self.rule.k + 1)), np.ones((len(counts), self.rule.k + 1))
        highest[:, 0], lowest[:, 1:] = upper_bound(own, trials, error), lower_bound(rivals, trials[:, None], error[:, None])
        best = certified_radius(highest, lowest, np.zeros(len(counts), np.int64), k=self.rule.k, **self._space)
        proven = self.proven(counts, labels)
        if self.rule.question.startswith("radius="):
            return np.asarray((proven >= self._last) | (best < self._last))
        return np.asarray(np.minimum(proven, self._last) == np.minimum(best, self._last))


def _parts(counts: Ints, labels: Ints, k: int) -> tuple[Ints, Ints, Ints]:
    """Votes for the label, for its k most voted rivals (fewest first), and all."""
    rows = np.arange(len(counts))
    others = counts.copy()
    others[rows, labels] = -1
    rivals = np.sort(np.partition(others, counts.shape[1] - k, axis=1)[:, counts.shape[1] - k :], axis=1)
    return counts[rows, labels], rivals, counts.sum(axis=1)
