"""Networks by name, and one call that trains one on CIFAR-10 and exports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from topcert.datasets.cifar10 import load_cifar10
from topcert.models.bounded_network import make_cnn, make_mlp
from topcert.models.compact import Compact
from topcert.models.cost import multiply_adds
from topcert.models.lattice import LatticeNet
from topcert.models.residual import resnet18, resnet110
from topcert.models.small import Small
from topcert.models.whole import Whole
from topcert.training.checkpoint import EpochLog, load_weights
from topcert.training.export import export_onnx
from topcert.training.plans import TrainingPlan
from topcert.training.trainer import train
from topcert.version import __version__

# from input channels, for 32 x 32 images of 10 classes
NETWORKS: Final[dict[str, Callable[[int], nn.Module]]] = {
    "compact": lambda _: Compact(),
    "lattice": lambda _: LatticeNet(),
    "whole": lambda _: Whole(),
    "small": lambda channels: Small(in_channels=channels),
    "resnet18": lambda channels: resnet18(in_channels=channels, num_classes=10),
    "resnet110": lambda channels: resnet110(in_channels=channels, num_classes=10),
    "mlp": lambda channels: make_mlp(in_features=1024 * channels, hidden=(256,)),
    "cnn": lambda channels: make_cnn(in_channels=channels),
}
BOUNDED: Final = ("mlp", "cnn")  # networks that interval bounds can follow


def check_network(name: str, law: str) -> None:
    """Raise ValueError where there is no such network, or it is not made for the noise `law`."""
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; topcert trains: {', '.join(NETWORKS)}")
    if law == "interval" and name not in BOUNDED:
        raise ValueError(
            f"interval training needs a network that bounds can follow: {', '.join(BOUNDED)}; got"
            f" {name}"
        )
    if (name == "lattice") != (law == "lattice"):
        raise ValueError(
            f"lattice is for the small pictures that grids of pixels are, alone; got {name} under"
            f" {law} noise"
        )
    if (name == "whole") != (law == "none"):
        raise ValueError(
            f"whole sees whole images, alone, to teach others; got {name} under {law} noise"
        )
    if name == "compact" and law != "ablation":
        raise ValueError(
            f"compact looks for kept pixels, and {law} noise hides none; train small instead"
        )


def train_on_cifar10(
    name: str,
    plan: TrainingPlan,
    *,
    data_dir: Path | None,
    folder: Path,
    device: torch.device | str,
    start_from: Path | None = None,
    teacher: Path | None = None,
    on_step: Callable[[int, int, str], None],
) -> list[EpochLog]:
    """Train network `name` on CIFAR-10, going on from `folder`'s checkpoint; writes `folder /
    NAME.onnx`.

    `start_from` and `teacher` are checkpoints: of the same network, and of `whole`. Raises
    ValueError where they are not.
    """
    check_network(name, plan.noise.law)
    shown = plan.noise.show(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), seed=plan.seed, first=0)
    input_shape = tuple(shown.shape[1:])
    torch.manual_seed(plan.seed)
    module = NETWORKS[name](input_shape[0])
    if start_from is not None:
        load_weights(module, start_from)
    teacher_network = None
    if teacher is not None:
        teacher_network = Whole()
        load_weights(teacher_network, teacher)
    images, labels = channels_first("train", data_dir)
    if not 0 <= plan.held_out < len(images):
        raise ValueError(
            f"--hold-out must lie in 0 .. {len(images) - 1} training images, got {plan.held_out}"
        )
    seen = slice(len(images) - plan.held_out)
    return train_and_export(
        module,
        ((images[seen], labels[seen]), channels_first("test", data_dir)),
        plan,
        teacher=teacher_network,
        name=name,
        data="cifar10",
        input_shape=input_shape,
        folder=folder,
        device=device,
        start_from=start_from,
        on_step=on_step,
    )


def train_and_export(
    module: nn.Module,
    splits: tuple[tuple[NDArray[Any], NDArray[np.int64]], tuple[NDArray[Any], NDArray[np.int64]]],
    plan: TrainingPlan,
    *,
    name: str,
    data: str,
    input_shape: tuple[int, ...],
    folder: Path,
    device: torch.device | str,
    start_from: Path | None,
    teacher: nn.Module | None = None,
    on_step: Callable[[int, int, str], None],
) -> list[EpochLog]:
    """Train `module` on the first of `splits` and test it on the second, then write `folder /
    NAME.onnx`.

    `input_shape` is what the network sees of one input; `start_from` is the file that its weights
    are of: its folder is written down, and a training that is gone on with must have begun from the
    same file.
    """
    logs = train(
        module,
        *splits,
        plan=plan,
        folder=folder,
        device=device,
        started_from=start_from,
        teacher=teacher,
        on_step=on_step,
    )
    recipe = {field.name: str(getattr(plan, field.name)) for field in fields(plan)}
    export_onnx(
        module,
        folder / f"{name}.onnx",
        input_shape=input_shape,
        any_size=plan.noise.any_size,
        metadata={
            "topcert_version": __version__,
            "network": name,
            "training_data": data,
            **recipe,
            "started_from": "" if start_from is None else start_from.parent.name,
            "multiply_adds": str(multiply_adds(module, input_shape)),
            "training_seconds": f"{sum(row.seconds for row in logs):.0f}",
            "single_pass_test_accuracy": f"{logs[-1].test_accuracy:.4f}",
        },
    )
    return logs


def channels_first(
    split: Literal["train", "test"], data_dir: Path | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """CIFAR-10 as a network sees it: uint8 `(images, 3, 32, 32)`, and its labels."""
    images, labels = load_cifar10(split, data_dir=data_dir)
    return images.transpose(0, 3, 1, 2).copy(), labels
