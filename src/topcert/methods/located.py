"""Theorem 1, knowing which masks voted for what: votes that keep none of the changed features are
not the attacker's.

No new passes: the masks are drawn again from the seed of a ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import MaskMethod, MaskVotes, Radii, Smoothing
from topcert.noise.ablation import Ablation
from topcert.theory.attacker import INSERT, MOVES, REWRITE, Attacker
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.confidence import check_alpha
from topcert.theory.counting import survival
from topcert.theory.intersection import lower_bound_by_mass
from topcert.theory.located_edits import located_edit_radius
from topcert.theory.located_radius import (
    label_share,
    largest_possible_radius,
    located_radius,
    picked_label_share,
    rival_shares,
)
from topcert.theory.paired import tighten, tightened_by_chance
from topcert.theory.ranking import strongest_rivals
from topcert.theory.surviving_votes import SurvivingVotes, near_labels, surviving_votes

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@final
class Located(MaskMethod):
    """docs/theory/theorem-d.md."""

    name: ClassVar[str] = "located"
    noise: ClassVar[str] = "ablation"
    norm: ClassVar[str] = "l0"
    ballots: ClassVar[bool] = True
    moves: ClassVar[tuple[str, ...]] = MOVES
    any_size: ClassVar[bool] = True
    needs: ClassVar[str] = "--keep, and a ledger (certify, evaluate)"
    guarantee: ClassVar[str] = "holds with probability 1 - alpha; uses which masks voted for what"

    def covers(self, attacker: Attacker) -> bool:
        return attacker.may(REWRITE)

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
        if smoothing.sizes is not None:
            shown = max(ks) if labels is None else 1
            radii = np.full((len(counts), shown, len(ks)), ABSTAIN)
            for rows, alike in smoothing.by_size():
                radii[rows] = self.radii(
                    counts[rows],
                    votes.of_length(rows, alike.num_features or 0),
                    None if labels is None else labels[rows],
                    ks=ks,
                    alpha=alpha,
                    smoothing=alike,
                )
            return radii
        assert smoothing.num_features is not None
        num_kept = smoothing.noise_of(Ablation).kept
        check_alpha(alpha)
        most = max(ks)
        beta = survival(smoothing.num_features, num_kept, k=most).floats
        near, reach = near_labels(counts, labels, most), len(beta) - 1
        found = surviving_votes(
            counts,
            labels,
            votes.kept_counts(near),
            votes.degrees(),
            k=most,
            reach=reach,
            num_kept=num_kept,
            num_named=smoothing.num_named,
        )
        rule = _of_picked if labels is None else _of_named
        claim = partial(
            rule, ks=ks, alpha=alpha, num_named=smoothing.num_named, radius=_radius_of(smoothing)
        )
        radii = claim(found, beta=beta)
        # of insertions each r asks about all numbers of features up to r: pairs would not help one
        if not votes.counts_pairs or smoothing.attacker.may(INSERT):
            return radii
        # Rivals of picked labels are counted over all masks: their pairs tell nothing.
        return _tightened(
            radii, found, near if labels is not None else near[:, :most], votes, claim, beta=beta
        )

    def favourable(
        self,
        lower: Floats,
        upper: Floats,
        labels: Ints,
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        if smoothing.sizes is not None:
            whole = np.full((len(labels), len(ks)), ABSTAIN)
            for rows, alike in smoothing.by_size():
                whole[rows] = self.favourable(
                    lower[rows], upper[rows], labels[rows], ks=ks, smoothing=alike
                ).radius
            return Radii(whole)
        assert smoothing.num_features is not None
        num_kept = smoothing.noise_of(Ablation).kept
        share = np.take_along_axis(lower, labels[:, None], axis=1)
        radii = [
            largest_possible_radius(
                share[:, 0],
                np.cumsum(strongest_rivals(upper, labels, k), axis=1),
                num_features=smoothing.num_features,
                num_kept=num_kept,
                num_named=smoothing.num_named,
            )
            for k in ks
        ]
        return Radii(np.stack(radii, axis=1))


METHOD = Located()


def _radius_of(smoothing: Smoothing) -> Callable[..., Ints]:
    """The theorem for the attacker: Theorem D, or that of insertions. Deleting a feature is no
    worse than rewriting it.
    """
    if not smoothing.attacker.may(INSERT):
        return located_radius
    assert smoothing.num_features is not None
    return partial(
        located_edit_radius,
        num_features=smoothing.num_features,
        num_kept=smoothing.noise_of(Ablation).kept,
    )


def largest_radii(
    num_samples: int, *, named: bool, ks: Sequence[int], alpha: float, smoothing: Smoothing
) -> Ints:
    """Radii that no such number of votes exceeds, `(1, labels, len(ks))`; `named`: of labels named
    before the votes.
    """
    found = unanimous_votes(num_samples, k=max(ks), smoothing=smoothing)
    assert smoothing.num_features is not None
    num_kept = smoothing.noise_of(Ablation).kept
    beta = survival(smoothing.num_features, num_kept, k=max(ks)).floats
    rule = _of_named if named else _of_picked
    return rule(
        found,
        ks=ks,
        alpha=alpha,
        beta=beta,
        num_named=smoothing.num_named,
        radius=_radius_of(smoothing),
    )


def unanimous_votes(num_samples: int, *, k: int, smoothing: Smoothing) -> SurvivingVotes:
    """What r features leave at most of votes that are all for one label, for every r.

    The features of a random R meet, of any masks, 1 - beta(r) on average; so the worst R meets as
    many at least.
    """
    assert smoothing.num_features is not None
    num_kept = smoothing.noise_of(Ablation).kept
    beta = survival(smoothing.num_features, num_kept, k=k)
    none = np.zeros((1, k + 1, len(beta.numerators)), np.int64)
    least_left = none.copy()
    least_left[0, 0] = [num_samples * part // beta.denominator for part in beta.numerators]
    counts = np.zeros((1, k + 1), np.int64)
    counts[0, 0] = num_samples
    zeros = np.zeros((1, k + 1))
    return SurvivingVotes(
        trials=np.array([num_samples]),
        counts=counts,
        least_left=least_left,
        most_left=none,
        others_left=none,
        far_counts=np.zeros((1, 0), np.int64),
        variance=zeros,
        others_variance=zeros,
    )


def _tightened(
    radii: Ints,
    found: SurvivingVotes,
    near: Ints,
    votes: MaskVotes,
    claim: Callable[..., Ints],
    *,
    beta: Floats,
) -> Ints:
    """The same where pairs of features are asked as well: at the first r that single ones did not
    prove, and so on.

    Pairs of an input are counted only where they might help. They tell nothing at r = 0 and 1.
    """
    best, named = claim(tightened_by_chance(found), beta=beta), radii.shape[1]
    improvable = (best > radii) & (radii > 0)
    rows = np.flatnonzero(improvable.any(axis=(1, 2)))
    for row, pairs in zip(rows.tolist(), votes.kept_pairs(rows, near[rows]), strict=True):
        one, done = found.of(row), set[int]()
        while (
            wanted := set((radii[row] + 1)[improvable[row] & (best[row] > radii[row])].tolist())
            - done
        ):
            for r in wanted:
                one = tighten(one, pairs, votes.pair_degrees(), r, labels=named)
            done |= wanted
            # what is proven stays so, and where r = 0 or 1 is not proven pairs change nothing
            above = radii[row] > 0
            first = int(radii[row][above].min()) + 1
            again = claim(one.beyond(first), beta=beta[first:])[0] + first
            radii[row] = np.where(above, again, radii[row])
    return radii


def _of_named(
    found: SurvivingVotes,
    *,
    ks: Sequence[int],
    alpha: float,
    beta: Floats,
    num_named: int,
    radius: Callable[..., Ints],
) -> Ints:
    """Radii of the first label for each k, `(inputs, 1, len(ks))`: half of its share of alpha each
    for it and for rivals.
    """
    error = alpha / len(ks) / 2
    each = np.full(len(found.trials), error)
    share = label_share(
        found.least_left[:, 0], found.others_left[:, 0], trials=found.trials, error=each, beta=beta
    )
    radii = []
    for k in ks:
        taken = rival_shares(
            found.rivals(k), trials=found.trials, error=error, k=k, among=k, num_named=num_named
        )
        radii.append(radius(share, taken, beta=beta, num_named=num_named))
    return np.stack(radii, axis=1)[:, None]


def _of_picked(
    found: SurvivingVotes,
    *,
    ks: Sequence[int],
    alpha: float,
    beta: Floats,
    num_named: int,
    radius: Callable[..., Ints],
) -> Ints:
    """Radii of the max(ks) most voted labels for each k, `(inputs, max(ks), len(ks))`.

    A quarter of alpha is for the labels' probabilities, a quarter for what is left of them, a share
    for each k. Half is for rivals, once for all: whichever label and k it is, the likeliest rivals
    are some of the max(ks) + 1 likeliest labels. These are counted over all masks, for which masks
    R spares depends on the label.
    """
    most = max(ks)
    radii = np.full((len(found.trials), most, len(ks)), ABSTAIN)
    for rank in range(most):
        share = picked_label_share(
            found.least_left[:, rank],
            found.others_left[:, rank],
            trials=found.trials,
            error=alpha / 4 / len(ks),
            likely=lower_bound_by_mass(found.counts[:, rank], found.trials, alpha / 4 / num_named),
            beta=beta,
            num_named=num_named,
        )
        rivals = np.sort(np.delete(found.counts, rank, axis=1), axis=1)
        for column in [column for column, k in enumerate(ks) if k > rank]:
            k = ks[column]
            taken = rival_shares(
                rivals[:, -k:],
                trials=found.trials,
                error=alpha / 2,
                k=k,
                among=most + 1,
                num_named=num_named,
            )
            radii[:, rank, column] = radius(share, taken[:, None], beta=beta, num_named=num_named)
    return radii
