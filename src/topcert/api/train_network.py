"""A base classifier trained under the noise of its certificate. torch is imported in the call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from topcert.api.python_words import in_python, python_words
from topcert.api.training_noise import TrainingNoise, checked_at_first, training_noise
from topcert.data_frames import to_frame
from topcert.datasets.cifar10 import HELD_OUT
from topcert.files import check_out_folder, path_of
from topcert.progress.bars import Update
from topcert.progress.shown import Shown, stages
from topcert.theory.scalars import whole_number

if TYPE_CHECKING:
    import torch

    from topcert.training.checkpoint import EpochLog
    from topcert.training.distillation import Distillation
    from topcert.training.noise import Noise
    from topcert.training.plans import TrainingPlan
    from topcert.training.precision import Precision

SHARE: Final = 0.7  # of the loss, for a teacher's soft labels


@final
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What differs from a network's own recipe; None leaves that as it is.

    Parameters
    ----------
    epochs
        Passes over the training inputs.
    batch_size, views
        Noisy inputs a step, and noises that each input of a batch is shown under.
    optimizer, schedule
        "sgd", "muon", "muon-float32" or "adam"; "one-cycle", or "steps" (a tenth after each third).
    learning_rate, weight_decay
        The peak of the schedule; that of SGD and Adam.
    label_smoothing
        Of the cross-entropy.
    average
        Decay a step of the average of weights, which is kept; 0 for none.
    precision
        "float32" or "bfloat16" (mixed).

    Examples
    --------
    >>> import topcert
    >>> topcert.Recipe(epochs=2).epochs
    2
    """

    epochs: int | None = None
    batch_size: int | None = None
    views: int | None = None
    optimizer: str | None = None
    schedule: str | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    average: float | None = None
    precision: str | None = None


@final
@dataclass(frozen=True, kw_only=True)
class Teaching:
    """What a network learns from beside labels, and what it does not see.

    Parameters
    ----------
    start_from
        A checkpoint.pt whose weights to begin with.
    teacher, teacher_share
        A checkpoint.pt of the network "whole", whose soft labels of whole images join the loss,
        and its share of that; 0.7.
    hold_out
        Whether to leave out the images of the data set "cifar10-held-out", to choose by them.

    Examples
    --------
    >>> import topcert
    >>> topcert.Teaching(hold_out=True).teacher is None
    True
    """

    start_from: Path | None = None
    teacher: Path | None = None
    teacher_share: float | None = None
    hold_out: bool = False


@final
@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network that was trained.

    Attributes
    ----------
    folder
        Where checkpoint.pt, log.csv and the network lie.
    network
        Its name.
    logs
        One row an epoch.
    notes
        What a person should know, a line each.

    Examples
    --------
    >>> from pathlib import Path
    >>> Trained(folder=Path("runs"), network="compact", logs=()).path.name
    'compact.onnx'
    """

    folder: Path
    network: str
    logs: tuple[EpochLog, ...]
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The network as an .onnx file, which `SmoothedClassifier` takes."""
        return self.folder / f"{self.network}.onnx"

    def to_pandas(self) -> Any:
        """`logs` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = [vars(row) for row in self.logs]
        return to_frame({name: [row[name] for row in rows] for name in (rows[0] if rows else ())})


def train_network(
    data: str,
    network: str | None = None,
    *,
    out: str | Path,
    noise: TrainingNoise | None = None,
    recipe: Recipe | None = None,
    teaching: Teaching | None = None,
    seed: int = 0,
    device: str = "auto",
    data_dir: str | Path | None = None,
    resume: bool = False,
    progress: Shown = None,
) -> Trained:
    """Train a network of this package under fresh noise, as `topcert train` does (extra `torch`).

    To train a network of your own, take `topcert.ablate` in your training loop.

    Parameters
    ----------
    data
        "cifar10", or sets of points: "modelnet40", or "surfaces" (generated).
    network
        "compact", "lattice", "small", "resnet18", "resnet110", "whole", "mlp" or "cnn"; "pointnet"
        for points. None for "compact" or "pointnet".
    out
        A folder for checkpoint.pt, log.csv, log.png/.svg and the .onnx file.
    noise
        What it is shown; None for ablation as usual.
    recipe
        What differs from the network's own recipe.
    teaching
        What it learns from beside labels.
    seed
        Of weights, order, augmentation and masks.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    data_dir
        The folder that holds the data set.
    resume
        Whether to go on from the checkpoint in `out`; else a folder with one is refused.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        Where torch is missing, or anything does not fit.

    Examples
    --------
    >>> import topcert
    >>> topcert.train_network("digits", out="runs/digits")
    Traceback (most recent call last):
    ValueError: unknown training data 'digits'; topcert trains on: cifar10, modelnet40, surfaces
    """
    notes: list[str] = []
    with python_words():
        training = prepare_training(
            data,
            network,
            out=path_of(out, "out"),
            noise=TrainingNoise() if noise is None else noise,
            recipe=Recipe() if recipe is None else recipe,
            teaching=Teaching() if teaching is None else teaching,
            seed=whole_number(seed, "seed"),
            device=device,
            data_dir=None if data_dir is None else path_of(data_dir, "data_dir"),
            resume=resume,
            tell=notes.append,
        )
        with stages(progress) as stage:
            made = training.run(stage("train", unit="steps"))
    return replace(made, notes=tuple(map(in_python, notes)))


@final
@dataclass(frozen=True, kw_only=True)
class Training:
    """A training that was asked for and is accepted."""

    data: str
    network: str
    points: bool
    plan: TrainingPlan
    teaching: Teaching
    device: torch.device
    data_dir: Path | None
    out: Path

    def run(self, on_step: Update) -> Trained:
        """Do it, or go on with it, and draw its log."""
        from topcert.report.figures import draw_training
        from topcert.training.clouds import train_on_clouds
        from topcert.training.networks import train_on_cifar10

        train_on = (
            partial(train_on_clouds, self.data)
            if self.points
            else partial(train_on_cifar10, teacher=self.teaching.teacher)
        )
        logs = train_on(
            self.network,
            self.plan,
            data_dir=self.data_dir,
            folder=self.out,
            device=self.device,
            start_from=self.teaching.start_from,
            on_step=on_step,
        )
        draw_training(
            [row.epoch for row in logs],
            {
                "training": [row.train_accuracy for row in logs],
                "test": [row.test_accuracy for row in logs],
            },
            title=f"{self.network} on {self.data}, accuracy of a single pass under fresh noise",
            stem=self.out / "log",
        )
        return Trained(folder=self.out, network=self.network, logs=tuple(logs))


def prepare_training(
    data: str,
    network: str | None,
    *,
    out: Path,
    noise: TrainingNoise,
    recipe: Recipe,
    teaching: Teaching,
    seed: int,
    device: str,
    data_dir: Path | None,
    resume: bool,
    tell: Callable[[str], None],
) -> Training:
    """Check all that is asked for, and choose what is left open; `tell` is told what that was.

    Raises ValueError, naming options of the command, where anything does not fit.
    """
    if find_spec("torch") is None or find_spec("onnxscript") is None:
        raise ValueError(
            "training needs PyTorch and the ONNX exporter; install them with: pip install"
            " 'topcert[torch]'"
        )
    from topcert.classifiers.torch_module import resolve_device
    from topcert.training.clouds import CLASSES, check_cloud_network
    from topcert.training.networks import check_network
    from topcert.training.plans import usual_plan

    check_out_folder(out)
    if not 0 <= seed < 2**64:
        raise ValueError(f"--seed must lie in 0 .. 2^64 - 1, got {seed}")
    points = data in CLASSES
    if not points and data != "cifar10":
        raise ValueError(
            f"unknown training data {data!r}; topcert trains on: cifar10, {', '.join(CLASSES)}"
        )
    network = network or ("pointnet" if points else "compact")
    drawn = training_noise(noise, network=network, points=points, seed=seed)
    if points:
        check_cloud_network(network)
    else:
        check_network(network, drawn.law)
    where = resolve_device(device)
    if (out / "checkpoint.pt").exists() and not resume:
        raise ValueError(
            f"{out} already holds a checkpoint; pass --resume to go on from it, or another --out"
        )
    plan = _plan(
        usual_plan(network, drawn, data=data),
        recipe,
        at_first=noise.num_kept_at_first,
        device=where,
        out=out,
        tell=tell,
    )
    plan = replace(
        plan,
        seed=seed,
        distillation=_distillation(teaching.teacher, teaching.teacher_share, drawn),
        held_out=HELD_OUT if teaching.hold_out else 0,
    )
    if points and (teaching.teacher is not None or teaching.hold_out):
        raise ValueError("--teacher and --hold-out are for images; leave them out")
    return Training(
        data=data,
        network=network,
        points=points,
        plan=plan,
        teaching=teaching,
        device=where,
        data_dir=data_dir,
        out=out,
    )


def _plan(
    usual: TrainingPlan,
    recipe: Recipe,
    *,
    at_first: int | None,
    device: torch.device,
    out: Path,
    tell: Callable[[str], None],
) -> TrainingPlan:
    """The usual plan of a network with what a recipe names in its place."""
    from topcert.training.optimization import ALGORITHMS, SCHEDULES

    numbers = (
        "epochs",
        "batch_size",
        "views",
        "learning_rate",
        "weight_decay",
        "label_smoothing",
        "average",
    )
    given: dict[str, Any] = {
        name: getattr(recipe, name) for name in numbers if getattr(recipe, name) is not None
    }
    if at_first is not None:
        given["num_kept_at_first"] = checked_at_first(at_first, usual.noise)
    if recipe.optimizer is not None:
        given["algorithm"] = _chosen("optimizer", recipe.optimizer, ALGORITHMS)
    if recipe.schedule is not None:
        given["schedule"] = _chosen("schedule", recipe.schedule, SCHEDULES)
    precision = _precision(recipe.precision, usual.precision, device, out, tell)
    return replace(usual, **given, precision=precision)


Choice = TypeVar("Choice", bound=str)


def _chosen(option: str, value: str, choices: tuple[Choice, ...]) -> Choice:
    """The one of `choices` that `value` names. Raises ValueError where there is none."""
    for choice in choices:
        if choice == value:
            return choice
    raise ValueError(f"unknown --{option} {value!r}; choose one of: {', '.join(choices)}")


def _precision(
    asked: str | None,
    usual: Precision,
    device: torch.device,
    folder: Path,
    tell: Callable[[str], None],
) -> Precision:
    """What is asked for, or was trained in so far; else what the recipe has, or float32 where the
    device is slow at that.
    """
    from topcert.training.checkpoint import recorded_precision
    from topcert.training.precision import PRECISIONS, is_fast

    named = recorded_precision(folder) if asked is None else asked
    if named is not None:
        return _chosen("precision", named, PRECISIONS)
    if is_fast(usual, device):
        return usual
    tell(
        f"{usual} is slow on this {device.type}: training in float32; --precision {usual} insists"
        " on it"
    )
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
