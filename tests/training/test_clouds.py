"""Networks for sets of points are trained, resumed and exported as those for images are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.datasets.modelnet_files import write_release
from topcert.datasets.surfaces import SPLIT_SIZES
from topcert.training import clouds
from topcert.training.checkpoint import EpochLog
from topcert.training.clouds import CLASSES, train_on_clouds
from topcert.training.noise import AblationNoise
from topcert.training.plans import TrainingPlan, usual_plan
from topcert.training.points import PointNoise, RotateAndJitter

torch.set_num_threads(1)
PLAN = replace(
    usual_plan("pointnet", PointNoise(num_kept=5), data="surfaces"), epochs=2, batch_size=16
)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPLIT_SIZES, "train", 40)
    monkeypatch.setitem(SPLIT_SIZES, "test", 20)


def run(
    folder: Path, plan: TrainingPlan = PLAN, *, data: str = "surfaces", **options: Any
) -> list[EpochLog]:
    usual = {"data_dir": None, "folder": folder, "device": "cpu", "on_step": lambda *_: None}
    return train_on_clouds(data, "pointnet", plan, **{**usual, **options})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "checkpoint.pt", weights_only=True)[
        "network"
    ]
    return found


def test_killed_and_resumed_it_ends_with_the_same_weights_and_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(step: int, *_: Any) -> None:
        if step == 3:  # in the second epoch
            raise KeyboardInterrupt

    exported: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "topcert.training.networks.export_onnx", lambda *_, **options: exported.append(options)
    )
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", on_step=kill)
    again = run(tmp_path / "cut")
    assert [row.train_loss for row in again] == [row.train_loss for row in whole]
    before = weights(tmp_path / "whole")
    assert all(
        torch.equal(before[name], value) for name, value in weights(tmp_path / "cut").items()
    )
    first, second = ({**options["metadata"], "training_seconds": ""} for options in exported)
    assert first == second
    assert (first["network"], first["training_data"], first["epochs"]) == (
        "pointnet",
        "surfaces",
        "2",
    )
    assert "num_kept=5" in first["noise"]
    assert exported[0]["input_shape"] == (5, 3)
    with pytest.raises(ValueError, match=r"was trained with noise .* pass the same value"):
        run(tmp_path / "cut", replace(PLAN, noise=PointNoise(num_kept=6)))


def test_modelnet40_is_trained_on_by_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []

    def record(
        module: torch.nn.Module, splits: Any, plan: TrainingPlan, **options: Any
    ) -> list[EpochLog]:
        seen.append((module, splits, options))
        return []

    monkeypatch.setattr(clouds, "train_and_export", record)
    run(tmp_path / "out", data="modelnet40", data_dir=write_release(tmp_path / "here"))
    ((module, (train_set, test_set), options),) = seen
    assert [part.shape for part in (*train_set, *test_set)] == [
        (7, 2048, 3),
        (7,),
        (5, 2048, 3),
        (5,),
    ]
    assert options["data"] == "modelnet40"
    with torch.no_grad():
        assert module.eval()(torch.from_numpy(train_set[0])).shape == (7, 40)
    assert CLASSES == {"modelnet40": 40, "surfaces": 20}


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="under PointNoise, not AblationNoise"):
        run(tmp_path, replace(PLAN, noise=AblationNoise(num_kept=5)))
    with pytest.raises(
        ValueError, match="unknown network 'compact' for sets of points; topcert trains: pointnet"
    ):
        train_on_clouds(
            "surfaces",
            "compact",
            PLAN,
            data_dir=None,
            folder=tmp_path,
            device="cpu",
            on_step=lambda *_: None,
        )
    assert list(tmp_path.iterdir()) == []


def test_each_data_set_is_turned_as_it_lies() -> None:
    noise = PointNoise()
    assert usual_plan("pointnet", noise, data="modelnet40").augmentation == RotateAndJitter(
        around="up"
    )
    assert usual_plan("pointnet", noise, data="surfaces").augmentation == RotateAndJitter(
        around="any"
    )
    assert usual_plan("pointnet", noise, data="surfaces").algorithm == "adam"


def test_it_learns_what_can_be_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clouds that lie above or below the middle, in two of the twenty classes."""
    generator = np.random.default_rng(0)

    def load(data: str, split: str, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(64) % 2
        points = generator.uniform(-0.5, 0.5, (64, 50, 3)) + labels[:, None, None] - 0.5
        return points.astype(np.float32), labels

    monkeypatch.setattr(clouds, "_load", load)
    monkeypatch.setattr("topcert.training.networks.export_onnx", lambda *_, **__: None)
    plan = replace(PLAN, augmentation=RotateAndJitter(sigma=0.02), epochs=6, label_smoothing=0.0)
    logs = run(tmp_path, plan)
    assert logs[-1].test_accuracy >= 0.9
    assert logs[-1].train_loss < logs[0].train_loss
