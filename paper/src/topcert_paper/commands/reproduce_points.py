"""`topcert reproduce points`: Appendix C of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.progress import console, progress_bar, stoppable
from topcert_paper.carried import carried_counts
from topcert_paper.collecting import count_setting
from topcert_paper.commands.reproducing import FromCounts, need_torch
from topcert_paper.points import (
    NETWORK,
    NUM_SAMPLES,
    POINT_DATA,
    RADII,
    PointData,
    point_request,
    read_curves,
    train_points,
    write_points,
)
from topcert_paper.records import write_counted


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
    if data not in POINT_DATA:
        raise ValueError(f"--data must be one of {', '.join(POINT_DATA)}, got {data!r}")
    chosen = POINT_DATA[data]
    if from_counts:
        _finish(chosen, carried_counts(f"points-{data}", f"points on {data}"), out)
        return
    folder, kept = out / "networks" / data, f"what is finished is kept in {out}: repeat the command"
    need_torch(folder / f"{NETWORK}.onnx")
    with stoppable(kept), progress_bar("train", unit="steps") as update:
        network = train_points(
            chosen, folder, epochs=epochs, data_dir=data_dir, device=device, on_step=update
        )
    request = point_request(
        chosen, network, data_dir=data_dir, num_samples=samples, limit=limit, device=device
    )
    with stoppable(kept), progress_bar("votes", unit="passes") as update:
        counted = count_setting(request, out / "runs" / data, on_progress=update)
    write_counted(out / "counts", data, counted)
    _finish(chosen, out / "counts", out)


def _finish(data: PointData, counts: Path, out: Path) -> None:
    """Draw table and figure from counts: print the table, and write both."""
    made = read_curves(data, counts)
    shown = Table()
    for heading in ("k", *(f"r = {radius}" for radius in RADII)):
        shown.add_column(heading)
    for curve in made.curves:
        shown.add_row(str(curve.k), *(made.cell(curve, column) for column in range(len(RADII))))
    # as a title the narrow table would break it
    console.print(data.caption, highlight=False, soft_wrap=True)
    console.print(shown)
    console.print(f"measured with: {made.conditions()}", highlight=False, soft_wrap=True)
    for path in write_points(made, out / f"points-{data.name}"):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
