"""Levine & Feizi 2019: ablation, top-1. The label's share of all ablated inputs must stay above one
half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import Radii, Smoothing, VoteMethod
from topcert.noise.ablation import Ablation
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import one_sided, one_sided_bounds
from topcert.theory.count_bounds import CountBounds


@final
class LevineFeizi(VoteMethod):
    """Label selected on `n0` votes, Clopper-Pearson on the others, largest r with p_l - (1 -
    beta(r)) > 1/2.
    """

    name: ClassVar[str] = "levine-feizi"
    noise: ClassVar[str] = "ablation"
    norm: ClassVar[str] = "l0"
    needs: ClassVar[str] = "--keep"
    guarantee: ClassVar[str] = "holds with probability 1 - alpha"
    only_top_1: ClassVar[bool] = True
    selects: ClassVar[bool] = True

    def bounds(
        self,
        counts: NDArray[np.int64],
        *,
        alpha: float,
        labels: NDArray[np.int64] | None,
        num_named: int = 1,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return one_sided_bounds(counts, alpha=alpha, labels=labels)

    def count_bounds(
        self, *, alpha: float, classes: int, named: bool, num_named: int = 1
    ) -> CountBounds:
        return one_sided(alpha=alpha, classes=classes, named=named)

    def theorem(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        labels: NDArray[np.int64],
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        assert smoothing.num_features is not None
        # Theorem 1 against one rival that has all the rest: its P_1 is 1 - p_l.
        label_lower = np.take_along_axis(lower, labels[:, None], axis=1)
        pair_lower = np.concatenate([label_lower, np.zeros_like(label_lower)], axis=1)
        return Radii(
            certified_radius(
                pair_lower,
                np.ones_like(pair_lower),
                np.zeros(len(labels), np.int64),
                k=ks,
                num_features=smoothing.num_features,
                num_kept=smoothing.noise_of(Ablation).kept,
            )
        )


METHOD = LevineFeizi()
