"""Blocks one after another in the process of the run."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import final

from topcert.voting.executors.executor import (
    BlockTask,
    BlockVotes,
    Executor,
    OnVotes,
    compute_blocks,
)
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter


@final
class InProcess(Executor):
    """Blocks one after another in the process of the run.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6),
    ...     executor=topcert.InProcess())
    >>> x = np.random.default_rng(0).random((2, 12))
    >>> votes = smoothed.vote(x, num_samples=50, progress=False)
    >>> votes.counts.sum(axis=1)
    array([50, 50])
    """

    def compute(
        self,
        tasks: Sequence[BlockTask],
        *,
        voter: Voter,
        recipe: VoterRecipe,
        on_votes: OnVotes,
    ) -> Generator[BlockVotes, None, None]:
        yield from compute_blocks(voter, tasks, on_votes=on_votes)
