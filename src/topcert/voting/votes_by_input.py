"""Votes as blocks have them, put together input by input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Ballots = NDArray[np.unsignedinteger]


def regrouped(blocks: Iterable[Ballots], size: int) -> Iterator[Ballots]:
    """The votes of blocks in turn, `size` of them at a time: those of one input.

    One block is in memory at a time, and what it has of an input that is not whole yet.
    """
    parts: list[Ballots] = []
    waiting = 0
    for block in blocks:
        parts.append(block)
        waiting += len(block)
        if waiting >= size:
            together = np.concatenate(parts)
            for start in range(0, waiting - size + 1, size):
                yield together[start : start + size]
            parts = [together[waiting - waiting % size :]]
            waiting %= size


def joined(
    stages: Sequence[tuple[NDArray[np.int64], Ballots]], num_inputs: int
) -> Iterator[Ballots]:
    """The votes of each input in turn, from stages: their inputs, and their votes `(inputs, votes,
    depth)`.
    """
    parts: list[list[Ballots]] = [[] for _ in range(num_inputs)]
    for inputs, votes in stages:
        for position, cast in zip(inputs.tolist(), votes, strict=True):
            parts[position].append(cast)
    yield from map(np.concatenate, parts)
