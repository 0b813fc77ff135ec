"""Batches of the next stage are computed while the last of this one are, and once."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topcert.classifiers.undefined import UnansweredVotes
from topcert.voting.executors.crew import AHEAD, Crew, Done, Work
from topcert.voting.executors.executor import Batch, BlockTask, BlockVotes


class Made(Crew):
    """Workers whose votes say which draw they are of; each takes as long as any other, and some
    parts are lost.
    """

    def __init__(self, workers: int, lost: set[int] | None = None) -> None:
        self._workers, self._lost = workers, lost or set()
        self.parts: deque[BlockTask] = deque()
        self.cast: Counter[Batch] = Counter()
        self.taken = self.idle = self.drops = 0

    @property
    def workers(self) -> int:
        return self._workers

    def in_words(self) -> str:
        return ""

    def give(self, part: BlockTask) -> None:
        self.parts.append(part)

    def take(self) -> list[Done]:
        self.idle += max(0, self._workers - len(self.parts))
        found = []
        for _ in range(min(self._workers, len(self.parts))):
            part = self.parts.popleft()
            self.taken += 1
            if self.taken in self._lost:
                found.append(Done(part=part, votes=None))
                continue
            self.cast.update(part.batches)
            votes = np.concatenate([np.arange(start, stop) for _, start, stop in part.batches])
            undefined = UnansweredVotes(asked=len(votes))
            found.append(
                Done(
                    part=part,
                    votes=BlockVotes(block=part.block, votes=votes[:, None], undefined=undefined),
                )
            )
        return found

    def drop(self) -> None:
        self.drops += 1
        self.parts.clear()

    def close(self) -> None:
        self.drop()


def stage(inputs: list[int], start: int, first_block: int, *, size: int) -> list[BlockTask]:
    """Two batches of ten draws for each input, in blocks of `size` batches."""
    batches = [
        (position, at, at + 10) for position in inputs for at in range(start, start + 20, 10)
    ]
    return [
        BlockTask(block=first_block + number, batches=tuple(batches[at : at + size]))
        for number, at in enumerate(range(0, len(batches), size))
    ]


@given(
    workers=st.integers(1, 9),
    size=st.integers(1, 5),
    inputs=st.integers(1, 6),
    stays=st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=4),
    lost=st.sets(st.integers(1, 40), max_size=6),
)
def test_every_stage_gets_its_own_votes_once(
    workers: int, size: int, inputs: int, stays: list[set[int]], lost: set[int]
) -> None:
    """Whichever inputs stop, and whatever is lost: what a stage asks for comes, in order."""
    crew = Made(workers, lost)
    work = Work(crew, votes_bytes=1)
    open_inputs, block = list(range(inputs)), 0
    asked: set[Batch] = set()
    for number, stay in enumerate([set(range(inputs)), *stays]):
        open_inputs = [one for one in open_inputs if one in stay]
        tasks = stage(open_inputs, 20 * number, block, size=size)
        foreseen = stage(open_inputs, 20 * (number + 1), 0, size=1)
        work.early.foresee(batch for task in foreseen for batch in task.batches)
        told: list[int] = []
        found = list(work.off(tasks, on_votes=lambda votes, _, told=told: told.append(votes)))
        assert {one.block for one in found} == {task.block for task in tasks}
        assert len(found) == len(tasks)
        by_block = {one.block: one for one in found}
        for task in tasks:
            wanted = np.concatenate([np.arange(start, stop) for _, start, stop in task.batches])
            np.testing.assert_array_equal(by_block[task.block].votes[:, 0], wanted)
            assert by_block[task.block].undefined.asked == task.num_votes
            asked.update(task.batches)
        assert sum(told) == sum(task.num_votes for task in tasks)
        block += len(tasks)
    assert asked <= crew.cast.keys()
    assert set(crew.cast.values()) <= {1}
    assert crew.drops == 0


def test_nobody_waits_while_the_next_stage_can_be_foreseen() -> None:
    """Eight workers and three inputs: without what comes next most of them would wait."""
    crew = Made(8)
    work = Work(crew, votes_bytes=1)
    for number in range(20):
        work.early.foresee(
            batch
            for task in stage([0, 1, 2], 20 * (number + 1), 0, size=1)
            for batch in task.batches
        )
        list(work.off(stage([0, 1, 2], 20 * number, 3 * number, size=2), on_votes=lambda *_: None))
    alone = Made(8)
    work = Work(alone, votes_bytes=1)
    for number in range(20):
        list(work.off(stage([0, 1, 2], 20 * number, 3 * number, size=2), on_votes=lambda *_: None))
    assert alone.idle == 2 * 20
    assert crew.idle == 0
    assert sum(crew.cast.values()) <= 6 * 20 + AHEAD * 8


def test_a_stage_that_fails_leaves_nothing_under_way() -> None:
    crew = Made(2)
    work = Work(crew, votes_bytes=1)
    work.early.foresee([(0, 20, 30), (0, 30, 40)])
    computed = work.off(stage([0, 1], 0, 0, size=1), on_votes=lambda *_: None)
    next(computed)
    computed.close()
    assert crew.drops == 1
    assert len(list(work.off(stage([0], 20, 9, size=1), on_votes=lambda *_: None))) == 2
    assert crew.cast[(0, 20, 30)] == 1
    with pytest.raises(StopIteration):
        next(computed)
