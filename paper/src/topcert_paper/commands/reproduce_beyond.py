"""`topcert reproduce beyond`: the certificates that go past the paper beside the paper's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.table import Table

from topcert.classifiers.loading import load_classifier
from topcert.cli import options
from topcert.cli.progress import console, messages, progress_bar, stoppable
from topcert_paper.beyond import Line, measured_lines
from topcert_paper.beyond_drawing import (
    CAPTION,
    COLUMNS,
    cells_of,
    conditions,
    write_comparison,
)
from topcert_paper.beyond_votes import (
    MEASURES,
    NETWORK,
    USUAL,
    asked_for,
    check_measures,
    keep_votes,
    requests_for,
    shape_of,
)
from topcert_paper.carried import carried_counts
from topcert_paper.commands.reproducing import FromCounts

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
    if from_counts:
        _finish(carried_counts("beyond", "beyond"), out)
        return
    check_measures(measure or MEASURES)
    asked = asked_for(measure, model)
    shapes = {(network, shape_of(wanted)) for network, wanted in asked}
    # better known before the work than after that of another network
    for network, shape in sorted(shapes):
        load_classifier(network, example=np.full((2, *shape), 0.5, np.float32), device=device)
    for network, wanted in asked:
        requests = requests_for(
            network,
            wanted,
            data_dir=data_dir,
            limit=limit,
            num_samples=samples,
            num_masks=masks,
            max_samples=max_samples,
            device=device,
        )
        for name, request in requests.items():
            messages.print(name, highlight=False)
            kept = f"what is finished is kept in {out}: repeat the command"
            with stoppable(kept), progress_bar("votes", unit="passes") as update:
                keep_votes(name, request, out, on_progress=update)
    _finish(out / "counts", out)


def _finish(counts: Path, out: Path) -> None:
    """Draw table and figure from kept votes: print the table in short, and write all."""
    with progress_bar("table", unit="rows") as update:
        lines = measured_lines(counts, on_row=update)
    places = [COLUMNS.index(name) for name in ("method", "passes", *SHOWN, "area")]
    for network in dict.fromkeys(line.network for line in lines):
        for k in sorted({line.k for line in lines}):
            _show(
                [line for line in lines if (line.network, line.k) == (network, k)],
                places,
                title=f"{network}, k = {k}",
            )
    console.print(f"{CAPTION}: {conditions(lines)}", highlight=False, soft_wrap=True)
    for path in write_comparison(lines, out / "beyond"):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


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
