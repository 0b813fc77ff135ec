"""Fill a ledger: inputs, noise and classifier in, votes out, block by block.

Rule 4 of a true certificate: the classifier must be deterministic in the recorded batch shape. The
first batch is run twice before anything is stored, some stored batches are run again on every
resume and at the end, and one differing vote stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.voting.ledger import Ledger
from topcert.voting.voter import Voter, not_deterministic

BLOCK_CELLS: Final = 1 << 25  # what a kill can cost: 5,461 passes of a six-channel 32 x 32 image
MAX_BLOCK_VOTES: Final = 1 << 14
REPLAYED_BATCHES: Final = 4


def batches_per_block(*, batch_size: int, cells_per_input: int) -> int:
    """How many batches make a block: about `BLOCK_CELLS` values of randomized input, which is a
    second or two of work for a network that fits its input size. It depends on shapes alone, so
    that the same run gives the same files.
    """
    votes = max(1, min(BLOCK_CELLS // cells_per_input, MAX_BLOCK_VOTES))
    return max(1, votes // batch_size)


def fill(ledger: Ledger, voter: Voter, *, on_progress: Callable[[int, int, str], None]) -> None:
    """Compute what the ledger lacks; then replay some of it. Raises ValueError where a replay
    differs.
    """
    # stages of a stopping rule that are there already
    while not ledger.missing_blocks() and ledger.extend():
        pass
    missing, present = ledger.missing_blocks(), ledger.present_blocks()
    for block in present:  # damage is better known before the work than after it
        ledger.read_block(block)
    if present and missing:
        replay(
            ledger,
            voter,
            _chosen([batch for block in present for batch in ledger.batches_of(block)]),
        )
    done = sum(map(ledger.num_votes_of, present)) + sum(
        len(ledger.held(block)) for block in missing
    )
    while True:
        total = ledger.num_stored
        if ledger.stopping_test is not None:
            total += ledger.num_open  # this is not the end of it
        on_progress(done, total, "")
        for block in missing:
            batches, held = ledger.batches_of(block), ledger.held(block)
            parts: list[NDArray[np.integer]] = [held]
            for batch in batches:
                if ledger.offset(batch) - ledger.offset(batches.start) < len(held):
                    continue
                position, start, stop = ledger.place(batch)
                parts.append(voter.votes(position, start, stop, counted=True))
                done += stop - start
                on_progress(done, total, _where(ledger, position))
            ledger.write_block(block, np.concatenate(parts))
        if not ledger.extend():
            break
        missing = ledger.missing_blocks()
    if ledger.stopping_test is not None:
        on_progress(done, done, "")
    # Also where nothing was missing: the last run may have been killed, or stopped by this very
    # check, just before.
    replay(ledger, voter, _chosen(range(ledger.num_batches)))


def _where(ledger: Ledger, position: int) -> str:
    inputs = ledger.manifest.num_inputs
    if ledger.stopping_test is None:
        return f"input {position + 1} of {inputs}"
    return f"{ledger.num_open} of {inputs} inputs still open"


def _chosen(batches: Sequence[int]) -> set[int]:
    """The first of `batches`, which tells of a drift, and some at random: one in a hundred, within
    limits.
    """
    count = max(1, min(REPLAYED_BATCHES - 1, len(batches) // 100))
    return {batches[0], *np.random.default_rng().choice(batches, count).tolist()}


@final
@dataclass(frozen=True, kw_only=True)
class Replay:
    """How many stored votes were computed again, and how many came out otherwise."""

    votes: int
    flips: int


def compare(ledger: Ledger, voter: Voter, batches: Iterable[int]) -> Replay:
    """Compute the votes of `batches` again, in the voter's own batch size, and count those that
    differ in any rank.
    """
    votes = flips = 0
    for batch in sorted(batches):
        block = ledger.block_of(batch)
        base = ledger.offset(ledger.batches_of(block).start)
        position, start, stop = ledger.place(batch)
        offset = ledger.offset(batch) - base
        stored = ledger.read_block(block)[offset : offset + stop - start]
        for part in range(start, stop, voter.batch_size):
            end = min(part + voter.batch_size, stop)
            again = voter.votes(position, part, end)
            flips += int((again != stored[part - start : end - start]).any(axis=1).sum())
        votes += stop - start
    return Replay(votes=votes, flips=flips)


def replay(ledger: Ledger, voter: Voter, batches: Iterable[int]) -> Replay:
    """`compare`, and raise ValueError where one vote differs."""
    found = compare(ledger, voter, batches)
    if found.flips:
        raise ValueError(not_deterministic(found.flips, found.votes))
    return found


def flip_rate(ledger: Ledger, voter: Voter) -> Replay:
    """How many votes of the ledger's first and last batch differ in the voter's own, other batch
    size: rounding alone.
    """
    return compare(ledger, voter, {0, ledger.num_batches - 1})
