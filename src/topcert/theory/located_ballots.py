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
class JointAndSurviving:
    """Who is named with whom, and what any changed features leave of the ballots for the label."""

    joint: Joint
    surviving: SurvivingVotes


def located_ballot_evidence(
    untouched: BallotBets, touched: BallotBets, details: JointAndSurviving, *, radii: slice
) -> Floats:
    """Logarithm of the evidence for some radii, at most; float64 `(inputs, radii)`.

    `untouched` and `touched` are the two kinds of bets.
    """
    surviving, parts = details.surviving, untouched.parts
    untouched, touched = untouched.only(radii), touched.only(radii)
    found = np.empty((len(details.joint.trials), untouched.num_radii))
    for start, stop in chunks(untouched, len(found)):
        rows = slice(start, stop)
        joint = details.joint.of(rows)
        outcomes = [parts.outcomes(group, joint) for group in parts.groups]
        tables = [parts.tables(group, joint) for group in parts.groups]
        found[rows] = from_located(
            untouched,
            touched,
            outcomes,
            tables,
            own=joint.own,
            trials=joint.trials,
            least_left=surviving.least_left[rows, 0, radii],
            others_left=surviving.others_left[rows, 0, radii],
        )
    return found


def from_located(
    untouched: BallotBets,
    touched: BallotBets,
    outcomes: list[Floats],
    tables: list[Floats],
    *,
    own: NDArray[Any],
    trials: NDArray[Any],
    least_left: NDArray[Any],
    others_left: NDArray[Any],
) -> Floats:
    """The same from `Parts.outcomes` and `Parts.tables` of all groups.

    Of `own` ballots for the label `least_left` `(inputs, radii)` are left at the least, of the
    others `others_left` at the most.
    """
    lost = own[:, None] - least_left
    won = np.maximum((trials - own)[:, None] - others_left, 0)
    by_label, by_others = [], []
    for group, table in zip(untouched.parts.groups, tables, strict=True):
        t, zero = group.size, min(group.size, untouched.parts.num_named)
        gains = untouched.gains[t]
        gain_each = [gains[zero] - gains[zero + t - a] for a in range(min(table.shape[3], t + 1))]
        # ballots with the largest X count for nobody
        by_label.append(_moved(table[:, :, 1], lost, gain_each))
        gains = touched.gains[t]
        gain_each = [gains[zero + t] - gains[zero - a] for a in range(table.shape[3])]
        # the least to gain, of those that R meets
        by_others.append(_moved(table[:, :, 0], won, gain_each))
    first = from_outcomes(untouched, outcomes, own=least_left, trials=trials, more=by_label)
    second = from_outcomes(touched, outcomes, own=own[:, None] + won, trials=trials, more=by_others)
    return np.asarray(np.logaddexp(first, second) - np.log(2))


def _moved(there: Floats, number: NDArray[Any], gain_each: list[Floats]) -> Floats:
    """What is added to logarithms where `number` `(inputs, radii)` ballots of a part count
    otherwise.

    `there` `(inputs, parts, a)` are those that name a of its labels, and `gain_each` `(radii,
    shares)` of each a what one of them adds. They are taken in order of a. Returns `(inputs, parts,
    radii, shares)`.
    """
    left = np.broadcast_to(number[:, None, :], (*there.shape[:2], number.shape[1])).astype(
        np.float64
    )
    found = np.zeros((*left.shape, gain_each[0].shape[1]))
    for a, one in enumerate(gain_each):
        taken = np.minimum(there[:, :, a, None], left)
        left = left - taken
        found += taken[..., None] * one
    return found
