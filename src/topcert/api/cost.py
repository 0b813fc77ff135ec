"""What a run costs on this machine, timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import final

import numpy as np

from topcert.voting.prepared_run import Prepared


@final
@dataclass(frozen=True, kw_only=True)
class Cost:
    """What all votes of a run take here. Made by `SmoothedClassifier.cost`.

    Attributes
    ----------
    passes
        Noisy inputs that the model is asked about.
    passes_per_second
        The median of some batches.
    seconds
        What all take at that rate.
    runtime
        What computes them.
    bytes
        What votes take on disk at most, before they are packed.

    Examples
    --------
    >>> from topcert.api.cost import Cost
    >>> made = Cost(passes=10, passes_per_second=5.0, seconds=2.0, runtime="numpy", bytes=10)
    >>> made.passes / made.passes_per_second
    2.0
    """

    passes: int
    passes_per_second: float
    seconds: float
    runtime: str
    bytes: int


def time_passes(prepared: Prepared) -> Cost:
    """Ask the model about some batches, for three seconds at most where it is fast."""
    voter = prepared.voter()
    voter.votes(0, 0, prepared.batch_size)
    times: list[float] = []
    while len(times) < 3 or (sum(times) < 3.0 and len(times) < 50):
        began = time.perf_counter()
        voter.votes(0, 0, prepared.batch_size)
        times.append(time.perf_counter() - began)
    rate = prepared.batch_size / float(np.median(times))
    passes = len(prepared.dataset) * prepared.request.num_samples
    width = (
        np.min_scalar_type(prepared.classifier.num_classes - 1).itemsize
        * prepared.request.num_named
    )
    return Cost(
        passes=passes,
        passes_per_second=rate,
        seconds=passes / rate,
        runtime=prepared.classifier.runtime,
        bytes=passes * width,
    )
