"""What a choice of (d, e, c, k, n, alpha) can certify, before a single pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.ablation import METHOD as ABLATION
from topcert.methods.certificate_table import LabelChoice
from topcert.methods.certify import radii_of
from topcert.methods.located import METHOD as LOCATED
from topcert.methods.located import largest_radii, unanimous_votes
from topcert.methods.method import DesignMethod, SampledMethod, Smoothing
from topcert.noise.ablation import Ablation
from topcert.theory.attacker import REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.located_ballots import JointAndSurviving
from topcert.theory.stopping_test import StoppingTest

Rest = Literal["even", "one"]


@final
@dataclass(frozen=True, kw_only=True)
class Setting:
    """Numbers that a plan is about; labels are given, so each bound is at alpha/c. Each vote names
    `num_named` labels; radii count moves of the `attacker`.
    """

    num_features: int
    num_kept: int
    num_classes: int
    k: int
    num_samples: int
    alpha: float
    num_named: int = 1
    attacker: Attacker = REWRITES

    def radius(self, votes: NDArray[np.int64], rest: Rest) -> NDArray[np.int64]:
        """The radius of a label that so many of n votes name, int64 like `votes`.

        All else that they name is shared "even" by all other labels, or "one" rival has it all; of
        ballots, whose rest is more than one can have, as few as possible.
        """
        remaining = self.num_named * self.num_samples - votes
        places = np.arange(self.num_classes - 1 if self.num_named > 1 else self.k)
        if rest == "one":
            others = np.clip(remaining[:, None] - places * self.num_samples, 0, self.num_samples)
        else:
            share, extra = np.divmod(remaining, self.num_classes - 1)
            others = share[:, None] + (places < extra[:, None])
        return self._radius(np.concatenate([votes[:, None], others], axis=1))

    def _radius(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The radius of the first label; w = 1 needs its k strongest rivals alone."""
        error = self.alpha / self.num_classes
        lower, upper = np.zeros(counts.shape), np.ones(counts.shape)
        lower[:, 0] = lower_bound(counts[:, 0], self.num_samples, error)
        upper[:, 1:] = upper_bound(counts[:, 1:], self.num_samples, error)
        smoothing = Smoothing(
            noise=Ablation(num_kept=self.num_kept),
            unit="feature",
            num_features=self.num_features,
            num_named=self.num_named,
            attacker=self.attacker,
        )
        first = np.zeros(len(counts), np.int64)
        found = ABLATION.theorem(lower, upper, first, ks=[self.k], smoothing=smoothing)
        return found.radius[:, 0]

    def largest_radius(self) -> int:
        """The radius when all n votes name one label: with these bounds none is larger. May be
        ABSTAIN.
        """
        counts = best_counts(
            self.num_samples, num_classes=self.num_classes, k=self.k, num_named=self.num_named
        )
        return int(self._radius(counts).max())

    def votes_needed(self, radii: NDArray[np.int64], rest: Rest) -> NDArray[np.int64]:
        """The fewest votes that certify each radius, int64 like `radii`; n + 1 where none do, of
        ballots with this rest.

        All radii must be at most the largest.
        """
        low, high = np.full(len(radii), -1), np.full(len(radii), self.num_samples + 1)
        while (high - low > 1).any():  # high always certifies, or is n + 1; low never does
            middle = (low + high) // 2
            enough = self.radius(np.minimum(middle, self.num_samples), rest) >= radii
            high, low = np.where(enough, middle, high), np.where(enough, low, middle)
        return high


def best_counts(num_samples: int, *, num_classes: int, k: int, num_named: int) -> NDArray[np.int64]:
    """Counts of n votes of which some give label 0 the largest radius that any give it, int64
    `(candidates, classes)`.

    All votes name it. What else ballots name weighs least on the t smallest of k rivals where some
    rivals are always named, and some, or all others, share the rest.
    """
    rows = [[num_samples] + [0] * (num_classes - 1)] if num_named == 1 else []
    for full in range(num_named - 1 if num_named > 1 else 0):
        remaining = (num_named - 1 - full) * num_samples
        most = num_classes - 1 - full
        for sharing in {*range(num_named - 1 - full, min(k, most) + 1), most}:
            share, extra = divmod(remaining, sharing)
            even = [share + (place < extra) for place in range(sharing)]
            tilted = [min(share + extra, num_samples), *[share] * (sharing - 1)]
            for some in (even, tilted) if share + extra <= num_samples else (even,):
                row = [num_samples] * (1 + full) + some
                rows.append(row + [0] * (num_classes - len(row)))
    return np.unique(np.array(rows, np.int64), axis=0)


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

    None for a design, whose masks decide it, and which leaves nothing to chance. Raises ValueError
    as `certify` does.
    """
    distinct = sorted(set(ks))
    if isinstance(method, DesignMethod):
        return None
    named = label_choice != "predicted"
    if method.name == LOCATED.name:
        found = largest_radii(
            num_samples, named=named, ks=distinct, alpha=alpha, smoothing=smoothing
        )
    else:
        w = smoothing.num_named
        votes = np.concatenate(
            [best_counts(num_samples, num_classes=num_classes, k=k, num_named=w) for k in distinct]
        )
        labels = np.zeros(len(votes), np.int64) if named else None
        found = radii_of(
            method, votes, labels, smoothing=smoothing, ks=distinct, alpha=alpha, bounds=bounds
        ).radius
    return dict(zip(distinct, found.max(axis=(0, 1)).tolist(), strict=True))


def best_radius_of(
    stopping_test: StoppingTest, *, smoothing: Smoothing, num_classes: int, num_samples: int
) -> int:
    """The same of votes under a stopping rule, at most `num_samples` of them."""
    k, label = stopping_test.rule.k, np.zeros(1, np.int64)
    surviving = (
        unanimous_votes(num_samples, k=k, smoothing=smoothing)
        if stopping_test.needs_masks
        else None
    )
    if not stopping_test.needs_ballots:
        votes = np.zeros((1, num_classes), np.int64)
        votes[0, 0] = num_samples
        return int(stopping_test.proven(votes, label, surviving)[0])
    found = []
    for ballots in _best_ballots(
        num_samples, num_classes=num_classes, num_named=stopping_test.rule.num_named
    ):
        counts = np.bincount(ballots.reshape(-1), minlength=num_classes)[None]
        joint = stopping_test.joint(counts, label, [ballots])
        details = (
            joint if surviving is None else JointAndSurviving(joint=joint, surviving=surviving)
        )
        found.append(int(stopping_test.proven(counts, label, details)[0]))
    return max(found)


def _best_ballots(
    num_samples: int, *, num_classes: int, num_named: int
) -> Iterator[NDArray[np.int64]]:
    """Ballots `(num_samples, num_named)` that all name label 0, and beside it always some and in
    turn all others.
    """
    for full in range(num_named):
        sharing = num_classes - 1 - full
        turns = np.arange(num_samples)[:, None] * (num_named - 1 - full) + np.arange(
            num_named - 1 - full
        )
        always = np.broadcast_to(np.arange(full + 1), (num_samples, full + 1))
        yield np.concatenate([always, 1 + full + turns % sharing], axis=1)
