"""Networks for sets of points by name, and one call that trains one and exports it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from topcert.datasets.modelnet40 import NUM_CLASSES, load_modelnet40
from topcert.datasets.surfaces import CLASS_NAMES, load_surfaces
from topcert.models.pointnet import PointNet
from topcert.training.checkpoint import EpochLog, load_weights
from topcert.training.networks import train_and_export
from topcert.training.plans import TrainingPlan
from topcert.training.points import PointNoise

NETWORKS: Final[dict[str, Callable[[int], nn.Module]]] = {  # from the number of classes
    "pointnet": lambda num_classes: PointNet(num_classes=num_classes),
}
# of each data set that can be trained on
CLASSES: Final = {"modelnet40": NUM_CLASSES, "surfaces": len(CLASS_NAMES)}


def check_cloud_network(name: str) -> None:
    """Raise ValueError where there is no such network for sets of points."""
    if name not in NETWORKS:
        raise ValueError(
            f"unknown network {name!r} for sets of points; topcert trains: {', '.join(NETWORKS)}"
        )


def train_on_clouds(
    data: str,
    name: str,
    plan: TrainingPlan,
    *,
    data_dir: Path | None,
    folder: Path,
    device: torch.device | str,
    start_from: Path | None = None,
    on_step: Callable[[int, int, str], None],
) -> list[EpochLog]:
    """Train network `name` on `data` of CLASSES, going on from `folder`'s checkpoint; writes
    `folder / NAME.onnx`.

    Raises ValueError where the network or the noise is not one for sets of points.
    """
    check_cloud_network(name)
    if not isinstance(plan.noise, PointNoise):
        raise ValueError(
            f"sets of points are trained under PointNoise, not {type(plan.noise).__name__}"
        )
    torch.manual_seed(plan.seed)
    module = NETWORKS[name](CLASSES[data])
    if start_from is not None:
        load_weights(module, start_from)
    return train_and_export(
        module,
        (_load(data, "train", data_dir), _load(data, "test", data_dir)),
        plan,
        name=name,
        data=data,
        input_shape=(plan.noise.num_kept, 3),
        folder=folder,
        device=device,
        start_from=start_from,
        on_step=on_step,
    )


def _load(
    data: str, split: Literal["train", "test"], data_dir: Path | None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if data == "surfaces":
        return load_surfaces(split)
    points, labels, _ = load_modelnet40(split, data_dir=data_dir)
    return points, labels
