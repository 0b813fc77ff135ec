"""Probabilities at the edge of a radius, where a certificate errs most often."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.certified_radius import certified_radius

SPACE: Final = {"num_features": 64, "num_kept": 8}


def short_of(radius: int, k: int, others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities whose label 0 has not quite that radius; the other labels share the rest as
    `others` do.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        p = np.concatenate([[middle], (1 - middle) * others])[None]
        reached = certified_radius(p, p, [0], k=k, **SPACE)[0] >= radius
        low, high = (low, middle) if reached else (middle, high)
    return np.concatenate([[low], (1 - low) * others])
