"""Lee et al. 2019: discrete noise, top-1. p_l must exceed rho_r^-1(1/2) for r changed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import Radii, Smoothing, VoteMethod
from topcert.noise.discrete import Discrete
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.confidence import one_sided, one_sided_bounds
from topcert.theory.count_bounds import CountBounds
from topcert.theory.discrete_radius import MAX_RADIUS, NUM_VALUES, lee_radius


@final
class Lee(VoteMethod):
    """Label selected on `n0` votes, Clopper-Pearson on the others; r changed values make floor(r /
    channels) features.
    """

    name: ClassVar[str] = "lee"
    noise: ClassVar[str] = "discrete"
    norm: ClassVar[str] = "l0"
    needs: ClassVar[str] = "--keep-probability"
    guarantee: ClassVar[str] = (
        "holds with probability 1 - alpha, for 8-bit values; tight for changed values given its"
        " bound"
    )
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
        label_lower = np.take_along_axis(lower, labels[:, None], axis=1)
        known = smoothing.num_features
        values = lee_radius(
            smoothing.lowered(label_lower),
            keep_probability=smoothing.noise_of(Discrete).share,
            num_values=NUM_VALUES,
            # the table's end
            max_radius=MAX_RADIUS if known is None else min(known * smoothing.channels, MAX_RADIUS),
        )
        return Radii(np.where(values == ABSTAIN, ABSTAIN, values // smoothing.channels))


METHOD = Lee()
