"""The comparison of docs/beyond.md as CSV, Markdown and one figure. Shares are floored at three
decimals.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from topcert.evaluation.accuracy import floored
from topcert.files import replacing
from topcert.report.figures import Cost, draw_costs
from topcert_paper.beyond import KS, RADII, Line
from topcert_paper.beyond_ballots import draw_ballots, is_of_ballots

CAPTION: Final = "Beyond the paper: certified top-k accuracy on CIFAR-10, and what it costs"
SHOWN_RADIUS: Final = 5  # of the figure's lower half, the last column of the paper's tables
COLUMNS: Final = (
    "network",
    "method",
    "k",
    "masks",
    "alpha",
    "passes",
    "seconds",
    "settled",
    "total",
    "area",
    *(f"r{radius}" for radius in RADII),
)
UNKNOWN: Final = "not measured"
# and so no area: what is proven of larger radii nobody asked for
UNASKED: Final = ("stop radius=5", "stop table")


def cells_of(line: Line) -> list[str]:
    """One line under COLUMNS, as people read it."""
    hits, total = line.curve.certified.tolist(), line.curve.total
    return [
        line.network,
        line.row.title,
        str(line.k),
        f"{line.masks}",
        f"{line.alpha:g}",
        f"{line.passes:.0f}",
        UNKNOWN if line.seconds is None else f"{line.seconds:.2g}",
        "" if line.settled is None else str(line.settled),
        str(total),
        "" if line.row.title.startswith(UNASKED) else f"{line.area:.2f}",
        *(floored(hits[r] if r < len(hits) else 0, total, 3) for r in RADII),
    ]


def conditions(lines: Sequence[Line]) -> str:
    """What the lines of each network were measured with."""
    parts = []
    for network in dict.fromkeys(line.network for line in lines):
        first = next(line for line in lines if line.network == network)
        origin = first.origin
        known = origin.single_pass_accuracy
        accuracy = (
            "" if known is None else f" (a single pass is right for {known:g} of the test set)"
        )
        parts.append(f"{network}{accuracy}, {first.curve.total} test images, seed {origin.seed}")
    return "; ".join(parts)


def write_comparison(lines: Sequence[Line], stem: Path) -> list[Path]:
    """Write `stem`.csv, .md, .png and .svg, and ballots.png and .svg beside them; returns their
    paths.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    table, text = stem.with_suffix(".csv"), stem.with_suffix(".md")
    with replacing(table) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(cells_of(line) for line in lines)
    with replacing(text) as aside:
        aside.write_text(_markdown(lines), encoding="utf-8")
    return [table, text, *_draw(lines, stem), *draw_ballots(lines, stem.with_name("ballots"))]


def _markdown(lines: Sequence[Line]) -> str:
    names = COLUMNS[1:2] + COLUMNS[3:8] + COLUMNS[9:]
    parts = [
        f"{CAPTION}. {conditions(lines)}.",
        "",
        (
            "masks: the most that an image is shown under. passes: of the network, the mean over"
            " the images. seconds: what those passes and the certificates for all k took an image,"
            " on the machine that measured. settled: images whose question was answered. area:"
            " under the whole curve, in pixels: the mean radius, where a label that is not"
            " certified counts 0; none where larger radii were not asked for. rN: certified"
            " accuracy at r = N."
        ),
    ]
    for network in dict.fromkeys(line.network for line in lines):
        for k in sorted({line.k for line in lines}):
            chosen = [cells_of(line) for line in lines if (line.network, line.k) == (network, k)]
            if chosen:
                parts += [
                    "",
                    f"{network}, k = {k}",
                    "",
                    f"| {' | '.join(names)} |",
                    f"|{'---|' * len(names)}",
                ]
                parts += [
                    f"| {' | '.join(cells[1:2] + cells[3:8] + cells[9:])} |" for cells in chosen
                ]
    return "\n".join(parts) + "\n"


def _draw(lines: Sequence[Line], stem: Path) -> list[Path]:
    """A column for each k: the curves of three methods above, all methods by their passes below."""
    columns = {}
    for k in KS:
        # these have a figure of their own
        chosen = [line for line in lines if line.k == k and not is_of_ballots(line)]
        drawn = [line for line in chosen if _has_curve(line, chosen)]
        if drawn:
            columns[f"k = {k}, {drawn[0].curve.total} images"] = [
                Cost(
                    method=(
                        line.row.title
                        if line.settled is None
                        else "stop"
                        if line.row.method == "ablation"
                        else "stop, located"
                    ),
                    group=line.network,
                    passes=line.passes,
                    share=line.curve.at(SHOWN_RADIUS),
                    curve=line.curve if line in drawn else None,
                )
                for line in chosen
            ]
    measure = f"certified top-k accuracy at r = {SHOWN_RADIUS}"
    return (
        draw_costs(columns, unit="pixel", title=CAPTION, measure=measure, stem=stem)
        if columns
        else []
    )


def _has_curve(line: Line, chosen: Sequence[Line]) -> bool:
    """Theorem 1 and located with the most masks, and the design with 2,000 of them, or the most
    below.
    """
    if line.row.title not in ("Theorem 1, SimuEM", "located", "design"):
        return False
    alike = [
        other.masks
        for other in chosen
        if (other.network, other.row.title) == (line.network, line.row.title)
    ]
    limit = 2_000 if line.row.title == "design" else max(alike)
    return line.masks == max([masks for masks in alike if masks <= limit], default=0)
