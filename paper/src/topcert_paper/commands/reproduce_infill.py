"""`topcert reproduce infill`: a published network on ImageNet, certified without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from topcert.cli import options
from topcert.cli.progress import console
from topcert.datasets.imagenet import INPUT_IN_WORDS
from topcert.evaluation.accuracy import floored
from topcert_paper.commands.reproducing import FromCounts, PrintedSteps, print_written
from topcert_paper.fills import FILLS, KEPTS, conditions
from topcert_paper.reproduce.infill import reproduce_infill

SHOWN_RADII: Final = (0, 1, 2, 5, 10, 20)

Images = Annotated[
    Path | None,
    typer.Option(help="Folder of ImageNet validation images: WNID/*.JPEG, or as published."),
]
Out = Annotated[
    Path, typer.Option(help="Folder for the network, votes, counts, the table and the figure.")
]
Kepts = Annotated[
    list[int] | None,
    typer.Option(
        "--keep",
        help=(
            "Pixels that each mask keeps (e), several times for several; 1000, 5000 and 10000"
            " without it."
        ),
    ),
]
Limit = Annotated[
    int, typer.Option(min=1, help="At most so many images, spread evenly over all there are.")
]


def infill(
    *,
    data_dir: Images = None,
    out: Out = Path("topcert-infill"),
    keep: Kepts = None,
    samples: options.Samples = 200,
    limit: Limit = 50,
    from_counts: FromCounts = False,
    device: options.Device = "auto",
    _progress: options.Progress = None,
) -> None:
    """A published ImageNet network, no training: hidden pixels filled from their neighbours, beside
    a grey fill.

    Certified top-k accuracy of EfficientNet-Lite0 for k = 1, 3, 5, 10, alpha = 0.001. Writes the
    network as ONNX first (extras `torch` and `pretrained`). Goes on where it was stopped: repeat
    the command. Few votes certify small radii only; `topcert plan` says how large.
    """
    made = reproduce_infill(
        data_dir=data_dir,
        out=out,
        num_kept=keep or KEPTS,
        num_samples=samples,
        limit=limit,
        from_counts=from_counts,
        device=device,
        progress=PrintedSteps(out),
    )
    shown = Table(
        title="certified top-k accuracy (votes: the label is among the k most voted)",
        title_justify="left",
        box=SIMPLE_HEAD,  # eleven columns in 80 characters
        padding=(0, 1, 0, 0),
    )
    for heading in ("k", "e", "fill", "votes", *(f"r={radius}" for radius in SHOWN_RADII), "max r"):
        shown.add_column(heading, no_wrap=True)
    for line in made.lines:
        hits, total = line.curve.certified.tolist(), line.curve.total
        shares = [floored(hits[r] if r < len(hits) else 0, total, 3) for r in SHOWN_RADII]
        largest = str(len(hits) - 2) if len(hits) > 1 else "none"
        shown.add_row(
            str(line.k),
            f"{line.num_kept:,}",
            FILLS[line.encoding],
            floored(line.voted, total, 3),
            *shares,
            largest,
        )
    console.print(shown)
    console.print(
        f"{conditions(made.lines)}. The certified input is {INPUT_IN_WORDS}.",
        highlight=False,
        soft_wrap=True,
    )
    print_written(made.paths)
