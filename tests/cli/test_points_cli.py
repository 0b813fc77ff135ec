"""Points from the command line: `topcert train` on sets of points."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.conftest import Outcome
from tests.datasets.modelnet_files import write_release
from topcert.datasets.surfaces import SPLIT_SIZES
from topcert.training.checkpoint import EpochLog
from topcert.training.plans import TrainingPlan
from topcert.training.points import PointNoise


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setitem(SPLIT_SIZES, "train", 128)
    monkeypatch.setitem(SPLIT_SIZES, "test", 20)
    yield
    torch.set_num_threads(threads)


def test_the_plan_that_is_named_is_trained_by(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str, TrainingPlan, Path | None]] = []

    def record(
        data: str,
        network: str,
        plan: TrainingPlan,
        *,
        data_dir: Path | None,
        folder: Path,
        **_: object,
    ) -> list[EpochLog]:
        folder.mkdir()
        seen.append((data, network, plan, data_dir))
        return []

    monkeypatch.setattr(
        importlib.import_module("topcert.training.clouds"), "train_on_clouds", record
    )
    release = write_release(workplace / "release")
    assert topcert("train", "surfaces", "--out", "a").code == 0
    assert (
        topcert(
            "train", "modelnet40", "pointnet", "--keep", 32, "--data-dir", release, "--out", "b"
        ).code
        == 0
    )
    first, second = seen
    assert first[:2] == ("surfaces", "pointnet")
    assert first[2].noise == PointNoise(num_kept=16)
    assert second[:2] == ("modelnet40", "pointnet")
    assert (second[2].noise, second[3]) == (PointNoise(num_kept=32), release)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["train", "surfaces", "compact", "--out", "o"],
            "unknown network 'compact' for sets of points",
        ),
        (["train", "cifar10", "pointnet", "--out", "o"], "unknown network 'pointnet'"),
        (
            ["train", "surfaces", "--keep", 2049, "--out", "o"],
            "--keep must lie in 1 .. 2048, the points of a set; got 2049",
        ),
        (
            ["train", "surfaces", "--noise", "gaussian", "--sigma", 0.5, "--out", "o"],
            "sets of points are trained under --noise ablation alone, not gaussian",
        ),
        (
            ["train", "modelnet40", "--data-dir", "absent", "--out", "o"],
            "neither is nor holds the folder",
        ),
        (["train", "shapes", "--out", "o"], "topcert trains on: cifar10, modelnet40, surfaces"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    workplace: Path, topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert(*arguments)
    assert run.code == 2
    assert says in run.err
    assert not Path("o").exists()
