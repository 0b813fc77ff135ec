"""Blocks by several processes of this machine."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from queue import Queue
from typing import Final, final

from topcert.theory.scalars import whole_number
from topcert.voting.executors.by_crew import ByCrew
from topcert.voting.executors.crew import Crew, Done, Losses
from topcert.voting.executors.executor import BlockTask, BlockVotes
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.executors.worker import Refusal, write_recipe
from topcert.voting.voter import Voter

MOST_WORKERS: Final = 8  # where nobody says how many: each loads the model
MOST: Final = 1_000
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@final
class Processes(ByCrew):
    """Several processes of this machine, which divide its cores.

    Each loads the model once. What is computed does not depend on how many they are. A process that
    is killed is replaced, and costs the votes that it was computing.

    Parameters
    ----------
    workers
        How many processes; None for one a core, 8 at most.

    Raises
    ------
    ValueError
        Where `workers` is no whole number of at least 1.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> def model(batch):
    ...     return batch[:, :3]
    >>> smoothed = topcert.SmoothedClassifier(
    ...     model, noise=topcert.Ablation(num_kept=6), executor=topcert.Processes(workers=2))
    >>> x = np.random.default_rng(0).random((4, 12))
    >>> votes = smoothed.vote(x, label_choice="predicted", num_samples=50, progress=False)
    >>> votes.counts.sum(axis=1)
    array([50, 50, 50, 50])
    """

    def __init__(self, *, workers: int | None = None) -> None:
        self.workers = None if workers is None else whole_number(workers, "workers")
        if self.workers is not None and not 1 <= self.workers <= MOST:
            raise ValueError(f"--workers must lie in 1 .. {MOST:,}, got {workers}")
        super().__init__()

    def __repr__(self) -> str:
        return f"Processes(workers={self.workers})"

    def start(self, recipe: VoterRecipe, voter: Voter) -> Crew:
        if "cpu" not in voter.classifier.runtime:
            raise ValueError(
                f"--executor processes divides the cores of a CPU, and the model runs on"
                f" {voter.classifier.runtime}; use --executor in-process, or --device cpu"
            )
        return _Workers(recipe, self.workers or min(cpu_count(), MOST_WORKERS))


@final
class _Workers(Crew):
    """Processes with a recipe; one that was killed is replaced by the next part."""

    def __init__(self, recipe: VoterRecipe, workers: int) -> None:
        self.threads = max(1, cpu_count() // workers)
        self._came: Queue[tuple[_Worker, BlockVotes | Refusal | None]] = Queue()
        self._losses = Losses()
        self._folder = tempfile.TemporaryDirectory(prefix="topcert-")
        self._path = Path(self._folder.name) / "recipe.pickle"
        try:
            write_recipe(recipe, self._path)
        except BaseException:
            self._folder.cleanup()
            raise
        self._workers: list[_Worker | None] = [self._start() for _ in range(workers)]

    def _start(self) -> _Worker:
        return _Worker(self._path, self.threads, self._came)

    @property
    def workers(self) -> int:
        return len(self._workers)

    def in_words(self) -> str:
        processes = f"{self.workers} process{'es' * (self.workers > 1)}"
        return f"{processes} of {self.threads} thread{'s' * (self.threads > 1)}"

    def give(self, part: BlockTask) -> None:
        place = min(range(self.workers), key=self._busy)
        worker = self._workers[place]
        if worker is None:
            worker = self._workers[place] = self._start()
        worker.give(part)

    def _busy(self, place: int) -> int:
        worker = self._workers[place]
        return 0 if worker is None else len(worker.parts)

    def take(self) -> list[Done]:
        worker, found = self._came.get()
        if worker not in self._workers:  # of one that was replaced
            return []
        if isinstance(found, Refusal):
            raise ValueError(found.text)
        if found is not None:
            self._losses.end()
            return [Done(part=worker.parts.popleft(), votes=found)]
        self._workers[self._workers.index(worker)] = None
        self._losses.add(f"exit code {worker.end()}")
        return [Done(part=part, votes=None) for part in worker.parts]

    def drop(self) -> None:
        for worker in self._workers:
            if worker is not None:
                worker.end()
        self._workers = [None] * self.workers

    def close(self) -> None:
        self.drop()
        self._folder.cleanup()


@final
class _Worker:
    """One process, and the parts that it has, in the order in which their votes will come."""

    def __init__(
        self,
        recipe: Path,
        threads: int,
        came: Queue[tuple[_Worker, BlockVotes | Refusal | None]],
    ) -> None:
        self.parts: deque[BlockTask] = deque()
        code = "from topcert.voting.executors.worker import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(recipe), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                **dict.fromkeys(_THREADS, str(threads)),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )
        threading.Thread(target=self._listen, args=(came,), daemon=True).start()

    def give(self, part: BlockTask) -> None:
        self.parts.append(part)
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended, which the listener tells
            pickle.dump(part, self._process.stdin)
            self._process.stdin.flush()

    def _listen(self, came: Queue[tuple[_Worker, BlockVotes | Refusal | None]]) -> None:
        """Pass on what comes, and None in the end."""
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            try:
                while True:
                    came.put((self, pickle.load(answers)))
            except Exception:  # the end, or half of an answer
                came.put((self, None))

    def end(self) -> int:
        """End the process; its exit code."""
        assert self._process.stdin is not None
        self._process.kill()
        with suppress(OSError):  # what was not sent cannot be
            self._process.stdin.close()
        return self._process.wait()


def cpu_count() -> int:
    """How many cores this process may use."""
    import joblib  # it knows the limits of a container; scikit-learn needs it

    return int(joblib.cpu_count())
