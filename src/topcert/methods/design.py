"""The vote over the masks of a fixed design: counts are the truth, and the certificate leaves
nothing to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.fpa import over_partition
from topcert.methods.method import DesignMethod, DesignVotes
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.design_radius import design_radius, near_rivals, tie_adjusted
from topcert.theory.ranking import most_voted

Ints = NDArray[np.int64]


@final
class FixedDesign(DesignMethod):
    """docs/theory/theorem-e.md."""

    name: ClassVar[str] = "design"
    noise: ClassVar[str] = "ablation"
    norm: ClassVar[str] = "l0"
    ballots: ClassVar[bool] = True
    needs: ClassVar[str] = "--design, with --keep unless its name has strides; or a ledger of one"
    guarantee: ClassVar[str] = (
        "deterministic, no failure probability; about the vote over the published masks"
    )
    laws: ClassVar[tuple[str, ...]] = ("partitions", "stratified", "lattice", "random")

    def check_masks(self, num_samples: int, round_size: int) -> None:
        """Any number of masks will do, also part of a round."""

    def radii(
        self, counts: Ints, votes: DesignVotes, labels: Ints | None, *, ks: Sequence[int]
    ) -> Ints:
        most, classes = max(ks), counts.shape[1]
        named = most_voted(counts, most) if labels is None else labels[:, None]
        masks, num_named = next(votes.cast()).shape
        if num_named > 1 and masks <= votes.round_size:
            return over_partition(votes, named, picked=labels is None, ks=ks, classes=classes)
        near = max(near_rivals(classes, k) for k in ks)
        rivals = np.array(
            [
                [_rivals(row, label) for label in asked]
                for row, asked in zip(counts, named, strict=True)
            ]
        )
        wanted = np.concatenate([named, rivals[:, :, :near].reshape(len(counts), -1)], axis=1)
        degrees = votes.degrees()
        radii = np.full((*named.shape, len(ks)), ABSTAIN)
        for row, (ballots, table) in enumerate(
            zip(votes.cast(), votes.kept_counts(wanted), strict=True)
        ):
            kept_of = table[named.shape[1] :].reshape(named.shape[1], near, len(degrees))
            for rank, label in enumerate(named[row].tolist()):
                kept = np.concatenate([table[[rank]], kept_of[rank]])
                for column, k in [
                    (column, k) for column, k in enumerate(ks) if labels is not None or k > rank
                ]:
                    radii[row, rank, column] = design_radius(
                        ballots,
                        label,
                        rivals[row, rank],
                        counts=counts[row],
                        kept=kept[: 1 + near_rivals(classes, k)],
                        degrees=degrees,
                        k=k,
                        round_size=votes.round_size,
                    )
        return radii


METHOD = FixedDesign()


def _rivals(counts: Ints, label: int) -> Ints:
    """All other labels, by what their votes are worth beside the label's, the largest first,
    `(classes - 1,)`.
    """
    order = np.argsort(-tie_adjusted(counts, label), kind="stable")
    return np.asarray(order[order != label])
