"""Appendix C of the paper: certified top-1 and top-3 accuracy of PointNet where 16 of 2,048 points
are kept.

OUT/networks/DATA/pointnet.onnx   as `topcert train` writes it; or one of your own that lies there
OUT/runs/DATA/                    the votes, as `topcert certify` writes them
OUT/counts/                       the records that redraw table and figure
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

from topcert.datasets.reading import Reading
from topcert.datasets.surfaces import NUM_POINTS
from topcert.evaluation.accuracy import AccuracyCurve, accuracy_curves, floored, write_accuracy
from topcert.files import replacing
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation
from topcert.report.figures import Marks, draw_curves
from topcert.voting.request import Request
from topcert_paper.collecting import OnStep, request_for
from topcert_paper.records import Origin, read_counted
from topcert_paper.tables import ALPHA, NUM_SELECTION, Setting

NETWORK: Final = "pointnet"
SETTING: Final = Setting(noise=Ablation(num_kept=16), value="16")
NUM_SAMPLES: Final = 10_000
KS: Final = (1, 3)
RADII: Final = (10, 20, 30, 40, 50)


@final
@dataclass(frozen=True, kw_only=True)
class PointData:
    """A data set: what it is called wherever a number appears, and what the paper has at RADII for
    each of KS, if it has.
    """

    name: str
    title: str
    caption: str
    paper: dict[int, tuple[str, ...]]


POINT_DATA: Final = {
    "modelnet40": PointData(
        name="modelnet40",
        title="ModelNet40",
        caption="Appendix C: certified top-k accuracy on ModelNet40, ours (the paper's).",
        paper={
            1: ("0.779", "0.743", "0.700", "0.649", "0.570"),
            3: ("0.901", "0.867", "0.829", "0.803", "0.775"),
        },
    ),
    "surfaces": PointData(
        name="surfaces",
        title="a generated set of surfaces",
        caption=(
            "Appendix C's protocol on a generated set of surfaces, not on ModelNet40: certified"
            " top-k accuracy."
        ),
        paper={},
    ),
}


@final
@dataclass(frozen=True, kw_only=True)
class PointCurves:
    """What was measured on a data set: a curve for each of KS."""

    data: PointData
    curves: tuple[AccuracyCurve, ...]
    origin: Origin

    def conditions(self) -> str:
        """What the numbers were measured with."""
        origin, total = self.origin, self.curves[0].total
        cost = (
            ""
            if origin.multiply_adds is None
            else f" ({origin.multiply_adds / 1e6:.1f} M multiply-adds)"
        )
        training = (
            ""
            if origin.epochs is None
            else f", trained for {origin.epochs} epoch{'' if origin.epochs == 1 else 's'}"
        )
        return (
            f"{self.data.title}, {total} test inputs, {origin.network}{cost}{training},"
            f" {SETTING.in_words()} of {NUM_POINTS:,} points, n = {origin.num_samples:,}, alpha ="
            f" {ALPHA:g}, seed {origin.seed}"
        )

    def ours(self, curve: AccuracyCurve, radius: int) -> str:
        return floored(_certified(curve, radius), curve.total, 3)

    def cell(self, curve: AccuracyCurve, column: int) -> str:
        """Our number at a radius and, where there is one, the paper's in brackets."""
        paper = self.data.paper.get(curve.k)
        return self.ours(curve, RADII[column]) + ("" if paper is None else f" ({paper[column]})")


def train_points(
    data: PointData,
    folder: Path,
    *,
    epochs: int | None,
    data_dir: Path | None,
    device: str,
    on_step: OnStep,
) -> Path:
    """The network of a data set, as ONNX; there already, or trained now (needs the extra `torch`).

    Raises ValueError where the one that is there was trained for another number of epochs than the
    one that is asked for.
    """
    path = folder / f"{NETWORK}.onnx"
    if path.is_file():
        _check_epochs(path, epochs)
        return path
    from topcert.classifiers.torch_module import resolve_device
    from topcert.training.clouds import train_on_clouds
    from topcert.training.plans import usual_plan
    from topcert.training.points import PointNoise

    plan = usual_plan(NETWORK, PointNoise(num_kept=int(SETTING.value)), data=data.name)
    train_on_clouds(
        data.name,
        NETWORK,
        plan if epochs is None else replace(plan, epochs=epochs),
        data_dir=data_dir,
        folder=folder,
        device=resolve_device(device),
        on_step=on_step,
    )
    return path


def point_request(
    data: PointData,
    network: Path,
    *,
    data_dir: Path | None,
    num_samples: int,
    limit: int | None,
    device: str,
) -> Request:
    """The votes of a network on the first `limit` test inputs, or on all."""
    return request_for(
        SETTING,
        network,
        data=data.name,
        reading=Reading(data_dir=data_dir, limit=limit),
        num_samples=num_samples,
        num_selection=min(NUM_SELECTION, num_samples),
        device=device,
    )


def read_curves(data: PointData, counts: Path) -> PointCurves:
    """The curves that follow from the counts in a folder. Raises ValueError where there are none,
    or they are damaged.
    """
    counted = read_counted(counts, data.name)
    if counted is None:
        raise ValueError(
            f"{counts} holds no vote counts of {data.name}; leave --from-counts out to measure them"
        )
    smoothing = Smoothing(
        noise=SETTING.noise,
        unit="point",
        num_features=NUM_POINTS,
        channels=3,
    )
    certificates = certify(
        find_vote_method("ablation"),
        counted.counts,
        smoothing=smoothing,
        labels=counted.labels,
        label_choice="given",
        ks=KS,
        alpha=ALPHA,
    )
    curves = accuracy_curves(certificates, dict(enumerate(counted.labels.tolist())))
    return PointCurves(data=data, curves=tuple(curves), origin=counted.origin)


def write_points(made: PointCurves, stem: Path) -> list[Path]:
    """Write the table as `stem`.csv and .md, the figure as .png and .svg, and its numbers as
    `stem`-curves.csv.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    table, text, numbers = (
        stem.with_suffix(".csv"),
        stem.with_suffix(".md"),
        stem.with_name(f"{stem.name}-curves.csv"),
    )
    with replacing(table) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            [
                "data",
                "k",
                "radius",
                "ours",
                "paper",
                "certified",
                "total",
                "n",
                "alpha",
                "e",
                "d",
                "network",
            ]
        )
        writer.writerows(_rows(made))
    with replacing(text) as aside:
        aside.write_text(_markdown(made), encoding="utf-8")
    write_accuracy(list(made.curves), numbers)
    marks = [
        Marks(
            name=f"the paper, k = {k}", radii=RADII, shares=tuple(float(share) for share in shares)
        )
        for k, shares in made.data.paper.items()
    ]
    title = f"PointNet on {made.data.title}, e = {SETTING.value} of {NUM_POINTS:,} points"
    return [
        table,
        text,
        numbers,
        *draw_curves(made.curves, unit="point", title=title, stem=stem, marks=marks),
    ]


def _certified(curve: AccuracyCurve, radius: int) -> int:
    return int(curve.certified[radius]) if radius < len(curve.certified) else 0


def _rows(made: PointCurves) -> list[list[object]]:
    return [
        [
            made.data.name,
            curve.k,
            radius,
            made.ours(curve, radius),
            made.data.paper[curve.k][column] if made.data.paper else "",
            _certified(curve, radius),
            curve.total,
            made.origin.num_samples,
            ALPHA,
            SETTING.value,
            NUM_POINTS,
            made.origin.network,
        ]
        for curve in made.curves
        for column, radius in enumerate(RADII)
    ]


def _markdown(made: PointCurves) -> str:
    lines = [
        made.data.caption,
        "",
        "| k | " + " | ".join(f"r = {radius}" for radius in RADII) + " |",
    ]
    lines.append("|---" * (len(RADII) + 1) + "|")
    for curve in made.curves:
        cells = " | ".join(made.cell(curve, column) for column in range(len(RADII)))
        lines.append(f"| {curve.k} | {cells} |")
    return "\n".join([*lines, "", f"Measured with: {made.conditions()}."]) + "\n"


def _check_epochs(network: Path, epochs: int | None) -> None:
    from topcert.classifiers.onnx import read_metadata  # loads ONNX Runtime

    trained = read_metadata(network).get("epochs")
    if epochs is not None and trained is not None and int(trained) != epochs:
        raise ValueError(
            f"{network} was trained for {trained} epochs, not {epochs}; leave --epochs out, or"
            " choose another --out"
        )
