"""Votes under a manifest: a ledger, or some of one that are in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from topcert.voting.manifest import Manifest


class Votes(Protocol):
    """Votes under a manifest: a ledger, or some of one."""

    @property
    def manifest(self) -> Manifest:
        """What they were cast under."""

    def iterate_inputs(self) -> Iterator[NDArray[np.unsignedinteger]]:
        """The votes `(votes, depth)` of each input in turn, those of its first sample first."""


@final
@dataclass(frozen=True, kw_only=True)
class SomeVotes:
    """Votes of some inputs of a ledger."""

    manifest: Manifest
    votes: Sequence[NDArray[np.unsignedinteger]]

    def iterate_inputs(self) -> Iterator[NDArray[np.unsignedinteger]]:
        yield from self.votes
