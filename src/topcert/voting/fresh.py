"""Votes that are counted and forgotten: for an auditor's fresh sample, and for arrays in Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from topcert.voting.sampling import Voter


def count_votes(
    voter: Voter,
    *,
    num_inputs: int,
    num_samples: int,
    num_classes: int,
    on_progress: Callable[[int, int, str], None],
) -> NDArray[np.int64]:
    """Votes of each class over masks 0 .. num_samples - 1, int64 `(num_inputs, num_classes)`."""
    counts = np.zeros((num_inputs, num_classes), np.int64)
    for position in range(num_inputs):
        for start in range(0, num_samples, voter.batch_size):
            stop = min(start + voter.batch_size, num_samples)
            counts[position] += np.bincount(voter.votes(position, start, stop), minlength=num_classes)
            on_progress(position * num_samples + stop, num_inputs * num_samples, "")
    return counts
