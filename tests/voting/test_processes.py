"""Votes by processes of this machine: killed ones cost only what they were computing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import topcert
from topcert.classifiers.undefined import UnansweredVotes
from topcert.noise.ablation import Ablation
from topcert.voting import sampling
from topcert.voting.executors import fastest
from topcert.voting.executors.executor import BlockTask, BlockVotes
from topcert.voting.executors.fastest import Fastest
from topcert.voting.executors.in_process import InProcess
from topcert.voting.executors.parts import ANSWER_BYTES, SHARES, Joiner, parts_of
from topcert.voting.executors.processes import Processes
from topcert.voting.executors.worker import NotSharedError
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run

FIXED = Request(
    data="table.npz",
    model="models_for_tests:linear",
    num_samples=100,
    noise=Ablation(num_kept=4),
    batch_size=25,
)

# It ends the process of every worker that has cast some votes, as often as DEATHS has bytes.
MORTAL = """
import os, sys
from pathlib import Path
import numpy as np
calls = 0
def mortal(batch):
    global calls
    calls += 1
    left = Path("DEATHS").read_bytes()
    if sys.argv[1:2] and sys.argv[1].endswith("recipe.pickle") and calls > 3 and left:
        Path("DEATHS").write_bytes(left[1:])
        os.kill(os.getpid(), 9)
    return batch[:, :5]
def make():
    return mortal
"""


def run(request: Request, out: str, executor: Any) -> dict[str, bytes]:
    """Run it; the files that it left."""
    collect_votes(
        open_run(request, Path(out), resume=True),
        on_progress=lambda done, total, note: None,  # noqa: ARG005
        executor=executor,
    )
    found = [path for path in Path(out).rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


@pytest.mark.parametrize("deaths", [3])
def test_a_killed_worker_costs_the_votes_that_it_was_computing(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 50)
    (workplace / "mortal_model.py").write_text(MORTAL)
    (workplace / "DEATHS").write_bytes(b"x" * deaths)
    request = replace(FIXED, model="mortal_model:make")
    found = run(request, "killed", Processes(workers=2))
    assert (workplace / "DEATHS").read_bytes() == b""
    assert found == run(request, "alone", InProcess())


def test_workers_that_always_die_end_the_run_and_what_is_stored_stays(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 25)
    text = MORTAL.replace("calls > 3 and left", "left")
    (workplace / "dying_model.py").write_text(text)
    (workplace / "DEATHS").write_bytes(b"x" * 1000)
    request = replace(FIXED, model="dying_model:make")
    with pytest.raises(ValueError, match=r"workers ended 5 times in a row .*exit code -9"):
        run(request, "o", Processes(workers=2))
    (workplace / "DEATHS").write_bytes(b"")
    assert run(request, "o", Processes(workers=1)) == run(request, "alone", InProcess())


def test_a_worker_ends_with_the_process_of_the_run_and_removes_the_recipe(workplace: Path) -> None:
    script = """
import os, sys
import numpy as np, topcert
from topcert.voting.executors import crew
def killed(*given, **named):
    print([one.name for one in os.scandir(os.environ["TMPDIR"])], flush=True)
    os.kill(os.getpid(), 9)
crew.Joiner.add = killed
smoothed = topcert.SmoothedClassifier(lambda batch: batch[:, :3],
    noise=topcert.Ablation(num_kept=6), executor=topcert.Processes(workers=1))
smoothed.vote(np.random.default_rng(0).random((4, 12)), label_choice="predicted",
    num_samples=50, progress=False, out="o")
"""
    (workplace / "temporary").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(workplace / "temporary")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )  # which waits for the worker, too: it has the same standard output
    assert done.returncode == -9
    assert "topcert-" in done.stdout
    ended = threading.Event()
    for _ in range(600):
        if not list((workplace / "temporary").glob("topcert-*")):
            break
        ended.wait(0.1)
    assert not list((workplace / "temporary").glob("topcert-*"))


def test_what_is_in_memory_goes_to_the_workers_and_what_cannot_is_named() -> None:
    x = np.random.default_rng(0).random((4, 12))
    weights = np.random.default_rng(1).random((12, 5))
    lock = threading.Lock()

    def locked(batch: np.ndarray) -> np.ndarray:
        with lock:
            return batch @ weights

    def counts(model: Any, executor: Any) -> np.ndarray:
        smoothed = topcert.SmoothedClassifier(
            model, noise=topcert.Ablation(num_kept=6), executor=executor
        )
        return smoothed.vote(x, num_samples=60, progress=False).counts

    usual = counts(locked, None)
    assert (counts(lambda batch: batch @ weights, Processes(workers=2)) == usual).all()
    with pytest.raises(NotSharedError, match="locked in memory cannot be given"):
        counts(locked, Processes(workers=2))


@pytest.mark.parametrize("gain", [0.0, 1e9])
def test_the_fastest_goes_on_with_whoever_was_faster(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, gain: float
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 25)
    monkeypatch.setattr(fastest, "TIMED", 0.0)
    monkeypatch.setattr(fastest, "WORTH", 0.0)
    monkeypatch.setattr(fastest, "GAIN", gain)
    monkeypatch.setattr(fastest, "cpu_count", lambda: 2)
    said = []

    class Noting(InProcess.__mro__[1]):  # type: ignore[misc]  # the class of all executors
        inner = Fastest(workers=2)

        def compute(self, tasks: Any, **given: Any) -> Any:
            yield from self.inner.compute(tasks, **given)
            said.append(self.inner.in_words())

        def close(self) -> None:
            self.inner.close()

    found = run(FIXED, "o", Noting())
    assert found == run(FIXED, "alone", InProcess())
    if gain:
        assert said == [""]
    else:
        assert said[0].startswith("2 processes of")
        assert said[0].endswith("times as fast as one")


def test_what_cannot_be_given_to_processes_stays_in_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fastest, "TIMED", 0.0)
    monkeypatch.setattr(fastest, "WORTH", 0.0)
    monkeypatch.setattr(fastest, "cpu_count", lambda: 2)
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 25)
    lock = threading.Lock()

    def model(batch: np.ndarray) -> np.ndarray:
        with lock:
            return batch[:, :3]

    smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=6), batch_size=25)
    x = np.random.default_rng(0).random((3, 12))
    assert smoothed.vote(x, num_samples=100, progress=False).counts.sum() == 300


def test_where_processes_fail_the_process_of_the_run_goes_on(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TIMED", 0.0), ("WORTH", 0.0), ("cpu_count", lambda: 2)):
        monkeypatch.setattr(fastest, name, value)
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 25)
    (workplace / "failing_model.py").write_text(MORTAL.replace("calls > 3 and left", "left"))
    (workplace / "DEATHS").write_bytes(b"x" * 1000)
    request, told = replace(FIXED, model="failing_model:make"), []
    collect_votes(
        open_run(request, Path("o"), resume=True),
        on_progress=lambda done, total, _: told.append((done, total)),
    )
    assert told[-1] == (800, 800)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert run(request, "o", InProcess()) == run(request, "alone", InProcess())
    assert len((workplace / "DEATHS").read_bytes()) < 1000


# The answer depends on how many threads share the sum.
SHARED = """
import numpy as np
from threadpoolctl import threadpool_info
def shared(batch):
    threads = max(one["num_threads"] for one in threadpool_info())
    return batch[:, :5] + 0.001 * threads * batch[:, 5:10]
def make():
    return shared
"""


@pytest.mark.skipif(os.environ.get("OMP_NUM_THREADS") == "0", reason="needs a number of threads")
def test_threads_that_matter_are_one_and_recorded(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 25)
    (workplace / "shared_model.py").write_text(SHARED)
    request = replace(FIXED, model="shared_model:make")
    alone = run(request, "alone", InProcess())
    assert b'"threads": 1,' in alone["manifest.json"]
    assert run(request, "shared", Processes(workers=2)) == alone
    assert run(request, "shared", InProcess()) == alone
    smoothed = topcert.open_votes("alone")
    smoothed.certify(k=1).save()
    assert topcert.verify("alone", "shared_model:make", replay="all", progress=False)
    (workplace / "plain_model.py").write_text(
        "def make():\n    return lambda batch: batch[:, :5]\n"
    )
    plain = replace(FIXED, model="plain_model:make")
    assert b'"threads"' not in run(plain, "plain", InProcess())["manifest.json"]


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    batch=st.integers(1, 300),
    workers=st.integers(1, 9),
    votes_bytes=st.integers(1, 200),
)
def test_parts_cover_every_batch_once_and_are_small(
    sizes: list[int], batch: int, workers: int, votes_bytes: int
) -> None:
    tasks = [
        BlockTask(
            block=block,
            batches=tuple((block, place * batch, (place + 1) * batch) for place in range(size)),
        )
        for block, size in enumerate(sizes)
    ]
    parts = list(parts_of(tasks, workers=workers, votes_bytes=votes_bytes))
    assert [(part.block, one) for part in parts for one in part.batches] == [
        (task.block, one) for task in tasks for one in task.batches
    ]
    left = sum(task.num_votes for task in tasks)
    for part in parts:
        if len(part.batches) > 1:
            assert part.num_votes * votes_bytes <= ANSWER_BYTES
            assert part.num_votes <= left / (SHARES * workers)
        left -= part.num_votes
    joiner = Joiner({task.block: task for task in tasks})
    joined = {}
    for number in np.random.default_rng(0).permutation(len(parts)).tolist():
        part = parts[number]
        votes = np.concatenate([np.arange(start, stop) for _, start, stop in part.batches])
        undefined = UnansweredVotes(asked=part.num_votes)
        found = joiner.add(
            part, BlockVotes(block=part.block, votes=votes[:, None], undefined=undefined)
        )
        if found is not None:
            joined[found.block] = found
    for task in tasks:
        assert joined[task.block].undefined.asked == task.num_votes
        assert (joined[task.block].votes[:, 0] == np.arange(task.num_votes)).all()
