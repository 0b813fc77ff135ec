"""`topcert reproduce points`: Appendix C of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.progress import console
from topcert_paper.commands.reproducing import FromCounts, PrintedSteps, print_written
from topcert_paper.points import NUM_SAMPLES, RADII
from topcert_paper.reproduce.points import reproduce_points


def points(
    *,
    data: Annotated[
        str, typer.Option(help="surfaces (generated, here at once) or modelnet40, the paper's.")
    ] = "surfaces",
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of ModelNet40; without it, it is downloaded.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for networks, votes, counts and the table.")
    ] = Path("topcert-points"),
    samples: options.Samples = NUM_SAMPLES,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the training inputs, if not the usual.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many test inputs.")] = None,
    from_counts: FromCounts = False,
    device: options.Device = "auto",
    _progress: options.Progress = None,
) -> None:
    """Appendix C: PointNet, 16 of 2,048 points kept, k = 1 and 3, r = 10..50.

    The paper's numbers are of ModelNet40 and stand beside ours on it alone; `surfaces` are
    generated, so that the whole path can be walked where ModelNet40 cannot be had. Trains what
    OUT/networks lacks (extra `torch`), collects the votes that OUT/runs lacks, and goes on where it
    was stopped: repeat the command.
    """
    made = reproduce_points(
        data=data,
        out=out,
        num_samples=samples,
        epochs=epochs,
        limit=limit,
        from_counts=from_counts,
        data_dir=data_dir,
        device=device,
        progress=PrintedSteps(out),
    )
    measured = made.measured
    shown = Table()
    for heading in ("k", *(f"r = {radius}" for radius in RADII)):
        shown.add_column(heading)
    for curve in measured.curves:
        cells = (measured.cell(curve, column) for column in range(len(RADII)))
        shown.add_row(str(curve.k), *cells)
    # as a title the narrow table would break it
    console.print(measured.data.caption, highlight=False, soft_wrap=True)
    console.print(shown)
    console.print(f"measured with: {measured.conditions()}", highlight=False, soft_wrap=True)
    print_written(made.paths)
