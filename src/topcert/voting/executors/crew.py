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
from typing import Final, final

import numpy as np

from topcert.voting.executors.executor import BlockTask, BlockVotes, OnVotes
from topcert.voting.executors.parts import Joiner, parts_of

AHEAD: Final = 2  # parts a worker that it has or waits for
LOSSES: Final = 5  # times in a row that workers may be lost and no part is done


@final
@dataclass(frozen=True, kw_only=True)
class Done:
    """A part that came back: its votes, or None where its worker was lost."""

    part: BlockTask
    votes: BlockVotes | None


@final
class Losses:
    """Counts workers that are lost before any of them has done anything since the last one.

    `patience`: for how many seconds that may go on: until a cluster has noticed that a node is
    gone, it starts more workers there.
    """

    def __init__(self, *, patience: float = 0.0) -> None:
        self._patience, self._count, self._heard = patience, 0, time.monotonic()

    def end(self) -> None:
        """A worker lives: it has done something."""
        self._count, self._heard = 0, time.monotonic()

    def add(self, why: str) -> None:
        """A worker is lost. Raises ValueError where that is all that happens."""
        self._count += 1
        if self._count >= LOSSES and time.monotonic() - self._heard >= self._patience:
            raise ValueError(
                f"workers ended {self._count} times in a row before they had computed anything"
                f" ({why}); where memory ran out, take fewer --workers or a smaller --batch-size;"
                " what is stored stays: go on with --resume"
            )


class Crew(ABC):
    """Workers, each with a voter of its own, that take parts and give their votes."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many there are, now."""

    @abstractmethod
    def in_words(self) -> str:
        """Who they are, in a few words for a person."""

    @abstractmethod
    def give(self, part: BlockTask) -> None:
        """Hand out a part."""

    @abstractmethod
    def take(self) -> list[Done]:
        """Parts that came back since, or none; it waits a while for one.

        Raises ValueError where a worker finds other inputs or another model than the run, the model
        has no answer that counts, or workers are lost again and again (`Losses`).
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
    them. Raises ValueError as `Crew.take`.
    """
    joiner = Joiner({task.block: task for task in tasks})
    votes_bytes = depth * np.min_scalar_type(num_classes - 1).itemsize
    parts = parts_of(tasks, workers=crew.workers, votes_bytes=votes_bytes)
    again: deque[BlockTask] = deque()
    out = 0
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
            for done in crew.take():
                out -= 1
                if done.votes is None:
                    again.append(done.part)
                    continue
                on_votes(len(done.votes.votes), done.part.batches[-1][0])
                block = joiner.add(done.part, done.votes)
                if block is not None:
                    yield block
    finally:
        if out:
            crew.drop()
