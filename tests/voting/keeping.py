"""An executor that keeps the recipe of a run, for tests of what workers make of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from topcert.voting.executors.executor import (
    BlockTask,
    BlockVotes,
    Executor,
    OnVotes,
    compute_block,
)
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter


class Keeping(Executor):
    """Computes here, and keeps the recipe."""

    recipe: VoterRecipe

    def compute(
        self, tasks: Sequence[BlockTask], *, voter: Voter, recipe: VoterRecipe, on_votes: OnVotes
    ) -> Generator[BlockVotes, None, None]:
        self.recipe = recipe
        yield from (compute_block(voter, task, on_votes=on_votes) for task in tasks)
