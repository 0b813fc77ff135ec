"""Collect the votes that docs/beyond.md's table needs, one set at a time. Goes on where it was
stopped.

OUT/runs/NETWORK.KIND/        as `topcert certify` writes them
OUT/counts/NETWORK.KIND.zip   the same votes, as they are kept
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, final

from topcert.datasets.reading import Reading
from topcert.noise.ablation import Ablation
from topcert.theory.stopping_rules import Stopping
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
from topcert_paper.beyond import KS, time_rows
from topcert_paper.collecting import OnStep, origin_of
from topcert_paper.kept import is_kept, keep_ledger, open_kept, write_seconds
from topcert_paper.records import read_origins, write_origin
from topcert_paper.tables import ALPHA


@final
class Grids(NamedTuple):
    """The grids of a stride: their design, the pixels that one keeps where the design does not say,
    how many there are, and the shape of the small pictures that they are.
    """

    design: str
    num_kept: int | None
    num_masks: int
    shape: tuple[int, int, int]


GRIDS: Final = {
    "lattice": Grids("lattice", 49, 25, (6, 7, 7)),  # a stride of 5
    "lattice-5x6": Grids("lattice:5x6", None, 30, (6, 7, 6)),
    "lattice-6x6": Grids("lattice:6x6", None, 36, (6, 6, 6)),
}
NETWORK: Final = "compact"  # where none is named
QUESTIONS: Final = ("radius=5", "table", "exact")
LOCATED: Final = "located-"  # before a question: by located evidence
MEASURES: Final = (
    "sampled",
    "design",
    *QUESTIONS,
    *(LOCATED + question for question in QUESTIONS),
    "ballots",
    *GRIDS,
)
NUM_KEPT: Final = 50
NUM_NAMED: Final = 3  # labels of each ballot
MAX_BALLOTS: Final = 1_000  # of an image: what they show takes no more
DESIGN: Final = "stratified"
DESIGN_KEPT: Final = 52  # 20 blocks of 51 or 52 pixels
# the network of a measure, where it is not NETWORK
USUAL: Final = dict.fromkeys(GRIDS, "lattice-mirrored")


def shape_of(measure: str) -> tuple[int, int, int]:
    """What a measure shows to a network, of each image."""
    return GRIDS[measure].shape if measure in GRIDS else (6, 32, 32)


def asked_for(
    measures: Sequence[str] | None, models: Sequence[str] | None
) -> list[tuple[str, str]]:
    """Which network is asked which of MEASURES, in order.

    Without models each measure has its usual network; without measures, models are asked all that
    show them whole images.
    """
    if models:
        wanted = measures or [name for name in MEASURES if name not in GRIDS]
        return [
            (network, name) for network in dict.fromkeys(models) for name in dict.fromkeys(wanted)
        ]
    return [(USUAL.get(name, NETWORK), name) for name in dict.fromkeys(measures or MEASURES)]


def requests_for(
    model: str,
    measure: str,
    *,
    data_dir: Path | None,
    limit: int | None,
    num_samples: int,
    num_masks: int,
    max_samples: int,
    device: str,
) -> dict[str, Request]:
    """The sets of votes of a network that one of MEASURES needs, by name."""
    network = (
        (Path(model).stem if model.endswith(".onnx") else model).replace(".", "-").replace(":", "-")
    )

    def request(
        samples: int,
        *,
        num_kept: int | None = NUM_KEPT,
        num_named: int = 1,
        design: str | None = None,
        encoding: str | None = None,
        stopping: Stopping | None = None,
    ) -> Request:
        return Request(
            data="cifar10",
            model=model,
            reading=Reading(data_dir=data_dir, limit=limit),
            num_samples=samples,
            noise=Ablation(num_kept=num_kept, design=design, encoding=encoding),
            num_named=num_named,
            stopping=stopping,
            device=device,
        )

    if measure == "sampled":
        return {f"{network}.sampled": request(num_samples)}
    if measure == "ballots":
        return {f"{network}.ballots": request(min(num_samples, MAX_BALLOTS), num_named=NUM_NAMED)}
    if measure in GRIDS:
        of = GRIDS[measure]
        grids = request(
            of.num_masks,
            num_kept=of.num_kept,
            num_named=NUM_NAMED,
            design=of.design,
            encoding="lattice",
        )
        return {f"{network}.{measure}": grids}
    if measure == "design":
        return {f"{network}.design": request(num_masks, num_kept=DESIGN_KEPT, design=DESIGN)}
    method, question = (
        ("located" if measure.startswith(LOCATED) else "ablation"),
        measure.removeprefix(LOCATED),
    )
    return {
        f"{network}.stop-{measure.replace('=', '')}-k{k}": request(
            max_samples, stopping=Stopping(question=question, k=k, alpha=ALPHA, method=method)
        )
        for k in KS
    }


def keep_votes(name: str, request: Request, out: Path, *, on_progress: OnStep) -> None:
    """Collect a set of votes, or go on with it, and keep it with what it took.

    Seconds a vote are those of the votes that this call collects; where there are none left to
    collect, nothing is measured and what was measured before stays.
    """
    watch, counts = _Watch(on_progress), out / "counts"
    ledger = collect_votes(open_run(request, out / "runs" / name, resume=True), on_progress=watch)
    manifest, pace = ledger.manifest, watch.seconds_per_step()
    if pace is None and name in read_origins(counts) and is_kept(counts, name):
        return  # nothing is new
    keep_ledger(ledger, counts, name)
    with open_kept(counts, name) as kept:
        found = time_rows(kept, name)
    write_seconds(counts, found if pace is None else {**found, name: pace})
    write_origin(
        counts,
        name,
        origin_of(
            request.model,
            num_samples=manifest.num_samples,
            seed=manifest.seed,
            model_fingerprint=manifest.model_fingerprint,
        ),
    )


@final
class _Watch:
    """Passes progress on, and knows how long a step took on average since the first report."""

    def __init__(self, report: Callable[[int, int, str], None]) -> None:
        self._report = report
        self._first: tuple[int, float] | None = None
        self._last: tuple[int, float] | None = None

    def __call__(self, done: int, total: int, note: str) -> None:
        self._last = done, time.perf_counter()
        self._first = self._first or self._last
        self._report(done, total, note)

    def seconds_per_step(self) -> float | None:
        if self._first is None or self._last is None or self._last[0] <= self._first[0]:
            return None
        return (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])


def check_measures(asked: Sequence[str]) -> None:
    """Raises ValueError for what is none of MEASURES."""
    for measure in asked:
        if measure not in MEASURES:
            raise ValueError(f"--measure must be one of {', '.join(MEASURES)}, got {measure!r}")
