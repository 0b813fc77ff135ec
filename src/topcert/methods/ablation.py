"""The paper's certificate: SimuEM bounds (Eq. 8) and Theorem 1 (Eq. 6) on the votes over ablated
inputs; where an attacker inserts and deletes, Theorem I in its place.

At k = 1 this is Levine & Feizi's certificate with SimuEM bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import Radii, Smoothing, VoteMethod
from topcert.methods.rules import RULES
from topcert.noise.ablation import Ablation
from topcert.theory.attacker import MOVES
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import simultaneous, simultaneous_bounds
from topcert.theory.count_bounds import CountBounds
from topcert.theory.edit_radius import edit_radius
from topcert.theory.stay_radius import stay_radius


@final
class Jia2022(VoteMethod):
    """Jia et al. 2022."""

    name: ClassVar[str] = "ablation"
    noise: ClassVar[str] = "ablation"
    norm: ClassVar[str] = "l0"
    needs: ClassVar[str] = "--keep"
    guarantee: ClassVar[str] = "holds with probability 1 - alpha; exactly tight given its bounds"
    ballots: ClassVar[bool] = True
    rules: ClassVar[tuple[str, ...]] = RULES
    certifies_sets: ClassVar[bool] = True
    moves: ClassVar[tuple[str, ...]] = MOVES
    any_size: ClassVar[bool] = True

    def bounds(
        self,
        counts: NDArray[np.int64],
        *,
        alpha: float,
        labels: NDArray[np.int64] | None,
        num_named: int = 1,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return simultaneous_bounds(counts, alpha=alpha, labels=labels, num_named=num_named)

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
        num_kept, num_named = smoothing.noise_of(Ablation).kept, smoothing.num_named
        if smoothing.plain and smoothing.num_features is not None:
            found = certified_radius(
                lower,
                upper,
                labels,
                k=ks,
                num_features=smoothing.num_features,
                num_kept=num_kept,
                num_named=num_named,
            )
        else:
            found = edit_radius(
                lower,
                upper,
                labels,
                k=ks,
                num_features=smoothing.features,
                num_kept=num_kept,
                num_named=num_named,
                attacker=smoothing.attacker,
            )
        return Radii(found)

    def stays(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        sets: NDArray[np.int64],
        *,
        k: int,
        smoothing: Smoothing,
    ) -> NDArray[np.int64]:
        return stay_radius(
            lower,
            upper,
            sets,
            k=k,
            num_features=smoothing.features,
            num_kept=smoothing.noise_of(Ablation).kept,
            num_named=smoothing.num_named,
            attacker=smoothing.attacker,
        )


METHOD = Jia2022()
