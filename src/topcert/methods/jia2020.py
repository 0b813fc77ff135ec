"""Jia et al. 2020: Gaussian noise, top-k, SimuEM bounds; R turned into changed features of inputs
in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import Radii, Smoothing, VoteMethod
from topcert.noise.gaussian import Gaussian
from topcert.theory.confidence import simultaneous, simultaneous_bounds
from topcert.theory.count_bounds import CountBounds
from topcert.theory.counting import MAX_FEATURES
from topcert.theory.gaussian_radius import changed_units, l2_radius


@final
class Jia2020(VoteMethod):
    """The largest root over t of Phi(Phi^-1(p_l) - R/sigma) = Phi(Phi^-1(P_t) + R/sigma) / t."""

    name: ClassVar[str] = "jia-2020"
    noise: ClassVar[str] = "gaussian"
    norm: ClassVar[str] = "l2"
    needs: ClassVar[str] = "--sigma"
    guarantee: ClassVar[str] = (
        "holds with probability 1 - alpha, for changes within [0, 1]; noise exact on a grid"
    )

    def bounds(
        self,
        counts: NDArray[np.int64],
        *,
        alpha: float,
        labels: NDArray[np.int64] | None,
        num_named: int = 1,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return simultaneous_bounds(counts, alpha=alpha, labels=labels)

    def count_bounds(
        self, *, alpha: float, classes: int, named: bool, num_named: int = 1
    ) -> CountBounds:
        return simultaneous(alpha=alpha, classes=classes, named=named)

    def theorem(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        labels: NDArray[np.int64],
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        sigma = smoothing.noise_of(Gaussian).sigma
        l2 = l2_radius(smoothing.lowered(lower), smoothing.raised(upper), labels, k=ks, sigma=sigma)
        return Radii(
            changed_units(
                l2, channels=smoothing.channels, num_units=smoothing.num_features or MAX_FEATURES
            ),
            l2,
        )


METHOD = Jia2020()
