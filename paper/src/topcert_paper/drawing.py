"""A figure of the paper as CSV, PNG and SVG. Shares are floored at three decimals."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from topcert.evaluation.accuracy import floored
from topcert.files import replacing
from topcert.report.figures import Panel, draw_panels
from topcert_paper.figures import FigureData, Line, PaperFigure, Varied

COLUMNS: Final = (
    "figure",
    "data",
    "series",
    "k",
    "e",
    "n",
    "alpha",
    "radius",
    "certified",
    "total",
    "accuracy",
    "network",
    "seed",
)


@final
@dataclass(frozen=True, kw_only=True)
class Measured:
    """The lines of one panel, at least one."""

    data: FigureData
    lines: Sequence[Line]


def conditions(figure: PaperFigure, measured: Measured) -> str:
    """What the lines of a panel have in common: data, inputs, network, k, e, n, alpha and seed,
    less what varies.
    """
    first = measured.lines[0]
    names: tuple[Varied, ...] = ("k", "e", "n", "alpha")
    networks = " / ".join(dict.fromkeys(line.origin.network for line in measured.lines))
    numbers = ", ".join(first.point.named(name) for name in names if name != figure.varied)
    inputs = f"{first.curve.total} image{'' if first.curve.total == 1 else 's'}"
    return (
        f"{measured.data.title}, {inputs}, network {networks}\n{numbers}, seed {first.origin.seed}"
    )


def write_figure(
    figure: PaperFigure, panels: Sequence[Measured], stem: Path, *, note: str
) -> list[Path]:
    """Write `stem`.csv, .png and .svg; returns their paths. `note`, where it is not empty, stands
    under the title.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    table = stem.with_suffix(".csv")
    with replacing(table) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for measured in panels:
            for line in measured.lines:
                writer.writerows(_rows(figure, measured.data, line))
    drawn = [
        Panel(
            title=conditions(figure, measured),
            lines=tuple((line.point.named(figure.varied), line.curve) for line in measured.lines),
        )
        for measured in panels
    ]
    title = f"{figure.caption}\n{note}" if note else figure.caption
    return [table, *draw_panels(drawn, unit="pixel", title=title, stem=stem)]


def _rows(figure: PaperFigure, data: FigureData, line: Line) -> list[list[object]]:
    point, total = line.point, line.curve.total
    numbers = [point.of(name) for name in (figure.varied, "k", "e", "n", "alpha")]
    return [
        [
            figure.name,
            data.name,
            *numbers,
            radius,
            certified,
            total,
            floored(certified, total, 3),
            line.origin.network,
            line.origin.seed,
        ]
        for radius, certified in enumerate(line.curve.certified.tolist())
    ]
