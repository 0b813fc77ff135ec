"""Theorem 1, knowing which masks voted for what: votes that keep none of the changed features are not the attacker's.

No new passes: the masks are drawn again from the seed of a ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import MaskMethod, MaskVotes, Radii, Smoothing
from topcert.theory.counting import survival
from topcert.theory.intersection import lower_bound_by_mass
from topcert.theory.located import (
    label_share,
    least_met,
    located_radius,
    located_reach,
    luckiest_radius,
    most_met,
    picked_label_share,
    rival_shares,
)
from topcert.theory.radius import ABSTAIN, strongest_rivals

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@final
class Located(MaskMethod):
    """docs/beyond.md, section 2."""

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
        classes, most = counts.shape[1], max(ks)
        if not 1 <= min(ks) <= most < classes:
            raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {list(ks)}")
        reach = located_reach(most, smoothing.num_features, smoothing.num_kept)
        beta = survival(smoothing.num_features, smoothing.num_kept).floats[: reach + 1]
        found = _located(counts, votes, _by_votes(counts, labels), most, reach, smoothing.num_kept)
        if labels is None:
            return _of_picked(found, ks=ks, alpha=alpha, beta=beta)
        return _of_named(found, ks=ks, alpha=alpha, beta=beta)[:, None]

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


@final
@dataclass(frozen=True, kw_only=True)
class _Located:
    """The labels in question and their strongest rivals, `(inputs, labels)`, and what any r = 0 .. reach features leave.

    Of `counts` votes for each, `held` is the least that is left and `left` the most, and `others` the most for all other
    labels together: `(inputs, labels, reach + 1)`. `far` `(inputs, rivals)` are the counts of the next strongest labels.
    """

    trials: Ints
    counts: Ints
    held: Ints
    left: Ints
    others: Ints
    far: Ints


def _of_named(found: _Located, *, ks: Sequence[int], alpha: float, beta: Floats) -> Ints:
    """Radii of the first label for each k, `(inputs, len(ks))`: half of its share of alpha each for it and for rivals."""
    error = alpha / len(ks) / 2
    each = np.full(len(found.trials), error)
    share = label_share(found.held[:, 0], found.others[:, 0], trials=found.trials, error=each, beta=beta)
    rest = np.repeat(found.far[:, :, None], len(beta), axis=2)
    rivals = np.sort(np.swapaxes(np.concatenate([found.left[:, 1:], rest], axis=1), 1, 2), axis=2)
    radii = [
        located_radius(share, rival_shares(rivals[:, :, -k:], trials=found.trials, error=error, k=k, among=k), beta=beta)
        for k in ks
    ]
    return np.stack(radii, axis=1)


def _of_picked(found: _Located, *, ks: Sequence[int], alpha: float, beta: Floats) -> Ints:
    """Radii of the max(ks) most voted labels for each k, `(inputs, max(ks), len(ks))`.

    A quarter of alpha is for the labels' probabilities, a quarter for what is left of them, a share for each k. Half is for
    rivals, once for all: whichever label and k it is, the likeliest rivals are some of the max(ks) + 1 likeliest labels.
    These are counted over all masks, for which masks R spares depends on the label.
    """
    most = max(ks)
    radii = np.full((len(found.trials), most, len(ks)), ABSTAIN)
    for rank in range(most):
        share = picked_label_share(
            found.held[:, rank],
            found.others[:, rank],
            trials=found.trials,
            error=alpha / 4 / len(ks),
            likely=lower_bound_by_mass(found.counts[:, rank], found.trials, alpha / 4),
            beta=beta,
        )
        rivals = np.sort(np.delete(found.counts, rank, axis=1), axis=1)
        for column in [column for column, k in enumerate(ks) if k > rank]:
            k = ks[column]
            taken = rival_shares(rivals[:, -k:], trials=found.trials, error=alpha / 2, k=k, among=most + 1)
            radii[:, rank, column] = located_radius(share, taken[:, None], beta=beta)
    return radii


def _by_votes(counts: Ints, labels: Ints | None) -> Ints:
    """All labels of each input, most voted first (ties: lower index first), a named label before all others."""
    ranked = counts.copy()
    if labels is not None:
        ranked[np.arange(len(counts)), labels] = counts.max(initial=0) + 1
    return np.argsort(-ranked, axis=1, kind="stable")


def _located(counts: Ints, votes: MaskVotes, order: Ints, most: int, reach: int, num_kept: int) -> _Located:
    near, far = order[:, : most + 1], order[:, most + 1 : 2 * most + 1]
    cast, trials = np.take_along_axis(counts, near, axis=1), counts.sum(axis=1)
    held, left, others = (np.empty((*near.shape, reach + 1), np.int64) for _ in range(3))
    degrees = votes.degrees()
    for row, kept in enumerate(votes.kept_counts(near)):
        if (kept.sum(axis=1) != num_kept * cast[row]).any() or degrees.sum() != num_kept * trials[row]:
            raise ValueError(f"input {row}: the masks are not those of the counted votes; count all votes of the ledger")
        held[row] = np.maximum(cast[row, :, None] - most_met(kept, reach), 0)
        left[row] = cast[row, :, None] - least_met(kept, reach)
        others[row] = (trials[row] - cast[row])[:, None] - least_met(degrees - kept, reach)
    return _Located(
        trials=trials, counts=cast, held=held, left=left, others=others, far=np.take_along_axis(counts, far, axis=1)
    )
