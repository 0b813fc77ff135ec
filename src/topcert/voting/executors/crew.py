"""Workers that compute parts of blocks, and may be lost while they do.

Whoever they are (processes, actors of a cluster), a run keeps them busy in the same way: it hands
out two parts a worker, takes what is done, and hands out again what a lost worker had. Only that is
lost with a worker.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from topcert.voting.executors.early import NO_BLOCK, Early
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


@final
class Work:
    """What a crew has to do: the tasks of a stage, and while nothing is left of them what the next
    stage may ask for.
    """

    def __init__(self, crew: Crew, *, votes_bytes: int) -> None:
        self.crew, self.early = crew, Early()
        self._votes_bytes = votes_bytes  # of a ballot, as it travels
        self._out = 0  # parts that the crew has

    def off(
        self, tasks: Sequence[BlockTask], *, on_votes: OnVotes
    ) -> Generator[BlockVotes, None, None]:
        """The votes of all tasks, as their blocks are done. Raises ValueError as `Crew.take`."""
        joiner = Joiner({task.block: task for task in tasks})
        rest, found = self.early.begin(tasks)
        parts = parts_of(rest, workers=self.crew.workers, votes_bytes=self._votes_bytes)
        again: deque[BlockTask] = deque()
        left, complete = len(tasks), False
        try:
            while left:
                for part, votes in found:
                    on_votes(len(votes.votes), part.batches[-1][0])
                    block = joiner.add(part, votes)
                    if block is not None:
                        left -= 1
                        yield block
                found = []
                if left:
                    self._hand_out(parts, again)
                    found = self._take(again)
            complete = True
        finally:
            if not complete:
                self.crew.drop()
                self.early, self._out = Early(), 0

    def _hand_out(self, parts: Iterator[BlockTask], again: deque[BlockTask]) -> None:
        while self._out < AHEAD * self.crew.workers:
            part = again.popleft() if again else next(parts, None) or self.early.next_part()
            if part is None:
                break
            self.crew.give(part)
            self._out += 1

    def _take(self, again: deque[BlockTask]) -> list[tuple[BlockTask, BlockVotes]]:
        """What came back of the tasks; what was lost of them is for `again`."""
        found = []
        for done in self.crew.take():
            self._out -= 1
            part: BlockTask | None = done.part
            if done.part.block == NO_BLOCK:
                part = self.early.end(done.part, done.votes)
            if part is not None and done.votes is None:
                again.append(part)
            elif part is not None and done.votes is not None:
                found.append((part, done.votes))
        return found
