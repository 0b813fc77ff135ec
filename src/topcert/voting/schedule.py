"""Which votes a ledger has and where they lie: its stages in turn, as far as they are known.

Batches are numbered input by input: with n votes in batches of B, input p has batches p ceil(n/B)
and on. A block is a run of whole batches, so a block's place in the ledger follows from its number.

Under a stopping rule the votes come in stages, each laid out like this: all inputs up to the first
look of the rule, votes that select a label included, then those that do not stop there up to the
second, and so on, blocks numbered through (`topcert.voting.open_inputs`).
"""

from __future__ import annotations

from bisect import bisect
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.voting.stages import Stage


@final
class Schedule:
    """Stages of votes; batches, blocks and votes are numbered through all of them.

    Without a stopping rule there is one stage. Under a rule each begins when the one before it has
    all its votes.
    """

    def __init__(self, first: Stage) -> None:
        self.stages = [first]

    @property
    def last(self) -> Stage:
        """The last stage that is known."""
        return self.stages[-1]

    def append(self, inputs: NDArray[np.int64], stop: int) -> None:
        """Add the stage of the votes up to `stop` of some inputs of the last one."""
        self.stages.append(self.last.after(inputs, stop))

    def place(self, batch: int) -> tuple[int, int, int]:
        """Of a batch: its input, its first draw and the draw after its last (padding not
        counted).
        """
        return self._stage(batch, "end_batch").place(batch)

    def batches_of(self, block: int) -> range:
        """The batches of a block."""
        return self._stage(block, "end_block").batches_of(block)

    def block_of(self, batch: int) -> int:
        """The block that a batch is in."""
        stage = self._stage(batch, "end_batch")
        return stage.first_block + (batch - stage.first_batch) // stage.batches_per_block

    def batch_of_vote(self, vote: int) -> int:
        """The batch that a vote is in."""
        return self._stage(vote, "end_vote").batch_of_vote(vote)

    def offset(self, batch: int) -> int:
        """Where a batch starts among all votes, stage by stage and input by input."""
        return self._stage(batch, "end_batch").offset(batch)

    def num_votes_of(self, block: int) -> int:
        """How many votes a block holds."""
        batches = self.batches_of(block)
        return self.offset(batches.stop) - self.offset(batches.start)

    def _stage(self, number: int, end: str) -> Stage:
        """The stage in which a batch, a block or a vote lies; `end` is the attribute that says
        where stages end.
        """
        return self.stages[
            bisect(
                self.stages,
                number,
                hi=len(self.stages) - 1,
                key=lambda stage: getattr(stage, end),
            )
        ]
