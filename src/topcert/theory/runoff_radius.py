"""The run-off over the masks of a design: a certificate of its winner (docs/theory/theorem-r.md).

Each mask ranks labels, all of them or the best few. The two labels that most masks rank first are
the finalists (ties: lower index first). Then each mask is for the finalist that it ranks higher, a
label that it ranks before one that it does not; a mask that ranks neither has no vote. The finalist
with more votes wins, on a tie the one of lower index.

N_j masks rank j first. In the duel of l and a, D_l and D_a masks are for each. l loses under a
change of some masks only if two rivals come before it by first places, or a rival a comes before
all labels but l and beats l. In the latter case it does not hurt the attacker that all changed
masks rank a first and not l at all: that gives a the most, and l and all others the least. So over
one partition, where r features meet any r masks, the fewest that let l lose can be counted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topcert.theory.design_radius import partition_radius, tie_adjusted

Ints = NDArray[np.int64]


def first_places(ballots: Ints, classes: int) -> Ints:
    """How many masks rank each label first, int64 `(classes,)`; `ballots` int `(masks, ranks)`,
    best first.
    """
    return np.bincount(ballots[:, 0], minlength=classes)


def pairwise_preference(ballots: Ints, label: int, rival: int) -> Ints:
    """1 where a mask ranks `label` higher than `rival`, -1 where lower, 0 where it ranks neither:
    int64 `(masks,)`.
    """
    ranks = ballots.shape[1]
    place, other = (
        np.where((hit := ballots == j).any(axis=1), hit.argmax(axis=1), ranks)
        for j in (label, rival)
    )
    return np.asarray(np.sign(other - place), np.int64)


def winner(ballots: Ints, classes: int) -> int:
    """The label that wins the run-off; there are two classes at least."""
    first, second = np.argsort(-first_places(ballots, classes), kind="stable")[:2].tolist()
    low, high = min(first, second), max(first, second)
    return int(low if pairwise_preference(ballots, low, high).sum() >= 0 else high)


def runoff_radius(ballots: Ints, label: int, *, classes: int, num_features: int) -> int:
    """The largest r such that `label` wins whatever r masks say, ABSTAIN where it does not win;
    exact.

    `ballots` int `(masks, ranks)` are those of the blocks of one partition: r features meet r
    masks. Where no attacker can make the label lose, `num_features`.
    """
    counts = first_places(ballots, classes)
    least = num_features
    if classes > 2:
        least = partition_radius(counts, label, k=2, num_features=num_features)
    for rival in np.delete(np.arange(classes), label).tolist():
        sides = pairwise_preference(ballots, label, rival)
        least = min(least, _beaten_by(ballots[:, 0], sides, counts, label, rival, most=least))
    return least


def _beaten_by(first: Ints, sides: Ints, counts: Ints, label: int, rival: int, *, most: int) -> int:
    """The largest r up to `most` at which `rival` cannot come before all labels but `label` and
    beat it; -1 for none.
    """
    others = np.delete(np.arange(len(counts)), [label, rival])
    behind = counts[others] + (others < rival)  # the rival comes before where it has so many
    of_label, of_none = ((sides == side) & (first != rival) for side in (1, 0))
    for_label, for_none = (
        np.bincount(first[which], minlength=len(counts)) for which in (of_label, of_none)
    )
    lead = int(sides.sum()) + (label < rival)
    for moved in range(most + 1):
        # From each other label so many first places must be taken, those of masks that are for
        # `label` first.
        taken = np.maximum(behind - counts[rival] - moved, 0)
        if taken.sum() > moved or (taken > counts[others]).any():
            continue
        of_two = np.minimum(taken, for_label[others])
        of_one = np.minimum(taken - of_two, for_none[others])
        left = moved - int(taken.sum())
        more = min(left, int(for_label.sum() - of_two.sum()))
        gained = 2 * (int(of_two.sum()) + more) + int(of_one.sum())
        gained += min(left - more, int(for_none.sum() - of_one.sum()))
        if gained >= lead:
            return moved - 1
    return most


def rounds_radius(
    ballots: Ints, label: int, *, classes: int, num_features: int, round_size: int
) -> int:
    """A certified radius of `label` over rounds of `round_size` masks of which no two share a
    feature.

    `ballots` int `(masks, ranks)`. ABSTAIN where the label does not win. A change of r features
    meets r masks of each round at most. l wins still where no two rivals can come before it by
    first places, and each rival a either cannot beat it or cannot come before some third label.
    """
    counts, rounds = first_places(ballots, classes), -(-len(ballots) // round_size)
    if winner(ballots, classes) != label:
        return -1

    def radius_within(gain: Ints, spare: int) -> int:
        """The largest r at which masks that gain so much, r of each round, gain less than `spare`;
        -1 for none.
        """
        padded = np.zeros(rounds * round_size, np.int64)
        padded[: len(gain)] = gain
        most = np.cumsum(-np.sort(-padded.reshape(rounds, round_size), axis=1).sum(axis=0))
        if most[-1] < spare:
            return num_features
        return int((most < spare).sum()) if spare > 0 else -1

    def before(one: int, rivals: tuple[int, ...]) -> int:
        """The largest r at which `one` comes before some of `rivals` by first places: Theorem E for
        this part.
        """
        gain = 1 + len(rivals) * (ballots[:, 0] == one) - np.isin(ballots[:, 0], rivals)
        return radius_within(
            gain,
            len(rivals) * int(counts[one]) - int(tie_adjusted(counts, one)[list(rivals)].sum()),
        )

    alone = {rival: before(label, (rival,)) for rival in range(classes) if rival != label}
    least = num_features
    for rival, other in ((a, b) for a in alone for b in alone if a < b):
        least = min(least, max(alone[rival], alone[other], before(label, (rival, other))))
    for rival in alone:
        sides = pairwise_preference(ballots, label, rival)
        safe = radius_within(1 + sides, int(sides.sum()) + (label < rival))
        thirds = [third for third in alone if third != rival] if safe < least else []
        least = min(least, max([safe, *(before(third, (rival,)) for third in thirds)]))
    return least
