"""A training that is asked for: checked, and with what is left open chosen. torch is imported in
the calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from topcert.api.trained_network import Trained
from topcert.api.training_noise import TrainingNoise, checked_at_first, training_noise
from topcert.api.training_recipe import Recipe, Teaching
from topcert.datasets.cifar10 import HELD_OUT
from topcert.files import check_out_folder
from topcert.progress.bars import Update

if TYPE_CHECKING:
    import torch

    from topcert.training.distillation import Distillation
    from topcert.training.noise import Noise
    from topcert.training.plans import TrainingPlan
    from topcert.training.precision import Precision

SHARE: Final = 0.7  # of the loss, for a teacher's soft labels


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
