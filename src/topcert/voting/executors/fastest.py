"""In the process of the run, or in one process a core: whichever is faster, by a trial.

The trial is part of the work. The first blocks are computed in this process and timed; where much
is left to do, processes are started and timed over their first parts; whoever is faster goes on.
The votes are the same whoever casts them, so nothing of the choice is part of the record.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import Final, final

from topcert.voting.executors.executor import (
    Batch,
    BlockTask,
    BlockVotes,
    Executor,
    OnVotes,
    compute_block,
    compute_blocks,
)
from topcert.voting.executors.processes import Processes, cpu_count
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter

TIMED: Final = 3.0  # seconds of each side of the trial
WORTH: Final = 60.0  # seconds of work left that are worth starting processes
GAIN: Final = 1.03  # how much faster processes must be


@final
class Fastest(Executor):
    """This process, or several of one thread each where these are faster: the usual executor.

    Processes are tried where a minute of work or more is left, the model runs on a CPU with several
    cores, and both model and data can be given to another process.

    Parameters
    ----------
    workers
        How many processes are tried; None for one a core, 8 at most.
    """

    def __init__(self, *, workers: int | None = None) -> None:
        self._processes = Processes(workers=workers)
        self._seconds = self._votes = 0.0  # of what this process computed
        self._chosen: str | None = None  # "" for this process

    def __repr__(self) -> str:
        return f"Fastest(workers={self._processes.workers})"

    def compute(
        self, tasks: Sequence[BlockTask], *, voter: Voter, recipe: VoterRecipe, on_votes: OnVotes
    ) -> Generator[BlockVotes, None, None]:
        if "cpu" not in voter.classifier.runtime:
            yield from compute_blocks(voter, tasks, on_votes=on_votes)
            return
        waiting = {task.block: task for task in tasks}
        while waiting:
            timed = self._votes > 0 and self._seconds >= TIMED
            tries = self._chosen is None and timed and self._left(waiting) >= WORTH
            if tries and not _can_share():
                self._chosen = ""
            elif tries or self._chosen:
                with closing(
                    self._processes.compute(
                        list(waiting.values()),
                        voter=voter,
                        recipe=recipe,
                        on_votes=lambda *_: None,
                    )
                ) as computed:
                    for found in self._while_faster(computed):
                        task = waiting.pop(found.block)
                        on_votes(task.num_votes, task.batches[-1][0])
                        yield found
            else:
                began, task = time.perf_counter(), next(iter(waiting.values()))
                found = compute_block(voter, task, on_votes=on_votes)
                self._seconds += time.perf_counter() - began
                self._votes += task.num_votes
                del waiting[found.block]
                yield found

    def foresee(self, batches: Iterable[Batch]) -> None:
        self._processes.foresee(batches)

    def _left(self, waiting: dict[int, BlockTask]) -> float:
        """Seconds of work in this process."""
        return sum(task.num_votes for task in waiting.values()) * self._seconds / self._votes

    def _while_faster(
        self, computed: Generator[BlockVotes, None, None]
    ) -> Generator[BlockVotes, None, None]:
        """What processes compute, until it is known that they are not faster, or they fail: then
        the process of the run goes on, and finds out for itself what is wrong. The first block of
        each process is not timed, as it loads the model then.
        """
        began, votes, seen = 0.0, 0, 0
        try:
            for found in computed:
                seen += 1
                now = time.perf_counter()
                if began:
                    votes += len(found.votes)
                elif seen >= self._processes.num_started:
                    began = now
                if self._chosen is None and votes and now - began > TIMED:
                    gain = votes / (now - began) * self._seconds / self._votes
                    self._chosen = f"{gain:.2f} times as fast as one" if gain >= GAIN else ""
                yield found
                if self._chosen == "":
                    break
        except ValueError:  # they cannot be started, or end again and again
            self._chosen = ""
        if self._chosen == "":
            self._processes.close()

    def close(self) -> None:
        self._processes.close()

    def in_words(self) -> str:
        who = "" if self._chosen == "" else self._processes.in_words()
        return f"{who}, {self._chosen}" if who and self._chosen else who


def _can_share() -> bool:
    """Whether processes could be faster at all."""
    return not (cpu_count() == 1 or multiprocessing.current_process().daemon)
