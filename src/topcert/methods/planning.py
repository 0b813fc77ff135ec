"""What a choice of (d, e, c, k, n, alpha) can certify, before a single pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.certificates import LabelChoice
from topcert.methods.certify import radii_of
from topcert.methods.located import METHOD as LOCATED
from topcert.methods.located import at_best, untouched
from topcert.methods.method import DesignMethod, SampledMethod, Smoothing
from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.radius import ABSTAIN, certified_radius
from topcert.theory.stopping import Judge

Rest = Literal["even", "one"]


@final
@dataclass(frozen=True, kw_only=True)
class Setting:
    """Numbers that a plan is about; labels are given, so each bound is at alpha/c."""

    num_features: int
    num_kept: int
    num_classes: int
    k: int
    num_samples: int
    alpha: float

    def radius(self, votes: NDArray[np.int64], rest: Rest) -> NDArray[np.int64]:
        """The radius of a label with so many of n votes, int64 like `votes`, when the other votes are shared "even" by
        all other labels or "one" rival has them all."""
        left = self.num_samples - votes
        others = np.zeros((len(votes), self.k), np.int64)
        if rest == "one":
            others[:, 0] = left
        else:
            share, extra = np.divmod(left, self.num_classes - 1)
            others[:] = share[:, None] + (np.arange(self.k) < extra[:, None])
        error = self.alpha / self.num_classes
        columns = 1 + self.k
        lower, upper = np.zeros((len(votes), columns)), np.ones((len(votes), columns))
        lower[:, 0] = lower_bound(votes, self.num_samples, error)
        upper[:, 1:] = upper_bound(others, self.num_samples, error)
        return certified_radius(
            lower,
            upper,
            np.zeros(len(votes), np.int64),
            k=self.k,
            num_features=self.num_features,
            num_kept=self.num_kept,
        )

    def largest_radius(self) -> int:
        """The radius when all n votes are for one label: with these bounds none is larger. May be ABSTAIN."""
        return int(self.radius(np.array([self.num_samples]), "one")[0])

    def votes_needed(self, radii: NDArray[np.int64], rest: Rest) -> NDArray[np.int64]:
        """The fewest votes that certify each radius, int64 like `radii`; all must be at most the largest radius."""
        low, high = np.full(len(radii), -1), np.full(len(radii), self.num_samples)
        while (high - low > 1).any():  # high always certifies, low never does
            middle = (low + high) // 2
            enough = self.radius(middle, rest) >= radii
            high, low = np.where(enough, middle, high), np.where(enough, low, middle)
        return high


def shown_radii(largest: int, *, rows: int = 25) -> NDArray[np.int64]:
    """At most `rows` radii from 0 to the largest, evenly spread."""
    if largest == ABSTAIN:
        return np.empty(0, np.int64)
    return np.unique(np.linspace(0, largest, min(rows, largest + 1)).round().astype(np.int64))


def best_radii(
    method: SampledMethod,
    *,
    smoothing: Smoothing,
    num_classes: int,
    num_samples: int,
    ks: Sequence[int],
    alpha: float,
    label_choice: LabelChoice = "given",
    bounds: str | None = None,
) -> dict[int, int] | None:
    """For each k the radius where all votes are for one label: no votes give more. May be ABSTAIN.

    None for a design, whose masks decide it, and which leaves nothing to chance. Raises ValueError as `certify` does.
    """
    distinct = sorted(set(ks))
    if isinstance(method, DesignMethod):
        return None
    named = label_choice != "predicted"
    if method.name == LOCATED.name:
        found = at_best(num_samples, named=named, ks=distinct, alpha=alpha, smoothing=smoothing)
    else:
        votes = np.zeros((1, num_classes), np.int64)
        votes[0, 0] = num_samples
        labels = np.zeros(1, np.int64) if named else None
        found = radii_of(method, votes, labels, smoothing=smoothing, ks=distinct, alpha=alpha, bounds=bounds).radius
    return dict(zip(distinct, found[0].max(axis=0).tolist(), strict=True))


def best_radius_of(judge: Judge, *, smoothing: Smoothing, num_classes: int, num_samples: int) -> int:
    """The same of votes under a stopping rule, at most `num_samples` of them."""
    k = judge.rule.k
    votes = np.zeros((1, num_classes), np.int64)
    votes[0, 0] = num_samples
    left = untouched(num_samples, k=k, smoothing=smoothing) if judge.asks_masks else None
    return int(judge.proven(votes, np.zeros(1, np.int64), left)[0])
