"""What a run costs over the bare network, and what several workers gain.

    python benchmarks/executors.py [--full] [--rounds 3] [--out FOLDER]

Whole runs of the carried network `compact` on random images (fingerprints, checks, masks,
encoding, votes, blocks, replays, and the start of the workers) beside ONNX Runtime alone on one
constant batch of the same shape, with all its threads, as many passes as the run has votes. Each
round does all of them in turn; a ratio is the median over rounds.

- in this process, and in processes of one thread, one a core: passes a second;
- two workers beside one, where the network keeps to one thread;
- a block of votes written and read, beside the passes that it takes;
- the peak of memory of a run of many votes beside that of few.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
from table import Row, main

from topcert.classifiers.loading import carried_path
from topcert.noise.ablation import Ablation
from topcert.voting.executors.executor import Executor
from topcert.voting.executors.in_process import InProcess
from topcert.voting.executors.processes import Processes, cpu_count
from topcert.voting.ledger import Ledger
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run

MEMORY = """
import resource, sys
from pathlib import Path
from topcert.noise.ablation import Ablation
from topcert.voting.executors.in_process import InProcess
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
request = Request(data=sys.argv[1], model="null_model:make", noise=Ablation(num_kept=50),
    num_samples=int(sys.argv[2]), num_classes=10)
collect_votes(open_run(request, Path(sys.argv[3]), resume=True), on_progress=lambda *_: None,
    executor=InProcess())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
NULL = """
import numpy as np
def make():
    return lambda batch: np.zeros(len(batch), np.int64)
"""


class Bench:
    """Random images in a folder, and runs on them."""

    def __init__(self, folder: Path, *, images: int, samples: int) -> None:
        self.folder, self.images, self.samples = folder, images, samples
        self.data = folder / "images.npz"
        generator = np.random.default_rng(0)
        np.savez(self.data, x=generator.integers(0, 256, (images, 32, 32, 3)).astype(np.uint8))
        self._number = 0

    @property
    def votes(self) -> int:
        """Of a run."""
        return self.images * self.samples

    def ledger(self, executor: Executor, *, threads: int | None = None) -> Ledger:
        """A run from start to end, in a folder of its own."""
        self._number += 1
        request = Request(
            data=str(self.data),
            model="compact",
            noise=Ablation(num_kept=50),
            num_samples=self.samples,
            threads=threads,
        )
        folder = self.folder / str(self._number)
        return collect_votes(
            open_run(request, folder, resume=False),
            on_progress=lambda *_: None,
            executor=executor,
        )

    def run(self, executor: Executor, *, threads: int | None = None) -> Callable[[], object]:
        """What makes it."""
        return lambda: self.ledger(executor, threads=threads)

    def raw(self, batch_size: int) -> Callable[[], object]:
        """As many passes of the network alone, with all its threads."""
        options = onnxruntime.SessionOptions()
        options.use_deterministic_compute = True
        session = onnxruntime.InferenceSession(
            str(carried_path("compact")), options, providers=["CPUExecutionProvider"]
        )
        batch = np.zeros((batch_size, 6, 32, 32), np.float32)
        name = session.get_inputs()[0].name

        def passes() -> None:
            for _ in range(-(-self.votes // batch_size)):
                session.run(None, {name: batch})

        return passes

    def peak(self, samples: int) -> float:
        """MiB that a process takes in which a model that costs nothing votes."""
        (self.folder / "null_model.py").write_text(NULL)
        self._number += 1
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, self.data, str(samples), str(self._number)],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return int(done.stdout.split()[-1]) / 1024  # Linux gives KiB


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rows(*, full: bool, rounds: int = 3) -> list[Row]:
    """All rows of this benchmark."""
    cores = cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), images=8, samples=10_000 if full else 1_500)
        first = bench.ledger(InProcess())
        works = {
            "raw": bench.raw(first.manifest.batch_size),
            "in process": bench.run(InProcess()),
            "processes": bench.run(Processes(workers=cores)),
            "one worker": bench.run(Processes(workers=1), threads=1),
            "two workers": bench.run(Processes(workers=2), threads=1),
            "ledger": lambda: [
                first.write_block(block, first.read_block(block))
                for block in range(first.num_blocks)
            ],
        }
        works["raw"]()
        taken: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                taken[name].append(seconds(work))
                print(f"{name}: {taken[name][-1]:.1f} s", file=sys.stderr, flush=True)
        few, many = bench.peak(10_000), bench.peak(1_000_000 if full else 100_000)

    def rate(name: str, beside: str, words: str, other: str, goal: float, limit: float) -> Row:
        ratios = [b / a for a, b in zip(taken[name], taken[beside], strict=True)]
        return Row(
            group="workers",
            name=words,
            value=bench.votes / median(taken[name]),
            beside=other,
            beside_value=bench.votes / median(taken[beside]),
            ratio=median(ratios),
            unit="passes/s",
            goal=goal * bench.votes / median(taken[beside]),
            limit=limit,
            better="more",
        )

    network = f"the network alone, {cores} threads"
    ledger = median(taken["ledger"])
    return [
        rate("in process", "raw", "run in this process", network, 0.95, 0.8),
        rate("processes", "raw", f"run in {cores} processes", network, 1.1, 0.85),
        rate("two workers", "one worker", "two workers", "one worker", 1.9, 1.5),
        Row(
            group="ledger",
            name=f"{bench.votes:,} votes read and written",
            value=ledger,
            beside=network,
            beside_value=median(taken["raw"]),
            ratio=median(a / b for a, b in zip(taken["ledger"], taken["raw"], strict=True)),
            unit="s",
            limit=0.05,
        ),
        Row(
            group="memory",
            name=f"peak of a run, n = {1_000_000 if full else 100_000:,}, 8 images",
            value=many,
            beside="n = 10,000",
            beside_value=few,
            ratio=many / few,
            unit="MiB",
            limit=1.5,
        ),
    ]


if __name__ == "__main__":
    main(__doc__, rows)
