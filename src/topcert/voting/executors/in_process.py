"""Blocks one after another in the process of the run; the usual executor."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import final

from topcert.voting.executors.executor import (
    BlockTask,
    BlockVotes,
    Executor,
    OnVotes,
    compute_block,
)
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter


@final
class InProcess(Executor):
    """Computes each block in turn, with the voter of the run."""

    def compute(
        self,
        tasks: Sequence[BlockTask],
        *,
        voter: Voter,
        recipe: VoterRecipe,
        on_votes: OnVotes,
    ) -> Generator[BlockVotes, None, None]:
        for task in tasks:
            yield compute_block(voter, task, on_votes=on_votes)
