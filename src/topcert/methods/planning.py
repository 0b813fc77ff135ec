"""What a choice of (d, e, c, k, n, alpha) can certify, before a single pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.radius import ABSTAIN, certified_radius

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
