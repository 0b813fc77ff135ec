"""Figures 1 to 4: certified accuracy against the radius, by k, e, n and alpha."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from topcert_paper.carried import carried_counts, read_budget
from topcert_paper.collecting import TABLE1_EFFORT, Effort, train_setting, untrained_resnet50
from topcert_paper.drawing import Measured, write_figure
from topcert_paper.figure_votes import cifar10_request, count_prefixes, imagenet_request
from topcert_paper.figures import (
    CIFAR10,
    FIGURES,
    IMAGENET,
    FigureData,
    PaperFigure,
    measured_lines,
    setting_of,
)
from topcert_paper.needs import need_images, need_torch
from topcert_paper.prefixes import write_prefixes
from topcert_paper.reproduce.steps import Progress, Steps, steps_of
from topcert_paper.words import paper_words

REHEARSAL: Final = "REHEARSAL with untrained networks: no measurement"


@final
@dataclass(frozen=True, kw_only=True)
class ImagenetPanel:
    """How the ImageNet panel of a figure is measured.

    Parameters
    ----------
    images
        The folder of ImageNet's validation images, WNID/*.jpg or as published.
    model
        One model for every e (.onnx or "module:function"); None for the networks at
        OUT/networks/imagenet-ablation-E/resnet50.onnx.
    encoding
        How hidden pixels are shown to `model`.
    rehearse
        Walk the whole path with an untrained network where one is missing.
    num_samples
        Votes of an image (n).
    limit
        At most so many images, spread over all.
    """

    images: str | Path
    model: str | None = None
    encoding: str | None = None
    rehearse: bool = False
    num_samples: int = 100_000
    limit: int = 500

    def __post_init__(self) -> None:
        with paper_words():
            if self.encoding is not None and self.model is None:
                raise ValueError(
                    "--imagenet-encoding belongs to --imagenet-model; name the model, or leave the"
                    " encoding out"
                )
            if self.rehearse and self.model is not None:
                raise ValueError(
                    "--rehearse is for networks that are missing; leave it out, or --imagenet-model"
                )


@final
@dataclass(frozen=True, kw_only=True)
class MadeFigure:
    """A figure as it was measured again.

    Attributes
    ----------
    figure
        The paper's.
    panels
        What was measured, a panel for each data set.
    missing
        What was not: each data set and number kept.
    note
        What stands under the title, of a rehearsal.
    paths
        What was written: the numbers and the picture.
    rehearsal
        The same of untrained networks, None where nothing was rehearsed.
    """

    figure: PaperFigure
    panels: tuple[Measured, ...]
    missing: tuple[tuple[FigureData, int], ...]
    note: str
    paths: tuple[Path, ...]
    rehearsal: MadeFigure | None = None


def reproduce_figure(
    name: str,
    *,
    out: str | Path = "topcert-figures",
    budget: str = "small",
    from_counts: bool = False,
    skip_cifar10: bool = False,
    imagenet: ImagenetPanel | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> MadeFigure:
    """Measure a figure of the paper again, as `topcert reproduce figure1` .. `figure4` do.

    Trains what `out`/networks lacks (extra `torch`), collects the votes that `out`/runs lacks, and
    goes on where it was stopped. All four figures share a folder.

    Parameters
    ----------
    name
        "figure1", "figure2", "figure3" or "figure4".
    out
        A folder for networks, votes, counts and figures.
    budget
        Of CIFAR-10, "small" or "paper": the network, and n up to 10,000 or 100,000.
    from_counts
        Redraw it from the votes that this package carries; nothing is measured.
    skip_cifar10
        Measure nothing on CIFAR-10; draw what `out` has of it.
    imagenet
        How the panel of ImageNet is measured; None for no such panel.
    data_dir
        The folder of CIFAR-10; without it, it is downloaded.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    MadeFigure
        Where all that was measured is a rehearsal, that.

    Raises
    ------
    ValueError
        For another name or budget, votes that are not carried, and where nothing was measured.

    Examples
    --------
    >>> from topcert_paper import reproduce_figure
    >>> made = reproduce_figure("figure4", out="figures", from_counts=True)
    >>> [line.point.alpha for line in made.panels[0].lines]
    [0.01, 0.001, 0.0001]
    """
    with paper_words():
        found = [figure for figure in FIGURES if figure.name == name]
        if not found:
            names = ", ".join(figure.name for figure in FIGURES)
            raise ValueError(f"there is no figure {name!r}; choose one of {names}")
        (figure,), folder, size = found, Path(out), read_budget(budget)
        if from_counts:
            if imagenet is not None:
                raise ValueError("--from-counts measures nothing; leave --imagenet-dir out")
            counts = carried_counts(f"figures-{size}", f"figures at --budget {size}")
            return _draw(figure, counts, folder / name)
        steps, data = steps_of(progress), None if data_dir is None else Path(data_dir)
        if not skip_cifar10:
            effort = TABLE1_EFFORT[size]
            _measure_cifar10(figure, effort, folder, data_dir=data, device=device, steps=steps)
        if imagenet is not None:
            _measure_imagenet(figure, folder, imagenet, device=device, steps=steps)
        rehearsal = None
        if imagenet is not None and imagenet.rehearse:
            counts = folder / "rehearsal" / "counts"
            if counts.is_dir():
                stem = folder / "rehearsal" / f"{name}-rehearsal"
                rehearsal = _draw(figure, counts, stem, note=REHEARSAL)
                if not any(
                    measured_lines(figure, panel, folder / "counts")
                    for panel in (CIFAR10, IMAGENET)
                ):
                    return rehearsal
        return _draw(figure, folder / "counts", folder / name, rehearsal=rehearsal)


def _measure_cifar10(
    figure: PaperFigure,
    effort: Effort,
    out: Path,
    *,
    data_dir: Path | None,
    device: str,
    steps: Steps,
) -> None:
    for num_kept in figure.kepts(CIFAR10):
        setting = setting_of(num_kept)
        steps.tell(f"CIFAR-10, e = {num_kept}")
        folder = out / "networks" / setting.name
        need_torch(folder / f"{effort.network}.onnx")
        with steps.work("train", unit="steps") as update:
            network = train_setting(
                setting, effort, folder, data_dir=data_dir, device=device, on_step=update
            )
        request = cifar10_request(
            num_kept, network, data_dir=data_dir, num_samples=effort.num_samples, device=device
        )
        with steps.work("votes", unit="passes") as update:
            votes = count_prefixes(request, out / "runs" / setting.name, on_progress=update)
        write_prefixes(out / "counts", CIFAR10.record_name(num_kept), votes)


def _measure_imagenet(
    figure: PaperFigure, out: Path, panel: ImagenetPanel, *, device: str, steps: Steps
) -> None:
    images = need_images(Path(panel.images), "--imagenet-dir", "validation images, WNID/*.jpg")
    for num_kept in figure.kepts(IMAGENET):
        name, where = IMAGENET.record_name(num_kept), out
        network = out / "networks" / name / "resnet50.onnx"
        if panel.model is None and not network.is_file():
            if not panel.rehearse:
                steps.tell(f"ImageNet, e = {num_kept}: no network at {network}")
                continue
            need_torch(network)
            where = out / "rehearsal"
            network = untrained_resnet50(setting_of(num_kept), where / "networks")
        untrained = " (untrained: enters no measured figure)" if where != out else ""
        steps.tell(f"ImageNet, e = {num_kept}{untrained}")
        request = imagenet_request(
            num_kept,
            str(network) if panel.model is None else panel.model,
            images=images,
            encoding=panel.encoding,
            num_samples=panel.num_samples,
            limit=panel.limit,
            device=device,
        )
        with steps.work("votes", unit="passes") as update:
            votes = count_prefixes(request, where / "runs" / name, on_progress=update)
        write_prefixes(where / "counts", name, votes)


def _draw(
    figure: PaperFigure,
    counts: Path,
    stem: Path,
    *,
    note: str = "",
    rehearsal: MadeFigure | None = None,
) -> MadeFigure:
    """The figure from the counts in a folder. Raises ValueError where there are none."""
    found = [
        Measured(data=data, lines=measured_lines(figure, data, counts))
        for data in (CIFAR10, IMAGENET)
    ]
    panels = tuple(measured for measured in found if measured.lines)
    if not panels:
        raise ValueError(
            f"{counts} has no votes for {figure.name}; measure CIFAR-10, or name networks and"
            " --imagenet-dir"
        )
    return MadeFigure(
        figure=figure,
        panels=panels,
        missing=tuple(
            (measured.data, num_kept)
            for measured in found
            for num_kept in figure.kepts(measured.data)
            if num_kept not in {line.point.num_kept for line in measured.lines}
        ),
        note=note,
        paths=tuple(write_figure(figure, panels, stem, note=note)),
        rehearsal=rehearsal,
    )
