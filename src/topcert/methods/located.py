"""Theorem 1, knowing which masks voted for what: votes that keep none of the changed features are not the attacker's.

No new passes: the masks are drawn again from the seed of a ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import MaskMethod, MaskVotes, Radii, Smoothing
from topcert.theory.intersection import lower_bound_by_mass
from topcert.theory.located import LEAST_ERROR, least_met, located_radius, located_reach, luckiest_radius, most_met
from topcert.theory.radius import ABSTAIN, strongest_rivals

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@final
class Located(MaskMethod):
    """docs/beyond.md, section 2. Each k has an equal share of alpha."""

    name: ClassVar[str] = "located"
    noise: ClassVar[str] = "ablation"
    norm: ClassVar[str] = "l0"
    needs: ClassVar[str] = "--keep, and a ledger (certify, evaluate)"
    guarantee: ClassVar[str] = "holds with probability 1 - alpha; uses which masks voted for what"

    def radii(
        self,
        counts: Ints,
        votes: MaskVotes,
        labels: Ints | None,
        *,
        ks: Sequence[int],
        alpha: float,
        smoothing: Smoothing,
    ) -> Ints:
        assert smoothing.num_features is not None
        assert smoothing.num_kept is not None
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"alpha must lie in (0, 1), got {alpha}")
        (inputs, classes), most = counts.shape, max(ks)
        if not 1 <= min(ks) <= most < classes:
            raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {list(ks)}")
        order = _by_votes(counts, labels)
        near = order[:, : most + 1]  # the labels in question and their strongest rivals, which are located
        far = np.take_along_axis(counts, order[:, most + 1 : 2 * most + 1], axis=1)  # as strong as any other can be
        reach = located_reach(most, smoothing.num_features, smoothing.num_kept)
        votes_near = np.take_along_axis(counts, near, axis=1)
        trials = counts.sum(axis=1)
        lost, kept_by_others, sure = _met(votes, near, reach)
        held = np.maximum(votes_near[:, :, None] - lost, 0)
        others = (trials[:, None] - votes_near)[:, :, None] - kept_by_others
        as_rival = votes_near[:, :, None] - sure

        ranks = most if labels is None else 1
        out = np.full((inputs, ranks, len(ks)), ABSTAIN)
        for rank in range(ranks):
            error = np.full(inputs, alpha / len(ks))
            if labels is None:  # picked by the votes: a chance of error in proportion to the label's own probability
                error *= lower_bound_by_mass(votes_near[:, rank], trials, alpha / 2) / 2
            able = np.flatnonzero(error >= LEAST_ERROR)
            located = np.delete(as_rival[able], rank, axis=1)
            rivals = np.concatenate([located, np.repeat(far[able, :, None], reach + 1, axis=2)], axis=1)
            ascending = np.sort(np.swapaxes(rivals, 1, 2), axis=2)
            for column in [column for column, k in enumerate(ks) if k > rank or labels is not None]:
                out[able, rank, column] = located_radius(
                    held[able, rank],
                    others[able, rank],
                    ascending,
                    trials=trials[able],
                    error=error[able],
                    k=ks[column],
                    num_features=smoothing.num_features,
                    num_kept=smoothing.num_kept,
                )
        return out

    def favourable(
        self,
        lower: Floats,
        upper: Floats,
        labels: Ints,
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        assert smoothing.num_features is not None
        assert smoothing.num_kept is not None
        share = np.take_along_axis(lower, labels[:, None], axis=1)
        radii = [
            luckiest_radius(
                share[:, 0],
                np.cumsum(strongest_rivals(upper, labels, k), axis=1),
                num_features=smoothing.num_features,
                num_kept=smoothing.num_kept,
            )
            for k in ks
        ]
        return Radii(np.stack(radii, axis=1))


METHOD = Located()


def _by_votes(counts: Ints, labels: Ints | None) -> Ints:
    """All labels of each input, most voted first (ties: lower index first), a named label before all others."""
    ranked = counts.copy()
    if labels is not None:
        ranked[np.arange(len(counts)), labels] = counts.max(initial=0) + 1
    return np.argsort(-ranked, axis=1, kind="stable")


def _met(votes: MaskVotes, labels: Ints, reach: int) -> tuple[Ints, Ints, Ints]:
    """Of each label `(inputs, labels)`: how many masks that voted for it any r = 0 .. reach features meet at most, how many
    that did not they meet at least, and how many that did at least; each `(inputs, labels, reach + 1)`."""
    degrees = votes.degrees()
    parts = [
        (most_met(kept, reach), least_met(degrees - kept, reach), least_met(kept, reach))
        for kept in votes.kept_counts(labels)
    ]
    shape = (len(labels), labels.shape[1], reach + 1)
    at_most, others_at_least, at_least = (np.array(part, np.int64).reshape(shape) for part in zip(*parts, strict=True))
    return at_most, others_at_least, at_least
