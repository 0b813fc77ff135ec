"""`topcert train`: a base classifier under the noise of its certificate."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar, final

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.grouping import grouped
from topcert.cli.own_commands import OwnCommand
from topcert.cli.parsing import check_folder
from topcert.cli.progress import console, progress_bar, stoppable
from topcert.cli.training_noise import ShownOptions, checked_at_first, training_noise
from topcert.datasets.cifar10 import HELD_OUT
from topcert.report.figures import draw_training

if TYPE_CHECKING:
    import torch

    from topcert.training.distillation import Distillation
    from topcert.training.noise import Noise
    from topcert.training.precision import Precision


@final
@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """What differs from the network's own recipe."""

    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training inputs.")] = (
        None
    )
    batch_size: Annotated[int | None, typer.Option(min=2, help="Noisy inputs a step.")] = None
    views: Annotated[
        int | None,
        typer.Option(min=1, help="Noises that each input of a batch is shown under; 1 by default."),
    ] = None
    optimizer: Annotated[str | None, typer.Option(help="sgd, muon, muon-float32 or adam.")] = None
    schedule: Annotated[
        str | None, typer.Option(help="one-cycle, or steps (a tenth after each third).")
    ] = None
    learning_rate: Annotated[float | None, typer.Option(min=1e-9, help="Peak of the schedule.")] = (
        None
    )
    weight_decay: Annotated[float | None, typer.Option(min=0.0, help="Of SGD and Adam.")] = None
    label_smoothing: Annotated[
        float | None, typer.Option(min=0.0, max=0.5, help="Of the cross-entropy.")
    ] = None
    average: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=0.99999,
            help="Decay a step of the average of weights, which is kept; 0: none.",
        ),
    ] = None
    precision: Annotated[
        str | None,
        typer.Option(
            help="float32 or bfloat16 (mixed); the recipe's, where the device is fast at it."
        ),
    ] = None


@final
@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What the network learns from beside labels, and what it does not see."""

    start_from: Annotated[
        Path | None, typer.Option(help="A checkpoint.pt whose weights to begin with.")
    ] = None
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="A checkpoint.pt of `whole`, whose soft labels of whole images join the loss."
        ),
    ] = None
    teacher_share: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="--teacher: its share of the loss; 0.7 by default."),
    ] = None
    hold_out: Annotated[
        bool,
        typer.Option(
            "--hold-out",
            help="Leave out the images of the data set cifar10-held-out, to choose by them.",
        ),
    ] = False


@grouped
def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="cifar10, or sets of points: modelnet40, or surfaces (generated)."
        ),
    ],
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK",
            help=(
                "compact, lattice, small, resnet18, resnet110; whole; mlp or cnn; pointnet for"
                " points."
            ),
        ),
    ] = None,
    *,
    shown: ShownOptions,
    recipe: RecipeOptions,
    source: SourceOptions,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="Seed of weights, order, augmentation and masks, those of a --design too."
        ),
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="Folder that holds the data set.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for checkpoint.pt, log.csv and NETWORK.onnx.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")
    ] = False,
    _progress: options.Progress = None,
) -> None:
    """Train a base classifier under fresh noise (needs the extra `torch`).

    Every network has a recipe of its own; options change parts of it. The folder --out then holds
    checkpoint.pt, log.csv, log.png/.svg and NETWORK.onnx.
    """
    if find_spec("torch") is None or find_spec("onnxscript") is None:
        raise ValueError(
            "training needs PyTorch and the ONNX exporter; install them with: pip install"
            " 'topcert[torch]'"
        )
    from topcert.classifiers.torch_module import resolve_device
    from topcert.training.clouds import CLASSES, check_cloud_network, train_on_clouds
    from topcert.training.networks import check_network, train_on_cifar10
    from topcert.training.optimization import ALGORITHMS, SCHEDULES
    from topcert.training.plans import usual_plan

    check_folder(out)
    if seed >= 2**64:
        raise ValueError(f"--seed must lie in 0 .. 2^64 - 1, got {seed}")
    points = data in CLASSES
    if not points and data != "cifar10":
        raise ValueError(
            f"unknown training data {data!r}; topcert trains on: cifar10, {', '.join(CLASSES)}"
        )
    network = network or ("pointnet" if points else "compact")
    drawn = training_noise(shown, network=network, points=points, seed=seed)
    if points:
        check_cloud_network(network)
    else:
        check_network(network, drawn.law)
    where = resolve_device(device)
    if (out / "checkpoint.pt").exists() and not resume:
        raise ValueError(
            f"{out} already holds a checkpoint; pass --resume to go on from it, or another --out"
        )
    usual = usual_plan(network, drawn, data=data)
    plan = replace(
        usual,
        num_kept_at_first=(
            usual.num_kept_at_first
            if shown.keep_at_first is None
            else checked_at_first(shown.keep_at_first, drawn)
        ),
        epochs=usual.epochs if recipe.epochs is None else recipe.epochs,
        batch_size=usual.batch_size if recipe.batch_size is None else recipe.batch_size,
        views=usual.views if recipe.views is None else recipe.views,
        algorithm=(
            usual.algorithm
            if recipe.optimizer is None
            else chosen("optimizer", recipe.optimizer, ALGORITHMS)
        ),
        schedule=(
            usual.schedule
            if recipe.schedule is None
            else chosen("schedule", recipe.schedule, SCHEDULES)
        ),
        learning_rate=usual.learning_rate if recipe.learning_rate is None else recipe.learning_rate,
        weight_decay=usual.weight_decay if recipe.weight_decay is None else recipe.weight_decay,
        label_smoothing=usual.label_smoothing
        if recipe.label_smoothing is None
        else recipe.label_smoothing,
        average=usual.average if recipe.average is None else recipe.average,
        precision=_precision(recipe.precision, usual.precision, where, out),
        seed=seed,
        distillation=_distillation(source.teacher, source.teacher_share, drawn),
        held_out=HELD_OUT if source.hold_out else 0,
    )
    if points and (source.teacher is not None or source.hold_out):
        raise ValueError("--teacher and --hold-out are for images; leave them out")
    kept = (
        f"what {out / 'checkpoint.pt'} holds is kept, at most a minute old: repeat the command with"
        " --resume"
    )
    with stoppable(kept), progress_bar("train", unit="steps") as update:
        train_on = (
            partial(train_on_clouds, data)
            if points
            else partial(train_on_cifar10, teacher=source.teacher)
        )
        logs = train_on(
            network,
            plan,
            data_dir=data_dir,
            folder=out,
            device=where,
            start_from=source.start_from,
            on_step=update,
        )
    path = out / f"{network}.onnx"
    draw_training(
        [row.epoch for row in logs],
        {
            "training": [row.train_accuracy for row in logs],
            "test": [row.test_accuracy for row in logs],
        },
        title=f"{network} on {data}, accuracy of a single pass under fresh noise",
        stem=out / "log",
    )
    table = Table(
        "epoch",
        "loss",
        "train accuracy",
        "test accuracy",
        "seconds",
        title="last epochs, one pass an input",
    )
    for row in logs[-5:]:
        cells = (
            f"{row.train_loss:.3f}",
            f"{row.train_accuracy:.4f}",
            f"{row.test_accuracy:.4f}",
            f"{row.seconds:.0f}",
        )
        table.add_row(str(row.epoch), *cells)
    console.print(table)
    console.print(f"wrote {path}")


SHARE: Final = 0.7  # of the loss, for a teacher's soft labels

Choice = TypeVar("Choice", bound=str)


def chosen(option: str, value: str, choices: tuple[Choice, ...]) -> Choice:
    """The one of `choices` that `value` names. Raises ValueError where there is none."""
    for choice in choices:
        if choice == value:
            return choice
    raise ValueError(f"unknown --{option} {value!r}; choose one of: {', '.join(choices)}")


def _precision(
    asked: str | None, usual: Precision, device: torch.device, folder: Path
) -> Precision:
    """What is asked for, or was trained in so far; else what the recipe has, or float32 where the
    device is slow at that.
    """
    from topcert.training.checkpoint import recorded_precision
    from topcert.training.precision import PRECISIONS, is_fast

    named = recorded_precision(folder) if asked is None else asked
    if named is not None:
        return chosen("precision", named, PRECISIONS)
    if is_fast(usual, device):
        return usual
    summary = (
        f"{usual} is slow on this {device.type}: training in float32; --precision {usual} insists"
        " on it"
    )
    console.print(summary, highlight=False, soft_wrap=True)
    return "float32"


def _distillation(teacher: Path | None, share: float | None, drawn: Noise) -> Distillation | None:
    """What a teacher adds, where one is named."""
    from topcert.training.distillation import Distillation

    if teacher is None:
        if share is not None:
            raise ValueError("--teacher-share belongs to --teacher; name one, or leave it out")
        return None
    if drawn.law in ("none", "interval"):
        raise ValueError(
            f"--teacher is for networks that see noisy images, not for {drawn.law} noise; leave"
            " it out"
        )
    try:
        digest = hashlib.sha256(teacher.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"--teacher {teacher}: {error.strerror}") from error
    return Distillation(teacher=digest, share=SHARE if share is None else share)


COMMAND: Final = OwnCommand(run=train, short="Train a base classifier under its noise.", place=100)
