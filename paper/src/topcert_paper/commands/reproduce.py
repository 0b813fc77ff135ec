"""`topcert reproduce`: a table of the paper, ours beside theirs, or a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.help import Command, Group
from topcert.cli.progress import console, messages, progress_bar, stoppable
from topcert.datasets.reading import Reading
from topcert_paper.carried import read_budget, table1_counts
from topcert_paper.cells import all_cells
from topcert_paper.collecting import (
    INTERVAL_EFFORT,
    TABLE1_EFFORT,
    bound_images,
    count_setting,
    request_for,
    train_interval,
    train_setting,
    untrained_resnet50,
    useful_settings,
)
from topcert_paper.commands.reproduce_beyond import beyond
from topcert_paper.commands.reproduce_figures import figure_command
from topcert_paper.commands.reproduce_infill import infill
from topcert_paper.commands.reproduce_points import points
from topcert_paper.commands.reproducing import FromCounts, need_torch
from topcert_paper.figures import FIGURES
from topcert_paper.records import write_counted
from topcert_paper.rendering import by_row, conditions, ours, write_table
from topcert_paper.tables import NUM_SELECTION, RADII, TABLE1, TABLE2, PaperTable

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Measure a table or a figure of the paper again.",
    short_help="The tables and figures of the paper.",
)

Out = Annotated[Path, typer.Option(help="Folder for networks, votes, counts and the table.")]
Every = Annotated[
    bool,
    typer.Option("--every-setting", help="Also settings that cannot certify one pixel at this n."),
]


@app.command(cls=Command, short_help="Table 1: CIFAR-10, every method.")
def table1(
    *,
    data_dir: options.DataDir = None,
    out: Out = Path("topcert-table1"),
    budget: Annotated[
        str, typer.Option(help="small or paper: the network, and n = 10,000 or 100,000.")
    ] = "small",
    from_counts: FromCounts = False,
    every_setting: Every = False,
    device: options.Device = "auto",
    _progress: options.Progress = None,
) -> None:
    """Table 1 and Appendix D's row: CIFAR-10, 500 test images, every method, r = 1..5.

    Trains what OUT/networks lacks (extra `torch`), collects the votes that OUT/runs lacks, and goes
    on where it was stopped: repeat the command. A network of your own is taken if it lies at
    OUT/networks/SETTING/NETWORK.onnx.
    """
    size = read_budget(budget)
    effort = TABLE1_EFFORT[size]
    if from_counts:
        _finish(TABLE1, table1_counts(size), out, num_samples=effort.num_samples)
        return
    counts = out / "counts"
    settings = (
        TABLE1.settings
        if every_setting
        else useful_settings(TABLE1, num_samples=effort.num_samples)
    )
    kept = f"what is finished is kept in {out}: repeat the command"
    for number, setting in enumerate(settings, 1):
        messages.print(f"{number} of {len(settings) + 1}: {setting.name}", highlight=False)
        folder = out / "networks" / setting.name
        need_torch(folder / f"{effort.network}.onnx")
        with stoppable(kept), progress_bar("train", unit="steps") as update:
            network = train_setting(
                setting, effort, folder, data_dir=data_dir, device=device, on_step=update
            )
        request = request_for(
            setting,
            network,
            data="cifar10",
            reading=Reading(data_dir=data_dir),
            num_samples=effort.num_samples,
            num_selection=NUM_SELECTION,
            device=device,
        )
        with stoppable(kept), progress_bar("votes", unit="passes") as update:
            write_counted(
                counts,
                setting.name,
                count_setting(request, out / "runs" / setting.name, on_progress=update),
            )
    messages.print(f"{len(settings) + 1} of {len(settings) + 1}: interval bounds", highlight=False)
    folder = out / "networks" / "interval"
    need_torch(folder / f"{INTERVAL_EFFORT.network}.onnx")
    with stoppable(kept), progress_bar("train", unit="steps") as update:
        network = train_interval(INTERVAL_EFFORT, folder, data_dir=data_dir, on_step=update)
    with stoppable(kept), progress_bar("bounds", unit="images") as update:
        bound_images(network, INTERVAL_EFFORT, counts, data_dir=data_dir, on_progress=update)
    _finish(TABLE1, counts, out, num_samples=effort.num_samples)


@app.command(cls=Command, short_help="Table 2: ImageNet, every method.")
def table2(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of ImageNet validation images, WNID/*.jpg or as published."),
    ] = None,
    out: Out = Path("topcert-table2"),
    samples: options.Samples = 100_000,
    selection: Annotated[
        int, typer.Option(min=1, help="Votes of the first sample, which selects labels (n0).")
    ] = 100,
    limit: Annotated[int, typer.Option(min=1, help="At most so many images.")] = 500,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Every so many-th image; by default spread over all.")
    ] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Walk the whole path with untrained networks.")
    ] = False,
    every_setting: Every = False,
    device: options.Device = "auto",
    _progress: options.Progress = None,
) -> None:
    """Table 2: ImageNet, 224 x 224 crops, ResNet-50, every method, r = 1..5.

    Networks are not trained here: those at OUT/networks/SETTING/resnet50.onnx are certified
    (SETTING as in ablation-1000, gaussian-0.5, discrete-0.2), and cells without one say "not
    measured". With --rehearse the votes of missing networks are collected from an untrained
    ResNet-50 under OUT/rehearsal, and enter no cell.
    """
    if data_dir is None or not data_dir.is_dir():
        raise ValueError(
            f"--data-dir must name a folder of validation images, WNID/*.jpg; got {data_dir}"
        )
    counts = out / "counts"
    settings = TABLE2.settings if every_setting else useful_settings(TABLE2, num_samples=samples)
    kept = f"what is finished is kept in {out}: repeat the command"
    for number, setting in enumerate(settings, 1):
        network, where = out / "networks" / setting.name / "resnet50.onnx", out
        if not network.is_file():
            if not rehearse:
                continue
            where = out / "rehearsal"
            need_torch(network)
            network = untrained_resnet50(setting, where / "networks")
        untrained = " (untrained: enters no cell)" if where != out else ""
        messages.print(f"{number} of {len(settings)}: {setting.name}{untrained}", highlight=False)
        request = request_for(
            setting,
            network,
            data="imagenet",
            reading=Reading(data_dir=data_dir, stride=stride, limit=limit),
            num_samples=samples,
            num_selection=selection,
            device=device,
        )
        with stoppable(kept), progress_bar("votes", unit="passes") as update:
            counted = count_setting(request, where / "runs" / setting.name, on_progress=update)
        write_counted(where / "counts", setting.name, counted)
    if rehearse:
        rehearsed = sum(
            cell.certified is not None for cell in all_cells(TABLE2, out / "rehearsal" / "counts")
        )
        console.print(
            f"rehearsed {rehearsed} cells with untrained networks; they are not in the table",
            highlight=False,
        )
    _finish(TABLE2, counts, out, num_samples=samples)


def _finish(table: PaperTable, counts: Path, out: Path, *, num_samples: int) -> None:
    """Draw the table from counts: print it, and write it in three forms."""
    cells = all_cells(table, counts)
    shown = Table(title=table.caption, title_justify="left")
    for heading in ("k", "method", *(f"r = {radius}" for radius in RADII)):
        shown.add_column(heading)
    for row in by_row(cells):
        shown.add_row(
            str(row[0].k), row[0].title, *(f"{ours(cell)} ({cell.paper})" for cell in row)
        )
    console.print(shown)
    for row in by_row(cells):
        console.print(
            f"k = {row[0].k}, {row[0].title}: {conditions(row)}", highlight=False, soft_wrap=True
        )
    useless = [
        setting.in_words()
        for setting in table.settings
        if setting not in useful_settings(table, num_samples=num_samples)
    ]
    if useless:
        console.print(
            f"no votes could certify a pixel at n = {num_samples:,} with {', '.join(useless)}",
            highlight=False,
            soft_wrap=True,
        )
    for path in write_table(cells, out / table.name, caption=table.caption):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


app.command(cls=Command, short_help="Appendix C: sets of points, PointNet.")(points)
for figure in FIGURES:
    app.command(figure.name, cls=Command, short_help=f"Accuracy against r, by {figure.varied}.")(
        figure_command(figure)
    )
app.command(cls=Command, short_help="An ImageNet network that was never trained for it.")(infill)
app.command(cls=Command, short_help="Certificates past the paper, by their passes.")(beyond)
