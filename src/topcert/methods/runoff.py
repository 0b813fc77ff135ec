"""The run-off over the masks of a design: first places choose two labels, and a duel decides
between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import DesignMethod, DesignVotes
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.runoff_radius import rounds_radius, runoff_radius, winner

Ints = NDArray[np.int64]


@final
class RunOff(DesignMethod):
    """After Rezaei et al. 2023, who ask for the two labels that most models rank first;
    docs/theory/theorem-r.md.
    """

    name: ClassVar[str] = "run-off"
    noise: ClassVar[str] = "ablation"
    norm: ClassVar[str] = "l0"
    only_top_1: ClassVar[bool] = True
    ballots: ClassVar[bool] = True
    needs: ClassVar[str] = (
        "--design as for fpa, and --ballot (the more labels, the fewer masks sit out)"
    )
    guarantee: ClassVar[str] = (
        "deterministic, no failure probability; about the run-off over the published masks"
    )
    laws: ClassVar[tuple[str, ...]] = ("partitions", "stratified", "lattice")
    picks: ClassVar[str] = "that wins the run-off"
    promise: ClassVar[str] = "stays the winner of the run-off (first places, then a duel of two)"

    def check_masks(self, num_samples: int, round_size: int) -> None:
        """Any number of masks will do, also part of a round."""

    def shown(self, counts: Ints, k: int, *, votes: DesignVotes | None) -> Ints:
        assert votes is not None
        assert k == 1
        return np.array([[winner(ballots, counts.shape[1])] for ballots in votes.cast()], np.int64)

    def radii(
        self, counts: Ints, votes: DesignVotes, labels: Ints | None, *, ks: Sequence[int]
    ) -> Ints:
        classes, features, size = counts.shape[1], len(votes.degrees()), votes.round_size
        radii = np.full((len(counts), 1, len(ks)), ABSTAIN)
        for row, ballots in enumerate(votes.cast()):
            label = winner(ballots, classes) if labels is None else int(labels[row])
            if len(ballots) <= size:
                radius = runoff_radius(ballots, label, classes=classes, num_features=features)
            else:
                radius = rounds_radius(
                    ballots, label, classes=classes, num_features=features, round_size=size
                )
            radii[row] = radius
        return radii


METHOD = RunOff()
