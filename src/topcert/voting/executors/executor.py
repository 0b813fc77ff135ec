"""What an executor is: it computes blocks of votes, and nothing else.

A vote is a function of one input and one draw of the noise. So a block may be computed by anyone,
in any order, once or again, and is the same. What is left to a run, whoever computes:

- it tries the classifier before the first vote and after the last, and replays some votes of each
  part with a voter of its own: an executor whose votes differ is stopped there;
- it stores each block as it comes, whole or not at all. A run that is stopped by Ctrl-C or kill -9
  loses the blocks under way, and the next one asks for these again;
- it knows which votes are wanted next. Under a stopping rule an executor is given the blocks of one
  stage; which inputs the next stage asks follows from their votes.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.undefined import UnansweredVotes
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter

OnVotes = Callable[[int, int], None]  # so many votes more are cast, of this input
Batch = tuple[int, int, int]  # the position of an input, the first draw, the draw after the last


@final
@dataclass(frozen=True, kw_only=True)
class BlockTask:
    """A block to compute: for each of its batches in turn the position of the input, the first draw
    of the noise and the draw after the last.

    Where the first votes of a block are known already, only the batches after them are asked for.
    """

    block: int
    batches: tuple[Batch, ...]

    @property
    def num_votes(self) -> int:
        """How many votes are asked for."""
        return sum(stop - start for _, start, stop in self.batches)


@final
@dataclass(frozen=True, kw_only=True)
class BlockVotes:
    """The votes of a task, integers `(num_votes, depth)`, batch after batch.

    `undefined` says how many of them the model had no answer for.
    """

    block: int
    votes: NDArray[np.int64]
    undefined: UnansweredVotes


class Executor(ABC):
    """Computes blocks of votes.

    A final subclass lies in a file of its own and is given to a run as an object:
    `SmoothedClassifier(..., executor=...)`.

    Examples
    --------
    Whoever computes them, and in whatever order, the votes are the same:

    >>> import numpy as np, topcert
    >>> from topcert.voting.executors.executor import Executor, compute_block
    >>> class Backwards(Executor):
    ...     def compute(self, tasks, *, voter, recipe, on_votes):
    ...         for task in reversed(tasks):
    ...             yield compute_block(voter, task, on_votes=on_votes)
    >>> x = np.random.default_rng(0).random((4, 12))
    >>> votes, again = (
    ...     topcert.SmoothedClassifier(
    ...         lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6), executor=one
    ...     ).vote(x, label_choice="predicted", num_samples=50, progress=False)
    ...     for one in (None, Backwards()))
    >>> bool((votes.counts == again.counts).all())
    True
    """

    def foresee(self, batches: Iterable[Batch]) -> None:  # noqa: B027
        """Be told, before the tasks of a stage, which batches the next one may ask for.

        Workers that have nothing left to do may compute them, and keep the votes until their blocks
        are asked for; which of them that will be follows from the votes of this stage.
        """

    @abstractmethod
    def compute(
        self,
        tasks: Sequence[BlockTask],
        *,
        voter: Voter,
        recipe: VoterRecipe,
        on_votes: OnVotes,
    ) -> Generator[BlockVotes, None, None]:
        """The votes of each task, once, in any order, as they are done.

        A generator: the run stores a block before it asks for the next, and closes the generator
        when it is stopped. It is called once for each stage of a run, and `close` after the last.

        Parameters
        ----------
        tasks
            Blocks that are missing. They can be pickled.
        voter
            Computes votes in this process, with the classifier that the run has tried. One thread
            may use it at a time.
        recipe
            Makes such a voter elsewhere: once a worker, which loads the model once. It can be
            pickled where the data and the model of the run can.
        on_votes
            Is called, in the process and thread of the run, with how many votes more are cast and
            of which input: after each batch, or at least after each block.

        Raises
        ------
        ValueError
            Where the model has no answer that counts, a device fails, or a worker finds other
            inputs or another model than the run. What is stored stays.
        """

    def expect(self, *, voter: Voter, recipe: VoterRecipe) -> None:  # noqa: B027
        """Be told that the tasks of a run will come soon: workers may load its model meanwhile.

        A run calls it while it still tries the classifier, and `close` if that fails. Arguments and
        errors are those of `compute`.
        """

    def close(self) -> None:  # noqa: B027 - an executor that starts nothing has nothing to end
        """End whatever was started (threads, processes), also where a run was stopped; again where
        nothing is left.
        """

    def in_words(self) -> str:
        """Who computes, in a few words for a person; nothing where that is the process of the
        run.
        """
        return ""


def compute_block(voter: Voter, task: BlockTask, *, on_votes: OnVotes | None = None) -> BlockVotes:
    """The votes of one task, as any worker computes them.

    Parameters
    ----------
    voter
        A voter of the run, or one that its recipe made.
    task
        What to compute.
    on_votes
        As `Executor.compute` has it, where it is called in the process and thread of the run.

    Returns
    -------
    BlockVotes

    Raises
    ------
    ValueError
        Where the model has no answer that counts, or a device fails.
    """
    (found,) = compute_blocks(voter, [task], on_votes=on_votes)
    return found


def compute_blocks(
    voter: Voter, tasks: Iterable[BlockTask], *, on_votes: OnVotes | None = None
) -> Generator[BlockVotes, None, None]:
    """The votes of tasks in turn: what `compute_block` gives of each. On a GPU the next block is
    begun while the run stores one.
    """
    first, second = itertools.tee(tasks)
    computed = voter.votes_in_turn(batch for task in first for batch in task.batches)
    for task in second:
        undefined, parts = UnansweredVotes(), []
        for (position, start, stop), (votes, unanswered) in zip(
            task.batches, computed, strict=False
        ):
            parts.append(votes)
            undefined.add(unanswered)
            if on_votes is not None:
                on_votes(stop - start, position)
        yield BlockVotes(block=task.block, votes=np.concatenate(parts), undefined=undefined)
