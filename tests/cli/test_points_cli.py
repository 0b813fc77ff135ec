"""Points from the command line: `topcert train` on sets of points, and `topcert reproduce points`
from nothing.
"""

from __future__ import annotations

import importlib
import json
import shutil
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


RESULTS = Path(__file__).parents[2] / "docs" / "results" / "points-surfaces"
REPRODUCE = ["reproduce", "points", "--epochs", 1, "--samples", 60, "--limit", 4, "--out", "t"]


def test_points_are_reproduced_from_nothing_gone_on_with_and_certified(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*REPRODUCE)
    assert run.code == 0, run.err
    assert "a generated set of surfaces, not on ModelNet40" in run.out
    assert "4 test inputs, pointnet" in run.out
    assert "trained for 1 epoch, e = 16 of 2,048 points, n = 60" in run.out
    made = {path.name: path.read_bytes() for path in Path("t").glob("points-surfaces*")}
    assert len(made) == 5
    record = json.loads(Path("t/counts/record.json").read_text(encoding="utf-8"))
    assert record["surfaces"]["multiply_adds"] == 9_909_504
    # what is lost is made again from what is left
    shutil.rmtree("t/counts")
    next(Path("t/runs/surfaces/ledger").glob("block-*")).unlink()
    for path in Path("t").glob("points-surfaces*"):
        path.unlink()
    again = topcert(*REPRODUCE)
    assert again.code == 0, again.err
    assert {path.name: path.read_bytes() for path in Path("t").glob("points-surfaces*")} == made
    other = topcert("reproduce", "points", "--epochs", 2, "--out", "t")
    assert other.code == 2
    assert "was trained for 1 epochs, not 2" in other.err
    assert topcert("reproduce", "points", "--samples", 80, "--limit", 4, "--out", "t").code == 2
    # the network is like any other
    network = "t/networks/surfaces/pointnet.onnx"
    certify = [
        "certify",
        "surfaces",
        network,
        "--keep",
        16,
        "--samples",
        40,
        "--alpha",
        0.1,
        "--limit",
        2,
        "--out",
        "o",
    ]
    assert topcert(*certify).code == 0
    assert topcert("verify", "o", "--model", network, "--replay", 5).code == 0
    assert "point" in topcert("evaluate", "o", "--k", 1).out


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


def test_the_carried_counts_redraw_the_committed_table(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("reproduce", "points", "--from-counts", "--out", "f")
    assert run.code == 0, run.err
    for name in ("points-surfaces.csv", "points-surfaces.md", "points-surfaces-curves.csv"):
        assert Path("f", name).read_bytes() == (RESULTS / name).read_bytes()
    assert "a generated set of surfaces, 500 test inputs" in run.out


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
        (
            ["reproduce", "points", "--data", "shapenet", "--out", "o"],
            "--data must be one of modelnet40, surfaces",
        ),
        (
            ["reproduce", "points", "--data", "modelnet40", "--from-counts", "--out", "o"],
            "carries no vote counts of points on modelnet40",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    workplace: Path, topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert(*arguments)
    assert run.code == 2
    assert says in run.err
    assert not Path("o").exists()
