"""What a run costs on this machine, timed."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import final

import numpy as np

from topcert.api.python_words import python_words
from topcert.theory.scalars import whole_number
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
    blocks
        Files that they are in, each whole or absent.

    Examples
    --------
    >>> from topcert.api.cost import Cost
    >>> made = Cost(passes=36_000, passes_per_second=5.0, seconds=7200.0, runtime="numpy",
    ...     bytes=36_000, blocks=30)
    >>> made.passes / made.passes_per_second
    7200.0
    >>> made.shared(4, price=2.5)
    Shared(workers=4, seconds=1800.0, worker_hours=2.0, money=5.0)
    """

    passes: int
    passes_per_second: float
    seconds: float
    runtime: str
    bytes: int
    blocks: int

    def shared(self, workers: int, *, price: float | None = None) -> Shared:
        """What it takes of several workers, each as fast as this process.

        Parameters
        ----------
        workers
            How many.
        price
            Of an hour of one of them, in any money.

        Returns
        -------
        Shared

        Raises
        ------
        ValueError
            Where `workers` is no whole number of at least 1, or `price` is negative.
        """
        with python_words():
            workers = whole_number(workers, "workers")
            if workers < 1:
                raise ValueError(f"--workers must be at least 1, got {workers}")
            if price is not None and not 0 <= price < math.inf:
                raise ValueError(f"--price must be a number of at least 0, got {price}")
        hours = self.seconds / 3600
        return Shared(
            workers=workers,
            seconds=self.seconds / min(workers, self.blocks),
            worker_hours=hours,
            money=None if price is None else hours * price,
        )


@final
@dataclass(frozen=True, kw_only=True)
class Shared:
    """What a run takes of several workers, without what starting them costs.

    `seconds` is how long all of it takes: more workers than blocks gain nothing. `money` is None
    where no price was named.
    """

    workers: int
    seconds: float
    worker_hours: float
    money: float | None


def time_passes(prepared: Prepared) -> Cost:
    """Ask the model about some batches, for three seconds at most where it is fast."""
    voter = prepared.voter()
    turns = voter.votes_in_turn(itertools.repeat((0, 0, prepared.batch_size)))
    next(turns)
    times: list[float] = []
    while len(times) < 3 or (sum(times) < 3.0 and len(times) < 50):
        began = time.perf_counter()
        next(turns)
        times.append(time.perf_counter() - began)
    rate = prepared.batch_size / float(np.median(times))
    request = prepared.request
    passes = len(prepared.dataset) * (request.num_selection + request.num_samples)
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
        blocks=_blocks(prepared),
    )


def _blocks(prepared: Prepared) -> int:
    manifest = prepared.manifest("")
    batches = manifest.num_inputs * -(-manifest.num_votes // manifest.batch_size)
    return -(-batches // manifest.batches_per_block)
