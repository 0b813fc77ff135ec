"""When an input has votes enough: its question is answered, or will hardly be by the cap (docs/beyond.md, section 4).

Whatever makes it stop, what is claimed is what the evidence proves at that moment. So giving up needs no proof, and asks
only what is likely.
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
from scipy.special import ndtr, ndtri

from topcert.theory.confidence import check_alpha, lower_bound, upper_bound
from topcert.theory.evidence import MAX_VOTES, evidence, located_evidence, make_bets, passes, proven_radius
from topcert.theory.located import luckiest_radius
from topcert.theory.radius import certified_radius
from topcert.theory.spared import Spared, near_labels, spare

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Asked = Literal["given", "selected"]
LABELS: Final[tuple[Asked, ...]] = get_args(Asked)

# Whose theorem it is, and the name of all numbers below and in evidence.py.
RULES: Final = {"ablation": "evidence-2", "located": "located-evidence-1"}
TABLE: Final = 5  # columns r = 0 .. 5 of the paper's tables
GROWTH: Final = 1.1  # votes of a look over those of the one before: a twentieth is cast in vain, on average
# Chance of giving up in error at the cap, for each of up to three places; before, in proportion: early votes are cheap and
# tell little. Where the radius itself is asked for, every input gives up in the end.
DOUBT: Final = 0.22
DOUBT_EXACT: Final = 0.07
_QUESTION: Final = r"table|exact|radius=[0-9]{1,7}"
_TEXT: Final = re.compile(
    rf"({_QUESTION}); k=([0-9]{{1,7}}); alpha=([0-9.e-]{{3,30}}); label=({'|'.join(LABELS)}); rule=([a-z0-9-]+)"
)


@final
@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Sample until the `question` about a label in the top `k` is settled, with chance of error `alpha`.

    "radius=R": is its radius at least R? "table": min(radius, 5). "exact": its radius. `method` is one of RULES: "ablation"
    goes by the counts of the votes, "located" also by which masks voted for what. `label` is one of LABELS: "given", or the
    most voted one of a first sample, "selected", whose votes count for nothing else.
    """

    question: str
    k: int
    alpha: float
    method: str = "ablation"
    label: Asked = "given"

    def to_text(self) -> str:
        """As a manifest records it."""
        return f"{self.question}; k={self.k}; alpha={self.alpha!r}; label={self.label}; rule={RULES[self.method]}"

    @staticmethod
    def read(text: str) -> Stopping:
        """The inverse of `to_text`. Raises ValueError for other texts."""
        found = _TEXT.fullmatch(text)
        rule = None
        if found is not None:
            methods = [method for method, name in RULES.items() if name == found[5]]
            label: Asked = "selected" if found[4] == "selected" else "given"
            with suppress(ValueError, IndexError):
                rule = Stopping(question=found[1], k=int(found[2]), alpha=float(found[3]), method=methods[0], label=label)
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
        self._bets, self._apart = (
            make_bets(k=rule.k, num_features=num_features, num_kept=num_kept, max_votes=max_votes, apart=apart)
            for apart in (False, True)
        )
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
        self._doubt = (DOUBT_EXACT if rule.question == "exact" else DOUBT) * min(rule.k, 3)

    @property
    def asks_masks(self) -> bool:
        """Whether it is asked with what any changed features leave of the votes (`spared`)."""
        return self.rule.method == "located"

    def near(self, counts: Ints, labels: Ints) -> Ints:
        """The labels whose masks it looks at, int64 `(inputs, k + 1)`."""
        return near_labels(counts, labels, self.rule.k)

    def spared(self, counts: Ints, labels: Ints, kept: Iterable[Ints], degrees: Ints) -> Spared:
        """What is left of the votes; `kept` is, input by input, of the `near` labels. Raises ValueError as `spare` does."""
        reach, num_kept = self._reach, self._space["num_kept"]
        return spare(counts, labels, kept, degrees, k=self.rule.k, reach=reach, num_kept=num_kept)

    def proven(self, counts: Ints, labels: Ints, spared: Spared | None = None) -> Ints:
        """Proven radius of `labels` `(inputs,)` by votes `(inputs, classes)`, ABSTAIN where there is none."""
        if self.asks_masks:
            assert spared is not None
            rivals = spared.rivals(self.rule.k)
            found = located_evidence(self._apart, self._bets, spared.held[:, 0], spared.others[:, 0], rivals, spared.trials)
        else:
            found = evidence(self._bets, *_parts(counts, labels, self.rule.k))
        return proven_radius(found, self.rule.alpha)

    def stops(self, counts: Ints, labels: Ints, spared: Spared | None = None) -> NDArray[np.bool_]:
        """Whether inputs with these votes, all the same number of them, get no more; bool `(inputs,)`."""
        own, rivals, trials = _parts(counts, labels, self.rule.k)
        proven = self.proven(counts, labels, spared)
        left = self._max_votes - trials
        if not left.any():
            return np.ones(len(counts), np.bool_)
        whole = self.rule.question.startswith("radius=")
        wanted = np.full(len(counts), self._last) if whole else np.minimum(proven + 1, self._last)
        hopeless = np.ones(len(counts), np.bool_)
        for t in range(1, self.rule.k + 1):
            most, least = self._favourable(own, rivals, trials, t)
            # What the evidence would be at the cap if all other votes came as well as these allow.
            if self.asks_masks:
                assert spared is not None
                hoped = self._hoped(spared, left=left, most=most, least=least)
            else:
                hoped = evidence(self._bets, own + most * left, rivals + least * left[:, None], trials + left)
            hopeless &= ~passes(hoped, self.rule.alpha)[np.arange(len(counts)), wanted]
        return np.asarray((proven >= self._last) | hopeless)

    def _favourable(self, own: Ints, rivals: Ints, trials: Ints, t: int) -> tuple[Floats, Floats]:
        """Shares of the label `(inputs,)` and its rivals `(inputs, k)` as good as may well be for a bet on the t weakest.

        A bet stands on one sum, t shares of the label less those of t rivals, which are seldom all at their best at once:
        each is taken as far from the votes as brings the sum to a quantile of its own.
        """
        label, others = own / trials, rivals[:, :t] / trials[:, None]
        mean = t * label - others.sum(axis=1)
        spread = np.sqrt(np.maximum(t * t * label + others.sum(axis=1) - mean * mean, 0.0))
        apart = t * np.sqrt(label * (1 - label)) + np.sqrt(others * (1 - others)).sum(axis=1)
        part = np.divide(spread, apart, out=np.ones(len(own)), where=spread < apart)
        doubt = ndtr(part * ndtri(self._doubt * trials / self._max_votes))
        least = lower_bound(rivals, trials[:, None], doubt[:, None])
        return np.minimum(upper_bound(own, trials, doubt), 1 - least.sum(axis=1)), least

    def _hoped(self, spared: Spared, *, left: Ints, most: Floats, least: Floats) -> Floats:
        """The located evidence at the cap, if of `left` votes more `most` come for the label and `least` for its rivals (the
        strongest, fewest first), and lie where those lie that are there, but for what is luck in that.
        """
        label, rivals = spared.counts[:, :1], spared.counts[:, :0:-1]
        every, first = np.arange(self._reach + 1), np.minimum(np.arange(self._reach + 1), 1)
        rest = spared.trials[:, None] - label
        met = self._met(label[:, :, None] - spared.held[:, :1], label, spared.spread[:, :1], every)
        missed = self._met(rivals[:, :, None] - spared.left[:, :0:-1], rivals, spared.spread[:, :0:-1], first)
        others_missed = self._met(rest[:, :, None] - spared.others[:, :1], rest, spared.others_spread[:, :1], first)
        own, other, theirs = most * left, (1 - most) * left, least * left[:, None]
        return located_evidence(
            self._apart,
            self._bets,
            spared.held[:, 0] + own[:, None] * (1 - met[:, 0]),
            spared.others[:, 0] + other[:, None] * (1 - others_missed[:, 0]),
            spared.rivals(self.rule.k) + np.swapaxes(theirs[:, :, None] * (1 - missed), 1, 2),
            spared.trials + left,
        )

    def _met(self, met: Ints, votes: Ints, spread: Floats, features: Ints) -> Floats:
        """The share of many more votes that r changed features would meet, if they meet `met` `(inputs, labels, radii)` of
        `votes` `(inputs, labels)`, and average ones would meet as many as `features` `(radii,)` of them do.

        Features differ already by chance in how many masks keep them. Of the distance between the worst and the average, the
        part stays that chance does not explain: of the variance `spread`.
        """
        kept = self._space["num_kept"] / self._space["num_features"]
        chance = votes * kept * (1 - kept)
        real = 1 - np.divide(chance, spread, out=np.ones(spread.shape), where=spread > chance)
        share = met / np.maximum(votes, 1)[:, :, None]
        return np.asarray(np.clip(features * kept + real[:, :, None] * (share - features * kept), 0.0, 1.0))

    def settled(self, counts: Ints, labels: Ints, spared: Spared | None = None) -> NDArray[np.bool_]:
        """Whether the question is answered from both sides, bool `(inputs,)`: what is proven is all there is to prove.

        All bounds of the other side hold at all looks with probability 1 - alpha, look j having alpha / (j (j + 1)).
        """
        own, rivals, trials = _parts(counts, labels, self.rule.k)  # the k most voted have the k largest bounds
        look = np.searchsorted(np.array(self.looks), trials) + 1.0
        error = self.rule.alpha / (look * (look + 1)) / counts.shape[1]
        highest, lowest = upper_bound(own, trials, error), lower_bound(rivals, trials[:, None], error[:, None])
        if self.asks_masks:
            best = luckiest_radius(highest, np.cumsum(lowest, axis=1), **self._space)
        else:
            upper = np.concatenate([highest[:, None], np.zeros(lowest.shape)], axis=1)
            lower = np.concatenate([np.ones((len(counts), 1)), lowest], axis=1)
            best = certified_radius(upper, lower, np.zeros(len(counts), np.int64), k=self.rule.k, **self._space)
        proven = self.proven(counts, labels, spared)
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
