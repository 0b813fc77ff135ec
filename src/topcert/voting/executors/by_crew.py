"""An executor whose workers are started once a run, and share the blocks of each stage."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterable, Sequence

import numpy as np

from topcert.voting.executors.crew import Crew, Work
from topcert.voting.executors.executor import Batch, BlockTask, BlockVotes, Executor, OnVotes
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter


class ByCrew(Executor):
    """Starts a crew when the tasks of a run are expected, and ends it with the run."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._recipe: VoterRecipe | None = None
        self._foreseen: Iterable[Batch] = ()
        self._words = ""

    @abstractmethod
    def start(self, recipe: VoterRecipe, voter: Voter) -> Crew:
        """Workers for a run. Raises ValueError where there can be none."""

    @property
    def num_started(self) -> int:
        """How many workers there are now."""
        return 0 if self._work is None else self._work.crew.workers

    def foresee(self, batches: Iterable[Batch]) -> None:
        self._foreseen = batches

    def compute(
        self, tasks: Sequence[BlockTask], *, voter: Voter, recipe: VoterRecipe, on_votes: OnVotes
    ) -> Generator[BlockVotes, None, None]:
        if not tasks:
            return
        work = self._started(recipe, voter)
        work.early.foresee(self._foreseen)
        yield from work.off(tasks, on_votes=on_votes)

    def expect(self, *, voter: Voter, recipe: VoterRecipe) -> None:
        self._started(recipe, voter)

    def _started(self, recipe: VoterRecipe, voter: Voter) -> Work:
        if self._work is None or self._recipe is not recipe:
            foreseen = self._foreseen
            self.close()
            label = np.min_scalar_type(recipe.num_classes - 1)
            self._work = Work(
                self.start(recipe, voter), votes_bytes=recipe.request.num_named * label.itemsize
            )
            self._recipe, self._foreseen = recipe, foreseen
        return self._work

    def close(self) -> None:
        self.in_words()  # which outlive the workers
        if self._work is not None:
            self._work.crew.close()
        self._work = self._recipe = None
        self._foreseen = ()

    def in_words(self) -> str:
        if self._work is not None:
            self._words = self._work.crew.in_words()
        return self._words
