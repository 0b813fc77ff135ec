"""`topcert reproduce points`: from nothing, gone on with, and redrawn from the counts that the
package carries.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tests.conftest import Outcome

from topcert.datasets.surfaces import SPLIT_SIZES
from topcert_paper.reproduce.points import reproduce_points


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setitem(SPLIT_SIZES, "train", 128)
    monkeypatch.setitem(SPLIT_SIZES, "test", 20)
    yield
    torch.set_num_threads(threads)


RESULTS = Path(__file__).parents[3] / "docs" / "results" / "points-surfaces"
REPRODUCE = ["reproduce", "points", "--epochs", 1, "--samples", 60, "--limit", 4, "--out", "t"]


@pytest.mark.rehearsal
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
    again = reproduce_points(epochs=1, num_samples=60, limit=4, out="t", progress=False)
    assert {path.name for path in again.paths} == made.keys()
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
