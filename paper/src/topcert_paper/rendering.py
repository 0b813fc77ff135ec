"""A table as CSV, Markdown and LaTeX: ours beside the paper's, cell by cell. Shares are floored at
three decimals.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Final

from topcert.evaluation.accuracy import floored
from topcert.files import replacing
from topcert_paper.cells import Cell
from topcert_paper.tables import RADII

NOT_MEASURED: Final = "not measured"
COLUMNS: Final = (
    "k",
    "method",
    "title",
    "radius",
    "ours",
    "paper",
    "certified",
    "total",
    "setting",
    "num_samples",
    "alpha",
    "network",
    "multiply_adds",
)


def ours(cell: Cell) -> str:
    return NOT_MEASURED if cell.certified is None else floored(cell.certified, cell.total, 3)


def papers(cell: Cell) -> str:
    """The paper's share with as many decimals as ours: it has zeros as 0.0."""
    return (
        f"{cell.paper}{'0' * (5 - len(cell.paper))}"
        if re.fullmatch(r"\d\.\d{1,2}", cell.paper)
        else cell.paper
    )


def captioned(caption: str, cells: Iterable[Cell]) -> str:
    """The caption with what was measured: which networks, on how many inputs."""
    measured = [cell for cell in cells if cell.origin is not None]
    networks = ", ".join(
        dict.fromkeys(cell.origin.network for cell in measured if cell.origin is not None)
    )
    totals = ", ".join(dict.fromkeys(f"{cell.total:,}" for cell in measured))
    return f"{caption} Networks: {networks}; {totals} images." if measured else caption


def by_row(cells: Iterable[Cell]) -> list[list[Cell]]:
    """The cells of each row, in the order of rows."""
    return [list(group) for _, group in groupby(cells, key=lambda cell: (cell.k, cell.title))]


def conditions(row: list[Cell]) -> str:
    """What a row was measured with: network, sample size, inputs and the settings that were
    best.
    """
    first = row[0]
    if first.origin is None:
        return NOT_MEASURED
    origin = first.origin
    cost = (
        ""
        if origin.multiply_adds is None
        else f" ({origin.multiply_adds / 1e6:.1f} M multiply-adds)"
    )
    votes = (
        f"n = {origin.num_samples:,}, alpha = {first.alpha:g}"
        if origin.num_samples
        else "no samples, alpha = 0"
    )
    best = list(dict.fromkeys(cell.setting for cell in row if cell.setting))
    return ", ".join(
        [
            f"{origin.network}{cost}",
            votes,
            f"{first.total} images",
            *[" / ".join(best)] * bool(best),
        ]
    )


def write_table(cells: list[Cell], stem: Path, *, caption: str) -> list[Path]:
    """Write `stem`.csv, .md and .tex; returns their paths."""
    paths = [stem.with_suffix(suffix) for suffix in (".csv", ".md", ".tex")]
    stem.parent.mkdir(parents=True, exist_ok=True)
    with replacing(paths[0]) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(values_of(cell) for cell in cells)
    for path, text in zip(
        paths[1:], (_markdown(cells, caption), _latex(cells, caption)), strict=True
    ):
        with replacing(path) as aside:
            aside.write_text(text, encoding="utf-8")
    return paths


def values_of(cell: Cell) -> list[object]:
    """A cell under COLUMNS."""
    origin = cell.origin
    return [
        cell.k,
        cell.method,
        cell.title,
        cell.radius,
        ours(cell),
        cell.paper,
        "" if cell.certified is None else cell.certified,
        cell.total or "",
        cell.setting,
        "" if origin is None else origin.num_samples,
        "" if origin is None else cell.alpha,
        "" if origin is None else origin.network,
        "" if origin is None or origin.multiply_adds is None else origin.multiply_adds,
    ]


def _markdown(cells: list[Cell], caption: str) -> str:
    lines = [
        captioned(caption, cells),
        "",
        "| k | method | " + " | ".join(f"r = {r}" for r in RADII) + " | measured with |",
    ]
    lines.append("|---" * (len(RADII) + 3) + "|")
    for row in by_row(cells):
        numbers = (f"{ours(cell)} ({papers(cell)})" for cell in row)
        lines.append(f"| {row[0].k} | {row[0].title} | {' | '.join(numbers)} | {conditions(row)} |")
    return "\n".join(lines) + "\n"


def _latex(cells: list[Cell], caption: str) -> str:
    unnumbered = re.sub(r"^Table \d+: ", "", captioned(caption, cells))  # LaTeX numbers it
    lines = [
        r"\begin{table}",
        rf"\caption{{{_escaped(unnumbered[:1].upper() + unnumbered[1:])}}}",
        r"\begin{tabular}{ll" + "c" * len(RADII) + "}",
        r"\hline",
        "$k$ & method & " + " & ".join(f"$r = {r}$" for r in RADII) + r" \\ \hline",
    ]
    for row in by_row(cells):
        numbers = (f"{ours(cell)} ({papers(cell)})" for cell in row)
        lines.append(f"{row[0].k} & {_escaped(row[0].title)} & {' & '.join(numbers)} \\\\")
        lines.append(f"% {conditions(row)}")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", r"\end{table}"]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", r"\&").replace("%", r"\%").replace("_", r"\_")
