"""`topcert reproduce infill`: a published network on ImageNet, certified without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from topcert.cli import options
from topcert.cli.progress import console, messages, progress_bar, stoppable
from topcert.datasets.imagenet import INPUT_IN_WORDS
from topcert.datasets.reading import Reading
from topcert.evaluation.accuracy import floored
from topcert.noise.ablation import Ablation
from topcert.voting.request import Request
from topcert_paper.carried import carried_counts
from topcert_paper.commands.reproducing import FromCounts, need_torch
from topcert_paper.fills import (
    FILLS,
    KEPTS,
    conditions,
    count_fill,
    measured_lines,
    network_path,
    write_fills,
    write_network,
)

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
    if from_counts:
        _finish(carried_counts("infill", "infill"), out)
        return
    if data_dir is None or not data_dir.is_dir():
        raise ValueError(
            "--data-dir must name a folder of ImageNet validation images, WNID/*.JPEG; got"
            f" {data_dir}"
        )
    need_torch(network_path(out / "networks"))
    model = write_network(out / "networks")
    settings = [
        (encoding, num_kept) for num_kept in dict.fromkeys(keep or KEPTS) for encoding in FILLS
    ]
    for number, (encoding, num_kept) in enumerate(settings, 1):
        messages.print(
            f"{number} of {len(settings)}: {FILLS[encoding]}, e = {num_kept}", highlight=False
        )
        request = Request(
            data="imagenet",
            reading=Reading(data_dir=data_dir, limit=limit),
            model=str(model),
            noise=Ablation(num_kept=num_kept, encoding=encoding),
            num_samples=samples,
            device=device,
        )
        kept = f"what is finished is kept in {out}: repeat the command"
        with stoppable(kept), progress_bar("votes", unit="passes") as update:
            count_fill(request, out, on_progress=update)
    _finish(out / "counts", out)


def _finish(counts: Path, out: Path) -> None:
    """Draw the table and the figure from counts: print them, and write them."""
    lines = measured_lines(counts)
    shown = Table(
        title="certified top-k accuracy (votes: the label is among the k most voted)",
        title_justify="left",
        box=SIMPLE_HEAD,  # eleven columns in 80 characters
        padding=(0, 1, 0, 0),
    )
    for heading in ("k", "e", "fill", "votes", *(f"r={radius}" for radius in SHOWN_RADII), "max r"):
        shown.add_column(heading, no_wrap=True)
    for line in lines:
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
        f"{conditions(lines)}. The certified input is {INPUT_IN_WORDS}.",
        highlight=False,
        soft_wrap=True,
    )
    for path in write_fills(lines, out / "infill"):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
