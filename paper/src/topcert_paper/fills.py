"""A published ImageNet network without any training: what hidden pixels are filled with decides
whether it can vote.

OUT/networks/efficientnet-lite0.onnx   the network, written once from its package
OUT/runs/FILL-E/                       the votes, as `topcert certify` writes them
OUT/counts/                            FILL-E.csv and record.json, which redraw table and figure
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.imagenet import CROP
from topcert.evaluation.accuracy import AccuracyCurve, accuracy_curves, floored
from topcert.evaluation.counts import read_counts, write_counts
from topcert.files import replacing
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.report.figures import Panel, draw_panels
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
from topcert_paper.records import Origin, read_origins, write_origin
from topcert_paper.tables import ALPHA

KEPTS: Final = (1000, 5000, 10_000)
KS: Final = (1, 3, 5, 10)
DRAWN_KS: Final = (1, 3, 10)
FILLS: Final = {"infill": "infill", "constant": "grey"}  # encodings, and what a reader calls them
NETWORK: Final = "efficientnet-lite0"
NUM_FEATURES: Final = CROP * CROP
COLUMNS: Final = (
    "fill",
    "k",
    "e",
    "n",
    "alpha",
    "radius",
    "certified",
    "total",
    "accuracy",
    "voted",
    "network",
    "seed",
)


@final
@dataclass(frozen=True, kw_only=True)
class FillLine:
    """Certified top-k accuracy under one fill and one e.

    `voted` inputs have their true label among the k most voted of the sample: an estimate, no
    certificate.
    """

    encoding: str
    num_kept: int
    k: int
    voted: int
    curve: AccuracyCurve
    origin: Origin

    def in_words(self) -> str:
        return f"{FILLS[self.encoding]}, e = {self.num_kept:,}"


def network_path(folder: Path) -> Path:
    return folder / f"{NETWORK}.onnx"


def write_network(folder: Path) -> Path:
    """The published network as ONNX, on a CPU several times as fast as torch; there already, or
    written now.

    Needs the extras `torch` and `pretrained`; raises ValueError where the latter is not installed.
    """
    path = network_path(folder)
    if path.is_file():
        return path
    from topcert.models.cost import multiply_adds
    from topcert.models.pretrained import efficientnet_lite0
    from topcert.training.export import export_onnx

    network, shape = efficientnet_lite0(), (3, CROP, CROP)
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"network": NETWORK, "multiply_adds": str(multiply_adds(network, shape))}
    export_onnx(network, path, input_shape=shape, metadata=metadata)
    return path


def count_fill(
    request: Request, out: Path, *, on_progress: Callable[[int, int, str], None]
) -> None:
    """Collect the votes of a request in OUT/runs, or go on with them, and keep their counts in
    OUT/counts.

    Raises ValueError where the data has no labels, or the folder holds other votes.
    """
    from topcert.classifiers.onnx import read_metadata  # loads ONNX Runtime

    noise = of_law(request.noise, Ablation)
    name = f"{noise.encoding}-{noise.num_kept}"
    ledger = collect_votes(
        open_run(request, out / "runs" / name, resume=True), on_progress=on_progress
    )
    _, labels, _ = ledger.read_inputs()
    if labels is None:
        raise ValueError(f"certified accuracy needs true labels, and {request.data} has none")
    facts = read_metadata(Path(request.model))
    (out / "counts").mkdir(parents=True, exist_ok=True)
    write_counts(ledger.counts(), labels, out / "counts" / f"{name}.csv")
    origin = Origin(
        network=facts.get("network", NETWORK),
        multiply_adds=int(facts["multiply_adds"]) if "multiply_adds" in facts else None,
        num_samples=ledger.manifest.num_samples,
        seed=ledger.manifest.seed,
        model_fingerprint=ledger.manifest.model_fingerprint,
    )
    write_origin(out / "counts", name, origin)  # last: a setting without its entry was not measured


def measured_lines(folder: Path) -> list[FillLine]:
    """Every line that the counts in `folder` give, by k, then by e, the fills beside each other.

    Raises ValueError where there are none, they are damaged, or they were not measured alike.
    """
    lines = []
    first: tuple[str, Origin, NDArray[np.int64]] | None = None
    for name, origin in read_origins(folder).items():
        encoding, _, kept = name.rpartition("-")
        if encoding not in FILLS or not kept.isdecimal():
            raise ValueError(
                f"{folder}: record.json names {name}, which is no fill and e, such as"
                f" infill-{KEPTS[0]}"
            )
        counts, labels = read_counts(folder / f"{name}.csv")
        if labels is None or (counts.sum(axis=1) != origin.num_samples).any():
            raise ValueError(
                f"{folder / name}.csv must hold the column `label` and {origin.num_samples} votes"
                " of every input, as record.json says"
            )
        first = first or (name, origin, labels)
        same = (first[1].num_samples, first[1].seed, first[1].network) == (
            origin.num_samples,
            origin.seed,
            origin.network,
        )
        if not same or not np.array_equal(first[2], labels):
            raise ValueError(
                f"{folder}: {name} was measured on other inputs, or with another n, seed or"
                f" network, than {first[0]}; measure them alike, in another --out"
            )
        lines += _lines(encoding, int(kept), counts, labels, origin)
    if not lines:
        raise ValueError(f"{folder} has no votes; name the images with --data-dir")
    return sorted(lines, key=lambda line: (line.k, line.num_kept, list(FILLS).index(line.encoding)))


def _lines(
    encoding: str,
    num_kept: int,
    counts: NDArray[np.int64],
    labels: NDArray[np.int64],
    origin: Origin,
) -> list[FillLine]:
    ks = [k for k in KS if k < counts.shape[1]]
    certificates = certify(
        find_vote_method("ablation"),
        counts,
        smoothing=Smoothing(
            noise=Ablation(num_kept=num_kept), unit="pixel", num_features=NUM_FEATURES, channels=3
        ),
        labels=labels,
        label_choice="given",
        ks=ks,
        alpha=ALPHA,
    )
    curves = accuracy_curves(certificates, dict(enumerate(labels.tolist())))
    own = counts[np.arange(len(labels)), labels]
    order = np.argsort(-counts, axis=1, kind="stable")
    return [
        FillLine(
            encoding=encoding,
            num_kept=num_kept,
            k=curve.k,
            voted=int(((order[:, : curve.k] == labels[:, None]).any(axis=1) & (own > 0)).sum()),
            curve=curve,
            origin=origin,
        )
        for curve in curves
    ]


def conditions(lines: Sequence[FillLine]) -> str:
    """What all lines have in common."""
    origin, total = lines[0].origin, lines[0].curve.total
    return (
        f"ImageNet, {total} image{'' if total == 1 else 's'} ({CROP} x {CROP} crops),"
        f" {origin.network} as published, n = {origin.num_samples:,}, alpha = {ALPHA:g}, seed"
        f" {origin.seed}"
    )


def write_fills(lines: Sequence[FillLine], stem: Path) -> list[Path]:
    """Write `stem`.csv, .png and .svg; returns their paths. Shares are floored at three
    decimals.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    table = stem.with_suffix(".csv")
    with replacing(table) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for line in lines:
            writer.writerows(_rows(line))
    panels = [
        Panel(
            title=f"top {k}",
            lines=tuple((line.in_words(), line.curve) for line in lines if line.k == k),
        )
        for k in DRAWN_KS
        if any(line.k == k for line in lines)
    ]
    return [
        table,
        *draw_panels(
            panels,
            unit="pixel",
            title=f"A published network without training, by fill\n{conditions(lines)}",
            stem=stem,
        ),
    ]


def _rows(line: FillLine) -> list[list[object]]:
    total, origin = line.curve.total, line.origin
    before = [FILLS[line.encoding], line.k, line.num_kept, origin.num_samples, f"{ALPHA:g}"]
    return [
        [
            *before,
            radius,
            hits,
            total,
            floored(hits, total, 3),
            line.voted,
            origin.network,
            origin.seed,
        ]
        for radius, hits in enumerate(line.curve.certified.tolist())
    ]
