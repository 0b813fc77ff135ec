"""Accuracy curves as tables: CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from topcert.api.arguments import listed
from topcert.evaluation.accuracy import AccuracyCurve, floored
from topcert.evaluation.accuracy_intervals import interval_of, share_in_words
from topcert.evaluation.wording import shown_radii
from topcert.theory.scalars import whole_number


@final
@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve and the run that it is of."""

    name: str
    curve: AccuracyCurve
    unit: str


def rows_of(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """One row a run, k and radius."""
    return [
        {
            "run": line.name,
            "k": line.curve.k,
            "radius": radius,
            "certified": hits,
            "total": line.curve.total,
            "share": line.curve.at(radius),
            "lower": interval_of(line.curve, radius)[0],
            "upper": interval_of(line.curve, radius)[1],
        }
        for line in lines
        for radius, hits in enumerate(line.curve.certified.tolist())
    ]


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV, under their names."""
    written = io.StringIO()
    writer = csv.DictWriter(written, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def cells_of(lines: Sequence[Line], radii: Sequence[int] | None) -> list[list[str]]:
    """A header, then a row for each run and k, with a column for each radius; None takes small
    radii, round ones, and where curves end.

    Raises ValueError for what is no radius.
    """
    shown = shown_radii(max(len(line.curve.certified) for line in lines))
    places = (
        shown
        if radii is None
        else [checked_radius(radius) for radius in listed(radii, "radii", such_as="[0, 1, 5]")]
    )
    header = ["run", "k", *(f"r = {radius}" for radius in places)]
    return [
        header,
        *(
            [
                line.name.replace("|", "/"),
                str(line.curve.k),
                *(share_in_words(line.curve, radius) for radius in places),
            ]
            for line in lines
        ),
    ]


def checked_radius(radius: Any) -> int:
    """A whole number of features. Raises ValueError for another, and for a negative one."""
    found = whole_number(radius, "radius")
    if found < 0:
        raise ValueError(f"a radius must be at least 0, got {found}")
    return found


def as_markdown(cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table of a header and rows."""
    header, *rows = cells
    ruled = ["---"] * 2 + ["---:"] * (len(header) - 2)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ruled, *rows)) + "\n"


def as_latex(cells: Sequence[Sequence[str]]) -> str:
    """The same as a LaTeX tabular, for the package booktabs."""
    header, *rows = [[_escaped(cell) for cell in row] for row in cells]
    lines = [" & ".join(row) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{ll{'r' * (len(header) - 2)}}}",
            r"\toprule",
            " & ".join(header) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def share_at(curve: AccuracyCurve, radius: int) -> str:
    """The share at a radius, floored at three decimals."""
    hits = int(curve.certified[radius]) if radius < len(curve.certified) else 0
    return floored(hits, curve.total, 3)


def _escaped(text: str) -> str:
    for sign in "\\&%$#_{}":
        text = text.replace(sign, r"\textbackslash " if sign == "\\" else f"\\{sign}")
    return text
