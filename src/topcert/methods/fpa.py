"""Feature Partition Aggregation (Hammoudeh & Lowd 2024): one partition of the features, one vote
for each block of it.

Its authors train one model for each block; here one network, trained on ablated inputs, votes for
all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import DesignMethod, DesignVotes
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.design_radius import partition_radius
from topcert.theory.partition import ballots_radius
from topcert.theory.ranking import most_voted

Ints = NDArray[np.int64]


@final
class Fpa(DesignMethod):
    """A changed feature moves one vote; the radius is one less than the fewest moves that lift k
    rivals over the label.

    That is its authors' rule, for blocks that name one label each. Over ballots of more the radius
    is the exact one.
    """

    name: ClassVar[str] = "fpa"
    noise: ClassVar[str] = "ablation"
    norm: ClassVar[str] = "l0"
    ballots: ClassVar[bool] = True
    needs: ClassVar[str] = (
        "--design of partitions, with --keep unless its name has strides, and --samples of one"
        " round"
    )
    guarantee: ClassVar[str] = (
        "deterministic, no failure probability; about the vote over the blocks of one partition"
    )
    laws: ClassVar[tuple[str, ...]] = ("partitions", "stratified", "lattice")

    def check_masks(self, num_samples: int, round_size: int) -> None:
        if num_samples != round_size:
            raise ValueError(
                f"fpa takes one vote for each of the {round_size} blocks of one partition, got"
                f" {num_samples} votes; use --samples {round_size}, or the method design"
            )

    def radii(
        self, counts: Ints, votes: DesignVotes, labels: Ints | None, *, ks: Sequence[int]
    ) -> Ints:
        features, (masks, num_named) = len(votes.degrees()), next(votes.cast()).shape
        self.check_masks(masks, votes.round_size)
        most, classes = max(ks), counts.shape[1]
        named = most_voted(counts, most) if labels is None else labels[:, None]
        if num_named > 1:
            return over_partition(votes, named, picked=labels is None, ks=ks, classes=classes)
        radii = np.full((*named.shape, len(ks)), ABSTAIN)
        for (row, rank), label in np.ndenumerate(named):
            for column, k in [
                (column, k) for column, k in enumerate(ks) if labels is not None or k > rank
            ]:
                radii[row, rank, column] = partition_radius(
                    counts[row], int(label), k=k, num_features=features
                )
        return radii


def over_partition(
    votes: DesignVotes, named: Ints, *, picked: bool, ks: Sequence[int], classes: int
) -> Ints:
    """Radii of the labels `named` `(inputs, labels)` over ballots of the blocks of one partition,
    as `DesignMethod.radii`.

    `picked`: they are the most voted ones, of which those of ranks beyond a k have no radius for
    it.
    """
    radii, features = np.full((*named.shape, len(ks)), ABSTAIN), len(votes.degrees())
    for row, ballots in enumerate(votes.cast()):
        for rank, label in enumerate(named[row].tolist()):
            for column, k in [(column, k) for column, k in enumerate(ks) if not picked or k > rank]:
                radii[row, rank, column] = ballots_radius(
                    ballots, label, classes=classes, k=k, num_features=features
                )
    return radii


METHOD = Fpa()
