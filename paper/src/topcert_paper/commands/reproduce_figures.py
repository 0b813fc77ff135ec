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
from topcert.cli.progress import console, messages, progress_bar, stoppable
from topcert.evaluation.accuracy import floored
from topcert_paper.carried import carried_counts, read_budget
from topcert_paper.collecting import TABLE1_EFFORT, Effort, train_setting, untrained_resnet50
from topcert_paper.commands.reproducing import FromCounts, need_torch
from topcert_paper.drawing import Measured, conditions, write_figure
from topcert_paper.figure_votes import cifar10_request, count_prefixes, imagenet_request
from topcert_paper.figures import CIFAR10, IMAGENET, PaperFigure, measured_lines, setting_of
from topcert_paper.prefixes import write_prefixes

SHOWN_RADII: Final = (0, 1, 2, 5, 10, 20)
DEFAULT_SAMPLES: Final = 100_000
DEFAULT_LIMIT: Final = 500

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
class ImagenetPanel:
    """What is measured on ImageNet, and with which model; nothing without its images."""

    imagenet_dir: ImagenetDir = None
    imagenet_model: ImagenetModel = None
    imagenet_encoding: ImagenetEncoding = None
    rehearse: Rehearse = False
    samples: Samples = None
    limit: Limit = None

    def check(self) -> None:
        """Raise ValueError where these options contradict each other."""
        others = [flag for flag in flags_given(self) if flag != "--imagenet-dir"]
        if others and self.imagenet_dir is None:
            raise ValueError(
                f"{others[0]} is for the ImageNet panel; name its images with --imagenet-dir, or"
                f" leave {others[0]} out"
            )
        if self.imagenet_encoding is not None and self.imagenet_model is None:
            raise ValueError(
                "--imagenet-encoding belongs to --imagenet-model; name the model, or leave the"
                " encoding out"
            )
        if self.rehearse and self.imagenet_model is not None:
            raise ValueError(
                "--rehearse is for networks that are missing; leave it out, or --imagenet-model"
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
        imagenet: ImagenetPanel,
        device: options.Device = "auto",
        _progress: options.Progress = None,
    ) -> None:
        size = read_budget(budget)
        imagenet.check()
        if from_counts:
            if imagenet.imagenet_dir is not None:
                raise ValueError("--from-counts measures nothing; leave --imagenet-dir out")
            _finish(
                figure,
                carried_counts(f"figures-{size}", f"figures at --budget {size}"),
                out / figure.name,
                note="",
            )
            return
        if not skip_cifar10:
            _measure_cifar10(figure, TABLE1_EFFORT[size], out, data_dir=data_dir, device=device)
        if imagenet.imagenet_dir is not None:
            _measure_imagenet(figure, out, imagenet, images=imagenet.imagenet_dir, device=device)
        if imagenet.rehearse and (out / "rehearsal" / "counts").is_dir():
            stem = out / "rehearsal" / f"{figure.name}-rehearsal"
            _finish(
                figure,
                out / "rehearsal" / "counts",
                stem,
                note="REHEARSAL with untrained networks: no measurement",
            )
            if not any(
                measured_lines(figure, data, out / "counts") for data in (CIFAR10, IMAGENET)
            ):
                return
        _finish(figure, out / "counts", out / figure.name, note="")

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


def _measure_cifar10(
    figure: PaperFigure, effort: Effort, out: Path, *, data_dir: Path | None, device: str
) -> None:
    kept = _what_is_kept(out)
    for num_kept in figure.kepts(CIFAR10):
        setting = setting_of(num_kept)
        messages.print(f"CIFAR-10, e = {num_kept}", highlight=False)
        folder = out / "networks" / setting.name
        need_torch(folder / f"{effort.network}.onnx")
        with stoppable(kept), progress_bar("train", unit="steps") as update:
            network = train_setting(
                setting, effort, folder, data_dir=data_dir, device=device, on_step=update
            )
        request = cifar10_request(
            num_kept, network, data_dir=data_dir, num_samples=effort.num_samples, device=device
        )
        with stoppable(kept), progress_bar("votes", unit="passes") as update:
            votes = count_prefixes(request, out / "runs" / setting.name, on_progress=update)
        write_prefixes(out / "counts", CIFAR10.record_name(num_kept), votes)


def _measure_imagenet(
    figure: PaperFigure, out: Path, asked: ImagenetPanel, *, images: Path, device: str
) -> None:
    if not images.is_dir():
        raise ValueError(
            f"--imagenet-dir must name a folder of validation images, WNID/*.jpg; got {images}"
        )
    for num_kept in figure.kepts(IMAGENET):
        name, where = IMAGENET.record_name(num_kept), out
        network = out / "networks" / name / "resnet50.onnx"
        if asked.imagenet_model is None and not network.is_file():
            if not asked.rehearse:
                messages.print(
                    f"ImageNet, e = {num_kept}: no network at {network}",
                    highlight=False,
                    soft_wrap=True,
                )
                continue
            need_torch(network)
            where = out / "rehearsal"
            network = untrained_resnet50(setting_of(num_kept), where / "networks")
        untrained = " (untrained: enters no measured figure)" if where != out else ""
        messages.print(f"ImageNet, e = {num_kept}{untrained}", highlight=False)
        request = imagenet_request(
            num_kept,
            str(network) if asked.imagenet_model is None else asked.imagenet_model,
            images=images,
            encoding=asked.imagenet_encoding,
            num_samples=DEFAULT_SAMPLES if asked.samples is None else asked.samples,
            limit=DEFAULT_LIMIT if asked.limit is None else asked.limit,
            device=device,
        )
        with stoppable(_what_is_kept(out)), progress_bar("votes", unit="passes") as update:
            votes = count_prefixes(request, where / "runs" / name, on_progress=update)
        write_prefixes(where / "counts", name, votes)


def _what_is_kept(out: Path) -> str:
    return f"what is finished is kept in {out}: repeat the command"


def _finish(figure: PaperFigure, counts: Path, stem: Path, *, note: str) -> None:
    """Draw the figure from counts: print a part of it, and write it in three forms."""
    found = [
        Measured(data=data, lines=measured_lines(figure, data, counts))
        for data in (CIFAR10, IMAGENET)
    ]
    panels = [measured for measured in found if measured.lines]
    if not panels:
        raise ValueError(
            f"{counts} has no votes for {figure.name}; measure CIFAR-10, or name networks and"
            " --imagenet-dir"
        )
    shown = Table(title=f"{figure.caption}{f' ({note})' if note else ''}", title_justify="left")
    for heading in (
        "data",
        figure.varied,
        *(f"r = {radius}" for radius in SHOWN_RADII),
        "largest r",
    ):
        shown.add_column(heading)
    for measured in panels:
        for line in measured.lines:
            hits = line.curve.certified.tolist()
            shares = [
                floored(hits[r] if r < len(hits) else 0, line.curve.total, 3) for r in SHOWN_RADII
            ]
            largest = str(len(hits) - 2) if len(hits) > 1 else "none"
            shown.add_row(measured.data.title, line.point.of(figure.varied), *shares, largest)
    console.print(shown)
    for measured in panels:
        console.print(
            conditions(figure, measured).replace("\n", ", "), highlight=False, soft_wrap=True
        )
    for measured in found:
        known = {line.point.num_kept for line in measured.lines}
        for num_kept in figure.kepts(measured.data):
            if num_kept not in known:
                console.print(
                    f"{measured.data.title}, e = {num_kept}: not measured", highlight=False
                )
    for path in write_figure(figure, panels, stem, note=note):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
