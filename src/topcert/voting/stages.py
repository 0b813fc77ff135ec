"""Where votes lie in a ledger: stages of votes, batches of a stage, blocks of batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray


@final
@dataclass(frozen=True, kw_only=True)
class Stage:
    """Votes `start .. stop - 1` of some `inputs`, int64 positions, ascending.

    Its batches go input by input, its blocks are runs of whole batches. Batches, blocks and votes
    are numbered through all stages of a ledger; those before it are counted in `first_batch`,
    `first_block` and `first_vote`.
    """

    inputs: NDArray[np.int64]
    start: int
    stop: int
    batch_size: int
    batches_per_block: int
    first_batch: int = 0
    first_block: int = 0
    first_vote: int = 0

    @property
    def batches_per_input(self) -> int:
        return -(-(self.stop - self.start) // self.batch_size)

    @property
    def end_batch(self) -> int:
        return self.first_batch + len(self.inputs) * self.batches_per_input

    @property
    def end_block(self) -> int:
        return self.first_block - (self.first_batch - self.end_batch) // self.batches_per_block

    @property
    def end_vote(self) -> int:
        return self.first_vote + len(self.inputs) * (self.stop - self.start)

    def after(self, inputs: NDArray[np.int64], stop: int) -> Stage:
        """The stage that follows: votes up to `stop` of some of these inputs."""
        return Stage(
            inputs=inputs,
            start=self.stop,
            stop=stop,
            batch_size=self.batch_size,
            batches_per_block=self.batches_per_block,
            first_batch=self.end_batch,
            first_block=self.end_block,
            first_vote=self.end_vote,
        )

    def place(self, batch: int) -> tuple[int, int, int]:
        """Of a batch: its input, its first draw and the draw after its last (padding not
        counted).
        """
        row, part = divmod(batch - self.first_batch, self.batches_per_input)
        start = self.start + part * self.batch_size
        return int(self.inputs[row]), start, min(start + self.batch_size, self.stop)

    def offset(self, batch: int) -> int:
        """Where a batch, or the end of the stage, starts among all votes."""
        row, part = divmod(batch - self.first_batch, self.batches_per_input)
        return self.first_vote + row * (self.stop - self.start) + part * self.batch_size

    def batches_of(self, block: int) -> range:
        first = self.first_batch + (block - self.first_block) * self.batches_per_block
        return range(first, min(first + self.batches_per_block, self.end_batch))

    def batch_of_vote(self, vote: int) -> int:
        row, draw = divmod(vote - self.first_vote, self.stop - self.start)
        return self.first_batch + row * self.batches_per_input + draw // self.batch_size
