"""Fill a ledger: inputs, noise and classifier in, votes out, block by block.

Rule 4 of a true certificate: the classifier must be deterministic in the recorded batch shape. The
first batch is run twice before anything is stored, some stored batches are run again on every
resume and at the end, and one differing vote stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final

import numpy as np

from topcert.voting.executors.executor import Batch, BlockTask, BlockVotes, Executor
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.ledger import Ledger
from topcert.voting.sampling import replay
from topcert.voting.share import Share
from topcert.voting.time_budget import TimeBudget
from topcert.voting.voter import Voter

REPLAYED_BATCHES: Final = 4


def fill(
    ledger: Ledger,
    voter: Voter,
    *,
    executor: Executor,
    recipe: VoterRecipe,
    on_progress: Callable[[int, int, str], None],
    share: Share | None = None,
    budget: TimeBudget | None = None,
) -> None:
    """Have the executor compute what the ledger lacks, or its `share` of it, or what the `budget`
    allows; then replay some of it. Raises ValueError where a replay differs. The executor is not
    closed.
    """
    if budget is not None:
        budget.begin()
    # stages of a stopping rule that are there already
    while not ledger.missing_blocks() and ledger.extend():
        pass
    missing, present = ledger.missing_blocks(), ledger.present_blocks()
    for block in present:  # damage is better known before the work than after it
        ledger.read_block(block)
    if present and missing:
        batches = [batch for block in present for batch in ledger.schedule.batches_of(block)]
        replay(ledger, voter, _chosen(batches))
    done = sum(map(ledger.schedule.num_votes_of, present))
    done += sum(len(ledger.partial_votes(block)) for block in missing)
    while True:
        done = _fill_stage(
            ledger,
            voter,
            executor=executor,
            recipe=recipe,
            done=done,
            on_progress=on_progress,
            share=share,
        )
        if not ledger.extend():
            break
        if budget is not None and not budget.allows(ledger.num_stored - done, done=done):
            ledger.end()
            break
    if ledger.stopping_test is not None:
        on_progress(done, done, "")
    # Also where nothing was missing: the last run may have been killed, or stopped by this very
    # check, just before.
    there: Sequence[int] = range(ledger.num_batches)
    if share is not None:
        blocks = ledger.present_blocks()
        there = [batch for block in blocks for batch in ledger.schedule.batches_of(block)]
    if there:  # a share may be empty
        replay(ledger, voter, _chosen(there))


def _fill_stage(
    ledger: Ledger,
    voter: Voter,
    *,
    executor: Executor,
    recipe: VoterRecipe,
    done: int,
    on_progress: Callable[[int, int, str], None],
    share: Share | None,
) -> int:
    """Compute and store the missing blocks of all known stages, `done` votes being there. Returns
    how many are there then.
    """
    total = ledger.num_stored
    if share is not None:
        total = sum(map(ledger.schedule.num_votes_of, _blocks_of(ledger, share)))
    if ledger.stopping_test is not None:
        total += ledger.num_open  # this is not the end of it
    on_progress(done, total, "")

    def on_votes(votes: int, position: int) -> None:
        nonlocal done
        done += votes
        on_progress(done, total, _where(ledger, position, executor.in_words()))

    missing = [block for block in ledger.missing_blocks() if share is None or block in share]
    waiting = {block: _task(ledger, block) for block in missing}
    executor.foresee(_foreseen(ledger))
    computed = executor.compute(
        list(waiting.values()), voter=voter, recipe=recipe, on_votes=on_votes
    )
    with closing(computed):
        for found in computed:
            _check(executor, waiting.pop(found.block, None), found, ledger.manifest.depth)
            voter.classifier.undefined.add(found.undefined)
            known = ledger.partial_votes(found.block)
            ledger.write_block(found.block, np.concatenate([known, found.votes]))
    if waiting:
        raise ValueError(
            f"the executor {type(executor).__name__} ended and left {len(waiting)} blocks of votes"
            " out; what is stored stays: go on with --resume and another executor"
        )
    return done


def _foreseen(ledger: Ledger) -> Iterator[Batch]:
    """The batches of the stage after the last, if no input stopped."""
    stages = ledger.schedule.stages
    looks = () if ledger.stopping_test is None else ledger.stopping_test.looks
    if len(stages) < len(looks):
        stop = ledger.manifest.num_selection + looks[len(stages)]
        after = stages[-1].after(stages[-1].inputs, stop)
        yield from map(after.place, range(after.first_batch, after.end_batch))


def _blocks_of(ledger: Ledger, share: Share) -> list[int]:
    """The blocks of a share, and what is there of others."""
    there = set(ledger.present_blocks())
    return [block for block in range(ledger.num_blocks) if block in share or block in there]


def _task(ledger: Ledger, block: int) -> BlockTask:
    """What is missing of a block."""
    schedule, known = ledger.schedule, len(ledger.partial_votes(block))
    batches = schedule.batches_of(block)
    first = schedule.offset(batches.start) + known
    return BlockTask(
        block=block,
        batches=tuple(
            schedule.place(batch) for batch in batches if schedule.offset(batch) >= first
        ),
    )


def _check(executor: Executor, task: BlockTask | None, found: BlockVotes, depth: int) -> None:
    """Raise ValueError where what an executor gave is not what it was asked for."""
    name = f"the executor {type(executor).__name__}"
    if task is None:
        raise ValueError(
            f"{name} gave block {found.block}, which was not asked for, or gave it twice"
        )
    if found.votes.shape != (task.num_votes, depth):
        raise ValueError(
            f"{name} gave votes of shape {found.votes.shape} for block {found.block}, which has"
            f" {(task.num_votes, depth)}"
        )


def _where(ledger: Ledger, position: int, who: str) -> str:
    inputs, by = ledger.manifest.num_inputs, f", {who}" if who else ""
    if ledger.stopping_test is None:
        return f"input {position + 1} of {inputs}{by}"
    return f"{ledger.num_open} of {inputs} inputs still open{by}"


def _chosen(batches: Sequence[int]) -> set[int]:
    """The first of `batches`, which tells of a drift, and some at random: one in a hundred, within
    limits.
    """
    count = max(1, min(REPLAYED_BATCHES - 1, len(batches) // 100))
    others = list(batches[1:])
    chosen = np.random.default_rng().choice(others, min(count, len(others)), replace=False)
    return {batches[0], *chosen.tolist()}
