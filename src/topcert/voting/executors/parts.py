"""Blocks cut into parts that several workers share, and put together again.

A part is some batches of one block. Parts are large while much is left to do and small near the
end, so that no worker is left waiting for another: neither at the end of a run nor at the end of a
stage of a stopping rule, where the next stage needs all votes of this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np

from topcert.classifiers.undefined import UnansweredVotes
from topcert.voting.executors.executor import Batch, BlockTask, BlockVotes

ANSWER_BYTES: Final = 1 << 15  # of the votes of a part, as they travel
SHARES: Final = 3  # parts a worker that would be left at any time


def parts_of(tasks: Sequence[BlockTask], *, workers: int, votes_bytes: int) -> Iterator[BlockTask]:
    """The parts of all tasks, in turn; `votes_bytes` is what the ballot of a vote takes.

    Each holds whole batches: one at least, a block at most, `ANSWER_BYTES` of votes at most, and no
    more than its share of what is left.
    """
    left = sum(task.num_votes for task in tasks)
    for task in tasks:
        batches: list[Batch] = []
        size = 0
        for batch in task.batches:
            votes = batch[2] - batch[1]
            most = min(ANSWER_BYTES // votes_bytes, left / (SHARES * workers))
            if batches and size + votes > most:
                yield BlockTask(block=task.block, batches=tuple(batches))
                left, batches, size = left - size, [], 0
            batches.append(batch)
            size += votes
        yield BlockTask(block=task.block, batches=tuple(batches))
        left -= size


@final
@dataclass
class Joiner:
    """Puts the votes of parts together, block by block."""

    tasks: dict[int, BlockTask]
    _found: dict[int, dict[Batch, BlockVotes]] = field(default_factory=dict)

    def add(self, part: BlockTask, votes: BlockVotes) -> BlockVotes | None:
        """Take the votes of a part; the votes of its block where it was the last one."""
        task, found = self.tasks[part.block], self._found.setdefault(part.block, {})
        found[part.batches[0]] = votes
        if sum(len(one.votes) for one in found.values()) < task.num_votes:
            return None
        undefined = UnansweredVotes()
        ordered = [found[batch] for batch in task.batches if batch in found]
        for one in ordered:
            undefined.add(one.undefined)
        del self._found[part.block]
        return BlockVotes(
            block=part.block,
            votes=np.concatenate([one.votes for one in ordered]),
            undefined=undefined,
        )
