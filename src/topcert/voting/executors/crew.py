"""Workers that compute parts of blocks, and may be lost while they do.

Whoever they are (processes, actors of a cluster), a run keeps them busy in the same way: it hands
out two parts a worker, takes what is done, and hands out again what a lost worker had. Only that is
lost with a worker.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, final

import numpy as np

from topcert.voting.executors.executor import BlockTask, BlockVotes, OnVotes
from topcert.voting.executors.parts import Joiner, parts_of

AHEAD: Final = 2  # parts a worker that it has or waits for
LOSSES: Final = 5  # times in a row that workers may be lost and no part is done


@final
@dataclass(frozen=True, kw_only=True)
class Done:
    """A part that came back: its votes, or None where its worker was lost, and why in `lost`."""

    part: BlockTask
    votes: BlockVotes | None
    lost: str = ""


class Crew(ABC):
    """Workers, each with a voter of its own, that take parts and give their votes.

    `patience`: for how many seconds workers may be lost again and again: until a cluster has
    noticed that a node is gone, it starts more of them there.
    """

    patience: ClassVar[float] = 0.0

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many there are, now."""

    @abstractmethod
    def give(self, part: BlockTask) -> None:
        """Hand out a part."""

    @abstractmethod
    def take(self) -> list[Done]:
        """Parts that came back since, or none; it waits a while for one.

        Raises ValueError where a worker finds other inputs or another model than the run, or the
        model has no answer that counts.
        """

    @abstractmethod
    def drop(self) -> None:
        """Forget what was handed out: nobody will take it."""

    @abstractmethod
    def close(self) -> None:
        """End all workers."""


def work_off(
    crew: Crew, tasks: Sequence[BlockTask], *, depth: int, num_classes: int, on_votes: OnVotes
) -> Generator[BlockVotes, None, None]:
    """The votes of all tasks, as their blocks are done; arguments of ballots as a manifest has
    them. Raises ValueError as `Crew.take`, and where workers are lost again and again.
    """
    joiner = Joiner({task.block: task for task in tasks})
    votes_bytes = depth * np.min_scalar_type(num_classes - 1).itemsize
    parts = parts_of(tasks, workers=crew.workers, votes_bytes=votes_bytes)
    again: deque[BlockTask] = deque()
    out = losses = 0
    last = time.monotonic()
    try:
        while True:
            while out < AHEAD * crew.workers:
                part = again.popleft() if again else next(parts, None)
                if part is None:
                    break
                crew.give(part)
                out += 1
            if not out:
                return
            back = crew.take()
            if back:
                losses = 0 if any(done.votes is not None for done in back) else losses + 1
            if not losses:
                last = time.monotonic()
            for done in back:
                out -= 1
                if done.votes is None:
                    if losses >= LOSSES and time.monotonic() - last >= crew.patience:
                        raise ValueError(
                            f"workers ended {losses} times in a row before they had computed"
                            f" anything ({done.lost}); where memory ran out, take fewer --workers"
                            " or a smaller --batch-size; what is stored stays: go on with --resume"
                        )
                    again.append(done.part)
                    continue
                on_votes(len(done.votes.votes), done.part.batches[-1][0])
                block = joiner.add(done.part, done.votes)
                if block is not None:
                    yield block
    finally:
        if out:
            crew.drop()
