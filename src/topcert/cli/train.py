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
from topcert.cli.grouped import grouped
from topcert.cli.parsing import check_folder
from topcert.cli.progress import console, progress_bar, stoppable
from topcert.datasets.cifar10 import HELD_OUT
from topcert.noise.gaussian import Gaussian
from topcert.randomization.designs import kind_of, make_design
from topcert.randomization.lattice import read_strides, stride_of
from topcert.report.figures import draw_training

if TYPE_CHECKING:
    import torch

    from topcert.training.distillation import Distillation
    from topcert.training.noise import Noise
    from topcert.training.precision import Precision


@final
@dataclass(frozen=True, kw_only=True)
class ShownOptions:
    """What the network is shown of an input."""

    noise: Annotated[
        str,
        typer.Option(
            help=(
                "ablation, gaussian or discrete, as its certificate will draw; interval for chiang."
            )
        ),
    ] = "ablation"
    keep: Annotated[
        int | None, typer.Option(help="ablation: kept by each mask (e); 50 pixels or 16 points.")
    ] = None
    keep_at_first: Annotated[
        int | None,
        typer.Option(
            help="ablation of images: kept at first; --keep from three fifths of the steps on."
        ),
    ] = None
    design: Annotated[
        str | None,
        typer.Option(
            help=(
                "ablation of images: train on these masks, as certify names them; lattice: on"
                " lattice:5x4, or several (,)."
            )
        ),
    ] = None
    masks: Annotated[
        int | None,
        typer.Option(min=1, max=10**6, help="--design: how many; as --samples of certify."),
    ] = None
    sigma: Annotated[
        float | None, typer.Option(help="gaussian: standard deviation, values in [0, 1].")
    ] = None
    keep_probability: Annotated[
        float | None, typer.Option(help="discrete: chance that a value stays.")
    ] = None
    radius: Annotated[
        int | None, typer.Option(help="interval: pixels that may change in the worst case.")
    ] = None


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
    from topcert.classifiers.torch import resolve_device
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
    drawn = _noise(shown, points=points)
    if network == "lattice" and not points:
        drawn = _gridded(drawn, shown.design, masks=shown.masks, keep=shown.keep)
    else:
        drawn = _unhidden(drawn, shown.keep) if network == "whole" and not points else drawn
        drawn = _designed(drawn, shown.design, masks=shown.masks, seed=seed)
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
            else _at_first(shown.keep_at_first, drawn)
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
PIXELS: Final = 32 * 32  # of an image of CIFAR-10
NOISE_OPTIONS: Final = {
    "ablation": "--keep",
    "gaussian": "--sigma",
    "discrete": "--keep-probability",
    "interval": "--radius",
}


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
    told = (
        f"{usual} is slow on this {device.type}: training in float32; --precision {usual} insists"
        " on it"
    )
    console.print(told, highlight=False, soft_wrap=True)
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


def _at_first(keep_at_first: int, drawn: Noise) -> int:
    """Checked `--keep-at-first`."""
    from topcert.training.noise import AblationNoise

    if not isinstance(drawn, AblationNoise):
        raise ValueError(
            "--keep-at-first is for the pixels of images under --noise ablation without --design;"
            " leave it out"
        )
    if not drawn.num_kept <= keep_at_first <= PIXELS:
        raise ValueError(
            f"--keep-at-first must lie in --keep .. all, {drawn.num_kept} .. {PIXELS} pixels; got"
            f" {keep_at_first}"
        )
    return keep_at_first


def _designed(drawn: Noise, design: str | None, *, masks: int | None, seed: int) -> Noise:
    """The noise on the masks of a design, where one is named."""
    from topcert.training.noise import AblationNoise, DesignNoise

    if design is None:
        if masks is not None:
            raise ValueError("--masks belongs to --design; name one, or leave it out")
        return drawn
    if not isinstance(drawn, AblationNoise):
        raise ValueError(
            "--design is for the pixels of images under --noise ablation; leave it out"
        )
    if masks is None:
        raise ValueError(
            "--design needs --masks, the number of masks that certify will be given as --samples"
        )
    made = make_design(
        design,
        shape=(32, 32, 3),
        unit="pixel",
        seed=seed,
        num_features=PIXELS,
        num_kept=drawn.num_kept if kind_of(design) == design else None,
        num_masks=masks,
    )
    made.check_count(masks, "--masks")
    return DesignNoise(design=made, num_masks=masks)


def _gridded(drawn: Noise, design: str | None, *, masks: int | None, keep: int | None) -> Noise:
    """The grids of a design, or those that keep no more pixels than `drawn` does, for the network
    that looks at them.
    """
    from topcert.training.noise import AblationNoise, LatticeNoise, LatticesNoise

    if not isinstance(drawn, AblationNoise):
        raise ValueError(
            f"lattice looks at grids of kept pixels, and {drawn.law} noise hides none; train small"
            " instead"
        )
    if design is None:
        if masks is not None:
            raise ValueError("--masks belongs to --design; name one, or leave it out")
        return LatticeNoise(stride=stride_of((32, 32), drawn.num_kept))
    found = [read_strides(name) for name in design.split(",")]
    strides = tuple((one.rows, one.columns) for one in found if one is not None and one.level)
    if len(strides) < len(found):
        raise ValueError(
            "the network lattice looks at grids: --design lattice:5x4, or several (,); got"
            f" {design}"
        )
    if keep is not None:
        raise ValueError(
            f"--keep is {keep}, and the strides of {design} decide what is kept; leave --keep out"
        )
    rounds = 1
    for name, (rows, columns) in zip(design.split(","), strides, strict=True):
        wanted = rows * columns if masks is None else masks
        made = make_design(
            name,
            shape=(32, 32, 3),
            unit="pixel",
            seed=0,
            num_features=PIXELS,
            num_kept=None,
            num_masks=wanted,
        )
        made.check_count(wanted, "--masks")
        if masks is not None and len(strides) > 1:
            raise ValueError(
                "--masks is for one --design; several strides have one round each: leave"
                " --masks out"
            )
        rounds = made.rounds
    if len(strides) == 1 and rounds == 1:
        return LatticeNoise(stride=strides[0])
    return LatticesNoise(strides=strides, rounds=rounds)


def _unhidden(drawn: Noise, keep: int | None) -> Noise:
    """Whole images, for the network that teaches others."""
    from topcert.training.noise import NoNoise

    if drawn.law != "ablation" or keep is not None:
        raise ValueError(
            "whole sees whole images, to teach other networks; leave --noise and its options out"
        )
    return NoNoise()


def _noise(shown: ShownOptions, *, points: bool) -> Noise:
    """The noise that the options name; refuses those that belong to another noise."""
    from topcert.training.interval import IntervalNoise
    from topcert.training.noise import AblationNoise, DiscreteNoise, GaussianNoise
    from topcert.training.points import PointNoise

    name, keep, sigma = shown.noise, shown.keep, shown.sigma
    keep_probability, radius = shown.keep_probability, shown.radius
    if name not in NOISE_OPTIONS:
        raise ValueError(f"unknown --noise {name!r}; choose one of: {', '.join(NOISE_OPTIONS)}")
    given = {
        "--keep": keep,
        "--sigma": sigma,
        "--keep-probability": keep_probability,
        "--radius": radius,
    }
    own = NOISE_OPTIONS[name]
    foreign = [option for option, value in given.items() if value is not None and option != own]
    if foreign:
        raise ValueError(
            f"{foreign[0]} is not an option of --noise {name}, which takes {own}; leave it out"
        )
    if points and name != "ablation":
        raise ValueError(
            f"sets of points are trained under --noise ablation alone, not {name}; leave"
            " --noise out"
        )
    if name == "ablation":
        most, what, usual = (
            (2048, "the points of a set", 16) if points else (PIXELS, "the pixels of an image", 50)
        )
        kept = usual if keep is None else keep
        if not 1 <= kept <= most:
            raise ValueError(f"--keep must lie in 1 .. {most}, {what}; got {kept}")
        return PointNoise(num_kept=kept) if points else AblationNoise(num_kept=kept)
    if sigma is not None:
        Gaussian(sigma=sigma).check_sigma()
        return GaussianNoise(sigma=sigma)
    if keep_probability is not None:
        if not 0 < keep_probability < 1:
            raise ValueError(
                f"--keep-probability must lie strictly between 0 and 1, got {keep_probability}"
            )
        return DiscreteNoise(keep_probability=keep_probability)
    if radius is not None:
        if not 1 <= radius <= PIXELS:
            raise ValueError(
                f"--radius must lie in 1 .. {PIXELS}, the pixels of an image; got {radius}"
            )
        return IntervalNoise(radius=radius)
    raise ValueError(f"--noise {name} needs {own}")
