"""Batches that are computed before a run asks for them, so that no worker waits.

Under a stopping rule a stage begins when the one before it has all its votes. While the last of
these are computed, workers that have nothing left compute batches that the next stage will ask for
if their inputs do not stop. What is not asked for is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, final

from topcert.voting.executors.executor import Batch, BlockTask, BlockVotes

NO_BLOCK: Final = -1  # of a batch of which no block is known yet


@final
class Early:
    """Batches that may be asked for, are under way, or are done before their block is asked for."""

    def __init__(self) -> None:
        self._foreseen: Iterator[Batch] = iter(())
        self._out: set[Batch] = set()
        self._done: dict[Batch, BlockVotes] = {}
        self._block: dict[Batch, int] = {}  # of batches under way that are asked for by now

    def foresee(self, batches: Iterable[Batch]) -> None:
        """Batches that may be asked for after the tasks that come now."""
        self._foreseen = iter(batches)

    def next_part(self) -> BlockTask | None:
        """A part that nobody asked for yet; it is under way from now on."""
        batch = next(self._foreseen, None)
        if batch is None:
            return None
        self._out.add(batch)
        return BlockTask(block=NO_BLOCK, batches=(batch,))

    def begin(
        self, tasks: Sequence[BlockTask]
    ) -> tuple[list[BlockTask], list[tuple[BlockTask, BlockVotes]]]:
        """What is still to be given out of the tasks of a stage, and what is done of them; what
        else was done is dropped, and batches under way are waited for.
        """
        rest: list[BlockTask] = []
        found = []
        self._block = {}
        for task in tasks:
            run: list[Batch] = []
            for batch in task.batches:
                if batch not in self._out and batch not in self._done:
                    run.append(batch)
                    continue
                if run:
                    rest.append(BlockTask(block=task.block, batches=tuple(run)))
                run = []
                if batch in self._out:
                    self._block[batch] = task.block
                else:
                    part = BlockTask(block=task.block, batches=(batch,))
                    found.append((part, self._done[batch]))
            if run:
                rest.append(BlockTask(block=task.block, batches=tuple(run)))
        self._done = {}
        return rest, found

    def end(self, part: BlockTask, votes: BlockVotes | None) -> BlockTask | None:
        """A part of `next_part` has come back, with its votes or lost: the same part with its block
        if it is asked for by now, else None.
        """
        batch = part.batches[0]
        self._out.remove(batch)
        block = self._block.pop(batch, None)
        if block is not None:
            return BlockTask(block=block, batches=part.batches)
        if votes is not None:
            self._done[batch] = votes
        return None
