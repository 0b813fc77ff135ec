"""Evidence from ballots of w labels that a label has a radius (docs/theory/evidence-of-ballots.md).

By Theorem 1 for ballots (docs, (9)), of a label l that is broken at r, of its k likeliest rivals A
and of every part Y of A, of t labels, with v = 1 - beta(r) and m = max(0, w - c + t),

    E[X] <= h,   X = t [l named] - #(labels of Y named),   h = (t + min(t, w) - m) v,

and, where k >= w, Pr(l named) <= w / (k + 1) + v. X is at least -min(t, w), so a bet that risks the
share f multiplies the capital by 1 + f (X - h) / (min(t, w) + h) >= 1 - f, and one on the label
alone by 1 + f ([l named] / h - 1) with the h on the right. While l is broken neither is expected to
gain. The evidence is the mean over shares and parts, at the set of k rivals where it is least:
which set is the likeliest is not known, and the k rivals named most need not be the one of least
evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.counting import survival
from topcert.theory.evidence import LARGEST_SHARE, MAX_VOTES, PRIOR_POWER, SMALLEST_SHARE, STEP
from topcert.theory.joint import Joint, Parts

Floats = NDArray[np.float64]

Kind = Literal["all", "untouched", "touched"]

_CELLS: Final = 1 << 23  # numbers at a time: inputs, parts, radii and shares
_ENOUGH: Final = 600.0  # a logarithm of evidence that proves anything; more would overflow


@final
@dataclass(frozen=True, kw_only=True)
class BallotBets:
    """What ballots multiply the capital by, as logarithms: for radii r = 0 .. the last provable.

    For each of the sizes t of `parts`: `gains[t]` `(X, radii, shares)`, X = -min(t, w) .. t, and
    `begun[t]` `(shares,)`, the logarithm of what is bet at first on one part with a share. `alone`
    `(2, radii, shares)` is for ballots without and with the label, and `begun_alone`; None where
    there is no such bet. All that is bet sums to 1.
    """

    parts: Parts
    gains: dict[int, Floats]
    begun: dict[int, Floats]
    alone: Floats | None
    begun_alone: Floats | None

    @property
    def num_radii(self) -> int:
        return int(next(iter(self.gains.values())).shape[1])

    def only(self, radii: slice) -> BallotBets:
        """The same bets on some radii."""
        return BallotBets(
            parts=self.parts,
            gains={t: gains[:, radii] for t, gains in self.gains.items()},
            begun=self.begun,
            alone=None if self.alone is None else self.alone[:, radii],
            begun_alone=self.begun_alone,
        )


def make_ballot_bets(
    *,
    k: int,
    num_named: int,
    num_classes: int,
    num_features: int,
    num_kept: int,
    max_votes: int,
    kind: Kind = "all",
) -> BallotBets:
    """The bets on a top k from up to `max_votes` ballots of `num_named` labels.

    `kind` "all" is for all ballots alike. Where those whose masks keep some changed feature are
    set apart, "untouched" is for bets in which these count for nobody, "touched" where they count
    for the label.

    Raises ValueError for votes outside 1 .. `MAX_VOTES`, and k or `num_named` outside 1 .. classes
    - 1.
    """
    if not 1 <= max_votes <= MAX_VOTES:
        raise ValueError(
            f"votes that are looked at as they come go up to {MAX_VOTES:,} an input, got"
            f" {max_votes}"
        )
    parts = Parts(k=k, num_named=num_named, num_classes=num_classes)
    w, sizes = num_named, parts.sizes
    # beta errs downward; the last bit of 1 - beta is for the slack of `passes`
    touched = 1.0 - survival(num_features, num_kept, k=k).floats
    forced = {t: parts.forced(t) if kind == "all" else 0 for t in sizes}
    bars = {t: (t + min(t, w) - forced[t]) * touched for t in sizes}
    alone = w / (k + 1) + touched if k >= w else None
    hopes = [t - forced[t] > bars[t] for t in sizes]
    reach = int(np.any([*hopes, *([] if alone is None else [alone < 1])], axis=0).sum())
    if kind == "untouched":
        bars = {t: min(t, w) * touched for t in sizes}
        alone = None if alone is None else np.full(len(touched), w / (k + 1))
    smallest_share = min(LARGEST_SHARE, SMALLEST_SHARE / math.sqrt(max_votes))
    steps = math.ceil(math.log(LARGEST_SHARE / smallest_share) / math.log(STEP))
    share = LARGEST_SHARE * STEP ** -np.arange(steps + 1.0)
    weight = np.log(
        share**-PRIOR_POWER / (share**-PRIOR_POWER).sum() / (len(sizes) + (alone is not None))
    )
    gains, begun = {}, {}
    for t in sizes:
        least = min(t, w)
        bar = bars[t][:reach, None]
        x = np.arange(-least, t + 1.0)[:, None, None]
        gains[t] = np.log1p(share * (x - bar) / (least + bar))
        gains[t][0] = np.log1p(-share)
        begun[t] = weight - math.log(math.comb(k, t))
    bet = None
    if alone is not None:
        bar = alone[:reach, None]
        bet = np.stack(
            [
                np.broadcast_to(np.log1p(-share), (reach, len(share))),
                np.log1p(share * (1 / bar - 1)),
            ]
        )
    return BallotBets(
        parts=parts,
        gains=gains,
        begun=begun,
        alone=bet,
        begun_alone=None if alone is None else weight,
    )


def ballot_evidence(bets: BallotBets, joint: Joint) -> Floats:
    """Logarithm of the evidence for each radius r = 0, 1, ..., at most; float64 `(inputs,
    radii)`.
    """
    found = np.empty((len(joint.trials), bets.num_radii))
    for start, stop in chunks(bets, len(found)):
        found[start:stop] = _evidence(bets, joint.of(slice(start, stop)))
    return found


def chunks(bets: BallotBets, inputs: int) -> Iterator[tuple[int, int]]:
    """As many inputs at a time as fit in memory: the first, and the one after the last."""
    cells = bets.parts.sets.shape[1] * next(iter(bets.gains.values()))[0].size
    step = max(1, _CELLS // cells)
    for start in range(0, inputs, step):
        yield start, min(start + step, inputs)


def _evidence(bets: BallotBets, joint: Joint) -> Floats:
    outcomes = [bets.parts.outcomes(group, joint) for group in bets.parts.groups]
    return from_outcomes(bets, outcomes, own=joint.own, trials=joint.trials)


def from_outcomes(
    bets: BallotBets,
    outcomes: list[Floats],
    *,
    own: NDArray[Any],
    trials: NDArray[Any],
    more: list[Floats] | None = None,
) -> Floats:
    """The same from `Parts.outcomes` of all groups and the ballots that name the label.

    `own` is `(inputs,)`, or `(inputs, radii)` where it differs from radius to radius. `more` is
    added to the logarithms of each group, `(inputs, parts, radii, shares)`.
    """
    capital = [
        _capital(
            found,
            bets.gains[group.size],
            bets.begun[group.size],
            None if more is None else more[place],
        )
        for place, (group, found) in enumerate(zip(bets.parts.groups, outcomes, strict=True))
    ]
    together = np.concatenate(capital, axis=1)  # inputs, parts, radii
    total = np.tensordot(bets.parts.sets, together, axes=(1, 1)).min(axis=0)
    if bets.alone is not None and bets.begun_alone is not None:
        won = own[:, None, None] if own.ndim == 1 else own[:, :, None]
        shaped = (
            won * bets.alone[1] + (trials[:, None, None] - won) * bets.alone[0] + bets.begun_alone
        )
        total = total + np.exp(np.minimum(shaped, _ENOUGH)).sum(axis=2)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(total))


def _capital(counted: Floats, gains: Floats, begun: Floats, more: Floats | None) -> Floats:
    """The capital `(inputs, parts, radii)` from how often each outcome came `(inputs, parts,
    X)`.
    """
    flat = counted.reshape(-1, counted.shape[2]) @ gains.reshape(len(gains), -1)
    shaped = flat.reshape(*counted.shape[:2], *gains.shape[1:])
    shaped += begun
    if more is not None:
        shaped += more
    np.minimum(shaped, _ENOUGH, out=shaped)
    return np.asarray(np.exp(shaped, out=shaped).sum(axis=3))
