"""The comparison of docs/beyond.md at a glance: ballots and lattices beside the paper's own
figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from topcert.report.figures import Marks, Panel, draw_panels
from topcert_paper.beyond import Line
from topcert_paper.tables import TABLE1

KS: Final = (1, 3)
TITLE: Final = (
    "Certified top-k accuracy on CIFAR-10: more labels from each ablated image, and images cut into"
    " grids"
)
PAPER_PASSES: Final = 100_000


def draw_ballots(lines: Sequence[Line], stem: Path) -> list[Path]:
    """A panel for k = 1 and one for k = 3; writes `stem`.png and .svg where ballots were
    measured.
    """
    panels = []
    for k in KS:
        chosen = [line for line in lines if line.k == k and _is_shown(line)]
        last = {_kind(line): line.network for line in chosen}  # of several networks of a kind
        chosen = [line for line in chosen if last[_kind(line)] == line.network]
        if chosen:
            named = [(_called(line), line.curve) for line in chosen]
            heading = f"k = {k}, {chosen[0].curve.total} test images"
            panels.append(Panel(title=heading, lines=named, marks=_of_the_paper(k)))
    return draw_panels(panels, unit="pixel", title=TITLE, stem=stem) if panels else []


def is_of_ballots(line: Line) -> bool:
    """Whether its votes name several labels: those of independent masks, and those of lattices."""
    return _kind(line) == "ballots" or _kind(line).startswith("lattice")


def _kind(line: Line) -> str:
    """Which votes of its network they are."""
    return line.row.votes.partition(".")[2]


def _is_shown(line: Line) -> bool:
    """All votes by one rule, for w = 1 and w = k; of lattices, which are few lines, each w up
    to k.
    """
    grids = _kind(line) == "lattice"
    by, named = ("design", range(1, line.k + 1)) if grids else ("Theorem 1, SimuEM", (1, line.k))
    return is_of_ballots(line) and line.row.title.startswith(by) and line.row.num_named in named


def _called(line: Line) -> str:
    of = "grids" if _kind(line) == "lattice" else "random masks"
    chance = "no failure probability" if not line.alpha else f"alpha = {line.alpha:g}"
    return f"{line.network}, w = {line.row.num_named}, {line.masks:,} {of}, {chance}"


def _of_the_paper(k: int) -> tuple[Marks, ...]:
    """Its row of the table for this k, as far as it has one."""
    for row in TABLE1.rows:
        if (row.method, row.k) == ("ablation", k):
            shares = [float(cell) for cell in row.paper]
            name = f"the paper: ResNet-110, w = 1, {PAPER_PASSES:,} random masks"
            return (Marks(name=name, radii=range(1, len(shares) + 1), shares=shares),)
    return ()
