"""`topcert reproduce figure1` .. `figure4`: one function, made into a command for each figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, final

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.grouping import flags_given, grouped
from topcert.cli.progress import console
from topcert.evaluation.accuracy import floored
from topcert_paper.commands.reproducing import FromCounts, PrintedSteps, print_written
from topcert_paper.drawing import conditions
from topcert_paper.figures import PaperFigure
from topcert_paper.reproduce.figure import ImagenetPanel, MadeFigure, reproduce_figure

SHOWN_RADII: Final = (0, 1, 2, 5, 10, 20)

CifarDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of CIFAR-10; without it, it is downloaded."),
]
Out = Annotated[
    Path,
    typer.Option(help="Folder for networks, votes, counts and figures; all four figures share it."),
]
SizeOption = Annotated[
    str,
    typer.Option(
        "--budget", help="CIFAR-10, small or paper: the network, and n up to 10^4 or 10^5."
    ),
]
SkipCifar10 = Annotated[
    bool,
    typer.Option("--skip-cifar10", help="Measure nothing on CIFAR-10; draw what OUT has of it."),
]
ImagenetDir = Annotated[
    Path | None,
    typer.Option(help="Folder of ImageNet validation images, WNID/*.jpg or as published."),
]
ImagenetModel = Annotated[
    str | None,
    typer.Option(
        help="ImageNet: one model for every e (.onnx or module:function), not OUT/networks."
    ),
]
ImagenetEncoding = Annotated[
    str | None, typer.Option(help="ImageNet: how hidden pixels are shown to --imagenet-model.")
]
Rehearse = Annotated[
    bool,
    typer.Option("--rehearse", help="ImageNet: walk the whole path with an untrained network."),
]
Samples = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10**8,
        help="ImageNet: votes an image (n), by default 100,000; --budget is CIFAR-10's.",
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="ImageNet: at most so many images, by default 500.")
]


@final
@dataclass(frozen=True, kw_only=True)
class ImagenetOptions:
    """What is measured on ImageNet, and with which model; nothing without its images."""

    imagenet_dir: ImagenetDir = None
    imagenet_model: ImagenetModel = None
    imagenet_encoding: ImagenetEncoding = None
    rehearse: Rehearse = False
    samples: Samples = None
    limit: Limit = None

    def panel(self) -> ImagenetPanel | None:
        """As Python takes it. Raises ValueError for options that need the images."""
        if self.imagenet_dir is None:
            for flag in flags_given(self):
                raise ValueError(
                    f"{flag} is for the ImageNet panel; name its images with --imagenet-dir, or"
                    f" leave {flag} out"
                )
            return None
        return ImagenetPanel(
            images=self.imagenet_dir,
            model=self.imagenet_model,
            encoding=self.imagenet_encoding,
            rehearse=self.rehearse,
            num_samples=ImagenetPanel.num_samples if self.samples is None else self.samples,
            limit=ImagenetPanel.limit if self.limit is None else self.limit,
        )


def figure_command(figure: PaperFigure) -> Callable[..., None]:
    """The command of one figure."""

    def draw(
        *,
        data_dir: CifarDir = None,
        out: Out = Path("topcert-figures"),
        budget: SizeOption = "small",
        from_counts: FromCounts = False,
        skip_cifar10: SkipCifar10 = False,
        imagenet: ImagenetOptions,
        device: options.Device = "auto",
        _progress: options.Progress = None,
    ) -> None:
        made = reproduce_figure(
            figure.name,
            out=out,
            budget=budget,
            from_counts=from_counts,
            skip_cifar10=skip_cifar10,
            imagenet=imagenet.panel(),
            data_dir=data_dir,
            device=device,
            progress=PrintedSteps(out),
        )
        if made.rehearsal is not None:
            _print(made.rehearsal)
        _print(made)

    numbers = {
        "k": "k = 1, 2, 3 (ImageNet: 1, 3, 5, 10)",
        "e": "e = 50, 100, 200 kept pixels (ImageNet: 500, 1000, 2000)",
        "n": "n = a hundredth, a tenth and all of the votes",
        "alpha": "alpha = 0.01, 0.001, 0.0001",
    }
    draw.__doc__ = f"""{figure.caption}: certified accuracy against r for {numbers[figure.varied]}.

    The other numbers are e = 50 (ImageNet: 1000), k = 3, alpha = 0.001 and all votes; 500 CIFAR-10
    test images. Trains what OUT/networks lacks (extra `torch`), collects the votes that OUT/runs
    lacks, and goes on where it was stopped: repeat the command. ImageNet needs --imagenet-dir, and
    --imagenet-model or OUT/networks/imagenet-ablation-E/resnet50.onnx.
    """
    return grouped(draw)


def _print(made: MadeFigure) -> None:
    """A part of the figure, what was not measured, and what was written."""
    figure, note = made.figure, made.note
    shown = Table(title=f"{figure.caption}{f' ({note})' if note else ''}", title_justify="left")
    for heading in (
        "data",
        figure.varied,
        *(f"r = {radius}" for radius in SHOWN_RADII),
        "largest r",
    ):
        shown.add_column(heading)
    for measured in made.panels:
        for line in measured.lines:
            hits = line.curve.certified.tolist()
            shares = [
                floored(hits[r] if r < len(hits) else 0, line.curve.total, 3) for r in SHOWN_RADII
            ]
            largest = str(len(hits) - 2) if len(hits) > 1 else "none"
            shown.add_row(measured.data.title, line.point.of(figure.varied), *shares, largest)
    console.print(shown)
    for measured in made.panels:
        console.print(
            conditions(figure, measured).replace("\n", ", "), highlight=False, soft_wrap=True
        )
    for data, num_kept in made.missing:
        console.print(f"{data.title}, e = {num_kept}: not measured", highlight=False)
    print_written(made.paths)
