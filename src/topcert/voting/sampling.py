"""How many votes make a block, and stored votes computed again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from topcert.voting.ledger import Ledger
from topcert.voting.voter import Voter, not_deterministic

BLOCK_CELLS: Final = 1 << 25  # what a kill can cost: 5,461 passes of a six-channel 32 x 32 image
MAX_BLOCK_VOTES: Final = 1 << 14
MANY_BLOCKS: Final = 30_000  # files that a folder takes well


def batches_per_block(
    *, batch_size: int, cells_per_input: int, total_votes: int, factor: int = 1
) -> int:
    """How many batches make a block: about `BLOCK_CELLS` values of randomized input, which is a
    second or two of work for a network that fits its input size; more where these would be more
    than `MANY_BLOCKS` files, and `factor` times as many on a GPU. It depends on the run alone, so
    that the same run gives the same files.
    """
    votes = max(factor * BLOCK_CELLS // cells_per_input, -(-total_votes // MANY_BLOCKS))
    return max(1, min(votes, factor * MAX_BLOCK_VOTES) // batch_size)


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
        block = ledger.schedule.block_of(batch)
        base = ledger.schedule.offset(ledger.schedule.batches_of(block).start)
        position, start, stop = ledger.schedule.place(batch)
        offset = ledger.schedule.offset(batch) - base
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
