"""Whoever computes the blocks of a run, in whatever order: its folder is the same to the byte."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.voting.keeping import Keeping
from topcert.classifiers.undefined import UnansweredVotes
from topcert.noise.ablation import Ablation
from topcert.theory.stopping_rules import Stopping
from topcert.voting import sampling
from topcert.voting.executors.executor import (
    BlockTask,
    BlockVotes,
    Executor,
    OnVotes,
    compute_block,
)
from topcert.voting.executors.in_process import InProcess
from topcert.voting.executors.processes import Processes
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.ledger import Ledger
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
from topcert.voting.voter import Voter


class Shuffled(Executor):
    """In another order, by voters that a pickled recipe made: all that another process would have
    of the run.
    """

    def compute(
        self, tasks: Sequence[BlockTask], *, voter: Voter, recipe: VoterRecipe, on_votes: OnVotes
    ) -> Generator[BlockVotes, None, None]:
        worker = pickle.loads(pickle.dumps(recipe)).make()
        assert worker is not voter
        assert worker.classifier is not voter.classifier
        for place in np.random.default_rng(3).permutation(len(tasks)).tolist():
            task = pickle.loads(pickle.dumps(tasks[place]))
            found = pickle.loads(pickle.dumps(compute_block(worker, task)))
            on_votes(task.num_votes, task.batches[-1][0])
            yield found


class Threads(Executor):
    """Three threads, each block by a voter of its own."""

    def compute(
        self, tasks: Sequence[BlockTask], *, voter: Voter, recipe: VoterRecipe, on_votes: OnVotes
    ) -> Generator[BlockVotes, None, None]:
        with ThreadPoolExecutor(3) as pool:
            waiting = [
                pool.submit(lambda task=task: compute_block(recipe.make(), task)) for task in tasks
            ]
            for done in as_completed(waiting):
                found = done.result()
                on_votes(len(found.votes), 0)
                yield found


FIXED = Request(
    data="table.npz",
    model="models_for_tests:linear",
    num_samples=100,
    noise=Ablation(num_kept=4),
    batch_size=25,
)
STOPPING = replace(
    FIXED,
    noise=Ablation(num_kept=2),
    num_samples=500,
    stopping=Stopping(question="exact", k=3, alpha=0.01),
    batch_size=None,
)


def run(request: Request, out: str, executor: Executor | None) -> list[tuple[int, int]]:
    """Run it, and give what progress was told."""
    shown: list[tuple[int, int]] = []
    collect_votes(
        open_run(request, Path(out), resume=True),
        on_progress=lambda done, total, _: shown.append((done, total)),
        executor=executor,
    )
    return shown


def files(folder: str) -> dict[str, bytes]:
    found = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize("request_", [FIXED, STOPPING], ids=["fixed", "stopping"])
@pytest.mark.parametrize(
    "executor",
    [Shuffled(), Threads(), Processes(workers=3)],
    ids=["shuffled", "threads", "processes"],
)
def test_another_executor_leaves_the_same_folder(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, request_: Request, executor: Executor
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)
    usual, other = run(request_, "usual", None), run(request_, "other", executor)
    assert files("other") == files("usual")
    assert len([name for name in files("usual") if "block-" in name]) > 5
    assert other[-1] == usual[-1]
    assert other[-1][0] == other[-1][1] == Ledger.open(Path("other")).counts().sum()


def test_what_an_executor_stored_before_it_failed_is_gone_on_with(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Executor):
        closed = False

        def compute(self, tasks: Any, *, voter: Any, recipe: Any, on_votes: Any) -> Any:
            whole = InProcess().compute(tasks[::-1], voter=voter, recipe=recipe, on_votes=on_votes)
            try:
                yield next(whole)
                yield next(whole)
                raise KeyboardInterrupt
            finally:
                Failing.closed = True

    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)
    run(FIXED, "whole", None)
    with pytest.raises(KeyboardInterrupt):
        run(FIXED, "o", Failing())
    blocks = len(list(Path("whole/ledger").glob("block-*")))
    ledger = Ledger.open(Path("o"))
    assert Failing.closed
    assert ledger.present_blocks() == [blocks - 2, blocks - 1]
    assert run(FIXED, "o", Shuffled())[0] == (200, 800)
    assert files("o") == files("whole")


def faulty(change: Callable[[list[BlockVotes]], list[BlockVotes]]) -> Executor:
    """One that computes the votes and then gives something else."""

    class Faulty(Executor):
        def compute(
            self,
            tasks: Sequence[BlockTask],
            *,
            voter: Voter,
            recipe: VoterRecipe,
            on_votes: OnVotes,
        ) -> Generator[BlockVotes, None, None]:
            yield from change([compute_block(voter, task) for task in tasks])

    return Faulty()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda found: found[:-1], "the executor Faulty ended and left 1 blocks of votes out"),
        (lambda found: [found[0], *found], "gave block 0, which was not asked for, or gave it"),
        (
            lambda found: [replace(found[0], votes=found[0].votes[:-1])],
            r"gave votes of shape \(99, 1\) for block 0, which has \(100, 1\)",
        ),
        (
            lambda found: [replace(one, votes=(one.votes + 1) % 5) for one in found],
            "votes came out otherwise when run again",
        ),
    ],
    ids=["too few", "twice", "short", "others"],
)
def test_what_an_executor_gives_is_checked(
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[list[BlockVotes]], list[BlockVotes]],
    error: str,
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)
    with pytest.raises(ValueError, match=error):
        run(FIXED, "o", faulty(change))
    assert not Path("o/ledger/checks.json").exists()


@pytest.mark.parametrize("what", ["input", "model"])
def test_a_worker_that_finds_other_inputs_or_another_model_says_so(
    workplace: Path, what: str
) -> None:
    keeping = Keeping()
    run(FIXED, "o", keeping)
    if what == "model":
        with pytest.raises(ValueError, match=r"a worker has another model than the run: .*, not x"):
            replace(keeping.recipe, model_fingerprint="x").make()
        return
    data = dict(np.load("table.npz"))
    data["x"][1] += 1
    np.savez("table.npz", **data)
    worker = keeping.recipe.make()
    worker.votes(0, 0, 25)
    with pytest.raises(ValueError, match="a worker reads another input 1 than the run"):
        worker.votes(1, 0, 25)


def test_answers_that_are_missing_are_counted_wherever_votes_are_cast() -> None:
    one, other = (
        UnansweredVotes(raised=2, asked=10, reason="why"),
        UnansweredVotes(label=7, out_of_range=1),
    )
    other.asked = 5
    one.add(other)
    assert one == UnansweredVotes(raised=2, out_of_range=1, asked=15, reason="why", label=7)
