"""An executor whose workers are started once a run, and share the blocks of each stage."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence

from topcert.voting.executors.crew import Crew, work_off
from topcert.voting.executors.executor import BlockTask, BlockVotes, Executor, OnVotes
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter


class ByCrew(Executor):
    """Starts a crew when the tasks of a run are expected, and ends it with the run."""

    def __init__(self) -> None:
        self._crew: Crew | None = None
        self._recipe: VoterRecipe | None = None
        self._words = ""

    @abstractmethod
    def start(self, recipe: VoterRecipe, voter: Voter) -> Crew:
        """Workers for a run. Raises ValueError where there can be none."""

    @property
    def num_started(self) -> int:
        """How many workers there are now."""
        return 0 if self._crew is None else self._crew.workers

    def compute(
        self, tasks: Sequence[BlockTask], *, voter: Voter, recipe: VoterRecipe, on_votes: OnVotes
    ) -> Generator[BlockVotes, None, None]:
        if not tasks:
            return
        yield from work_off(
            self._started(recipe, voter),
            tasks,
            depth=recipe.request.num_named,
            num_classes=recipe.num_classes,
            on_votes=on_votes,
        )

    def expect(self, *, voter: Voter, recipe: VoterRecipe) -> None:
        self._started(recipe, voter)

    def _started(self, recipe: VoterRecipe, voter: Voter) -> Crew:
        if self._crew is None or self._recipe is not recipe:
            self.close()
            self._crew, self._recipe = self.start(recipe, voter), recipe
        return self._crew

    def close(self) -> None:
        self.in_words()  # which outlive the workers
        if self._crew is not None:
            self._crew.close()
        self._crew = self._recipe = None

    def in_words(self) -> str:
        if self._crew is not None:
            self._words = self._crew.in_words()
        return self._words
