"""Located evidence from ballots: also by which masks named what
(docs/theory/evidence-of-ballots.md).

Of R, the features that break a label l, nothing is known but their number r. With s(R) and q_Y(R)
the chances that l, and the sum of those that labels of Y, are named by masks that keep nothing of
R,

    t s(R) <= q_Y(R) + min(t, w) (1 - beta(r))    for every part Y, of t labels, of some k rivals,

and s(R) <= w / (k + 1) where k >= w. So there are two more bets on each part: X counts only ballots
whose masks keep nothing of R; or it is t, too, for those that keep some of R. What is known of R is
how many ballots for l it meets at most, and how many of the others at least: these are taken to be
those that do the bet the most harm, or the least good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.ballot_evidence import BallotBets, chunks, from_outcomes
from topcert.theory.joint import Joint
from topcert.theory.surviving_votes import SurvivingVotes

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, kw_only=True)
class Placed:
    """Who is named with whom, and what any changed features leave of the ballots for the label."""

    joint: Joint
    surviving: SurvivingVotes


def located_ballot_evidence(
    apart: BallotBets, met: BallotBets, placed: Placed, *, radii: slice
) -> Floats:
    """Logarithm of the evidence for some radii, at most; float64 `(inputs, radii)`.

    `apart` and `met` are the two kinds of bets.
    """
    surviving, parts = placed.surviving, apart.parts
    apart, met = apart.only(radii), met.only(radii)
    found = np.empty((len(placed.joint.trials), apart.num_radii))
    for start, stop in chunks(apart, len(found)):
        rows = slice(start, stop)
        joint = placed.joint.of(rows)
        outcomes = [parts.outcomes(group, joint) for group in parts.groups]
        tables = [parts.tables(group, joint) for group in parts.groups]
        found[rows] = from_located(
            apart,
            met,
            outcomes,
            tables,
            own=joint.own,
            trials=joint.trials,
            held=surviving.held[rows, 0, radii],
            others=surviving.others[rows, 0, radii],
        )
    return found


def from_located(
    apart: BallotBets,
    met: BallotBets,
    outcomes: list[Floats],
    tables: list[Floats],
    *,
    own: NDArray[Any],
    trials: NDArray[Any],
    held: NDArray[Any],
    others: NDArray[Any],
) -> Floats:
    """The same from `Parts.outcomes` and `Parts.tables` of all groups.

    Of `own` ballots for the label `held` `(inputs, radii)` are left at the least, of the others
    `others` at the most.
    """
    lost = own[:, None] - held
    won = np.maximum((trials - own)[:, None] - others, 0)
    by_label, by_others = [], []
    for group, table in zip(apart.parts.groups, tables, strict=True):
        t, zero = group.size, min(group.size, apart.parts.num_named)
        gains = apart.gains[t]
        worth = [gains[zero] - gains[zero + t - a] for a in range(min(table.shape[3], t + 1))]
        # ballots with the largest X count for nobody
        by_label.append(_moved(table[:, :, 1], lost, worth))
        gains = met.gains[t]
        worth = [gains[zero + t] - gains[zero - a] for a in range(table.shape[3])]
        # the least to gain, of those that R meets
        by_others.append(_moved(table[:, :, 0], won, worth))
    first = from_outcomes(apart, outcomes, own=held, trials=trials, more=by_label)
    second = from_outcomes(met, outcomes, own=own[:, None] + won, trials=trials, more=by_others)
    return np.asarray(np.logaddexp(first, second) - np.log(2))


def _moved(there: Floats, number: NDArray[Any], worth: list[Floats]) -> Floats:
    """What is added to logarithms where `number` `(inputs, radii)` ballots of a part count
    otherwise.

    `there` `(inputs, parts, a)` are those that name a of its labels, and `worth` `(radii, shares)`
    of each a what one of them adds. They are taken in order of a. Returns `(inputs, parts, radii,
    shares)`.
    """
    left = np.broadcast_to(number[:, None, :], (*there.shape[:2], number.shape[1])).astype(
        np.float64
    )
    found = np.zeros((*left.shape, worth[0].shape[1]))
    for a, one in enumerate(worth):
        taken = np.minimum(there[:, :, a, None], left)
        left = left - taken
        found += taken[..., None] * one
    return found
