"""`topcert reproduce beyond`: the certificates that go past the paper beside the paper's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.progress import console
from topcert_paper.beyond import Line
from topcert_paper.beyond_drawing import CAPTION, COLUMNS, cells_of, conditions
from topcert_paper.beyond_votes import MEASURES, NETWORK, USUAL
from topcert_paper.commands.reproducing import FromCounts, PrintedSteps, print_written
from topcert_paper.reproduce.beyond import reproduce_beyond

SHOWN: Final = ("r1", "r3", "r5")  # as many as a terminal of 80 columns holds

Measure = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What to measure: {', '.join(MEASURES)}; several times for several, all without it."
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help=(
            f"A network (carried, .onnx or module:function), several times for several; {NETWORK}"
            f" without it, and {USUAL['lattice']} for lattice, which networks that are named are"
            " asked only where --measure names it."
        ),
    ),
]


def beyond(
    *,
    data_dir: options.DataDir = None,
    out: Annotated[Path, typer.Option(help="Folder for votes, the table and the figure.")] = Path(
        "topcert-beyond"
    ),
    measure: Measure = None,
    model: Models = None,
    samples: Annotated[
        int, typer.Option(min=1, max=10**6, help="Independent masks an image (n).")
    ] = 10_000,
    masks: Annotated[int, typer.Option(min=1, max=10**6, help="Masks of the design.")] = 10_000,
    max_samples: Annotated[
        int, typer.Option(min=1, max=10**7, help="Votes at which a stopping rule gives up.")
    ] = 100_000,
    limit: options.Limit = None,
    from_counts: FromCounts = False,
    device: options.Device = "auto",
    _progress: options.Progress = None,
) -> None:
    """Located, fixed designs, anytime stopping and ballots beside Theorem 1: CIFAR-10, 500 images,
    k = 1..3, r = 0..15.

    Each with all its masks and with fewer, from the same votes, and with the passes and seconds
    that it takes. Collects the votes that OUT/runs lacks, and goes on where it was stopped: repeat
    the command. The table holds what was measured.
    """
    made = reproduce_beyond(
        out=out,
        measures=measure,
        models=model,
        num_samples=samples,
        num_masks=masks,
        max_samples=max_samples,
        limit=limit,
        from_counts=from_counts,
        data_dir=data_dir,
        device=device,
        progress=PrintedSteps(out),
    )
    lines = made.lines
    places = [COLUMNS.index(name) for name in ("method", "passes", *SHOWN, "area")]
    for network in dict.fromkeys(line.network for line in lines):
        for k in sorted({line.k for line in lines}):
            _show(
                [line for line in lines if (line.network, line.k) == (network, k)],
                places,
                title=f"{network}, k = {k}",
            )
    console.print(f"{CAPTION}: {conditions(lines)}", highlight=False, soft_wrap=True)
    print_written(made.paths)


def _show(lines: list[Line], places: list[int], *, title: str) -> None:
    if not lines:
        return
    shown = Table(title=title, title_justify="left")
    for place in places:
        shown.add_column(COLUMNS[place], no_wrap=True)
    for line in lines:
        cells = cells_of(line)
        shown.add_row(*(cells[place] for place in places))
    console.print(shown)
