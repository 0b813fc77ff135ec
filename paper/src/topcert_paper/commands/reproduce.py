"""`topcert reproduce`: a table of the paper, ours beside theirs, or a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.help import Command, Group
from topcert.cli.progress import console
from topcert_paper.commands.reproduce_beyond import beyond
from topcert_paper.commands.reproduce_figures import figure_command
from topcert_paper.commands.reproduce_infill import infill
from topcert_paper.commands.reproduce_points import points
from topcert_paper.commands.reproducing import FromCounts, PrintedSteps, print_written
from topcert_paper.figures import FIGURES
from topcert_paper.rendering import by_row, conditions, ours
from topcert_paper.reproduce.made_table import MadeTable
from topcert_paper.reproduce.table1 import reproduce_table1
from topcert_paper.reproduce.table2 import reproduce_table2
from topcert_paper.tables import RADII

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
    _print(
        reproduce_table1(
            out=out,
            budget=budget,
            from_counts=from_counts,
            every_setting=every_setting,
            data_dir=data_dir,
            device=device,
            progress=PrintedSteps(out),
        )
    )


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
    _print(
        reproduce_table2(
            data_dir=data_dir,
            out=out,
            num_samples=samples,
            num_selection=selection,
            limit=limit,
            stride=stride,
            rehearse=rehearse,
            every_setting=every_setting,
            device=device,
            progress=PrintedSteps(out),
        )
    )


def _print(made: MadeTable) -> None:
    """The table, what each row was measured with, and what was written."""
    if made.rehearsed is not None:
        console.print(
            f"rehearsed {made.rehearsed} cells with untrained networks; they are not in the table",
            highlight=False,
        )
    shown = Table(title=made.table.caption, title_justify="left")
    for heading in ("k", "method", *(f"r = {radius}" for radius in RADII)):
        shown.add_column(heading)
    for row in by_row(made.cells):
        shown.add_row(
            str(row[0].k), row[0].title, *(f"{ours(cell)} ({cell.paper})" for cell in row)
        )
    console.print(shown)
    for row in by_row(made.cells):
        console.print(
            f"k = {row[0].k}, {row[0].title}: {conditions(row)}", highlight=False, soft_wrap=True
        )
    if made.useless:
        settings = ", ".join(setting.in_words() for setting in made.useless)
        console.print(
            f"no votes could certify a pixel at n = {made.num_samples:,} with {settings}",
            highlight=False,
            soft_wrap=True,
        )
    print_written(made.paths)


app.command(cls=Command, short_help="Appendix C: sets of points, PointNet.")(points)
for figure in FIGURES:
    app.command(figure.name, cls=Command, short_help=f"Accuracy against r, by {figure.varied}.")(
        figure_command(figure)
    )
app.command(cls=Command, short_help="An ImageNet network that was never trained for it.")(infill)
app.command(cls=Command, short_help="Certificates past the paper, by their passes.")(beyond)
