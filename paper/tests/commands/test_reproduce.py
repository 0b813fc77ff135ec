"""`topcert reproduce`: a table from nothing, gone on with, and redrawn from the counts that the
package carries.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import Outcome

from topcert.datasets.imagenet import read_wnids
from topcert.models.residual import Bottleneck, ResNet
from topcert_paper.carried import table1_cells
from topcert_paper.collecting import Effort, IntervalEffort
from topcert_paper.reproduce.table1 import reproduce_table1
from topcert_paper.reproduce.table2 import reproduce_table2
from topcert_paper.tables import TABLE2

collecting = importlib.import_module("topcert_paper.collecting")
command = importlib.import_module("topcert_paper.reproduce.table1")
RESULTS = Path(__file__).parents[3] / "docs" / "results" / "table1-small"


@pytest.fixture
def tiny_cifar(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forty test images, two steps of training, forty votes: every step of Table 1 in seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def load(split: str, *, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        size = 512 if split == "train" else 40
        labels = np.arange(size) % 10
        images = (
            np.random.default_rng(len(split)).integers(0, 30, (size, 32, 32, 3))
            + 20 * labels[:, None, None, None]
        )
        return images.astype(np.uint8), labels

    for name in ("topcert.training.networks", "topcert.datasets.built_in_sets"):
        monkeypatch.setattr(importlib.import_module(name), "load_cifar10", load)
    effort = Effort(network="small", epochs=1, num_samples=40)
    interval = IntervalEffort(epochs=1)
    monkeypatch.setattr(command, "TABLE1_EFFORT", {"small": effort})
    monkeypatch.setattr(command, "INTERVAL_EFFORT", interval)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("tiny_cifar")
def test_table1_is_made_from_nothing_and_gone_on_with(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("reproduce", "table1", "--out", "t")
    assert run.code == 0, run.err
    made = Path("t/table1.csv").read_bytes()
    record = json.loads(Path("t/counts/record.json").read_text(encoding="utf-8"))
    # of the others, those of which 40 votes can certify a pixel
    assert {"ablation-50", "interval"} <= set(record)
    assert not any(name.startswith("gaussian") for name in record)
    assert record["ablation-50"]["network"] == "small"
    assert record["ablation-50"]["multiply_adds"] == 8_127_744
    assert "no votes could certify a pixel at n = 40 with sigma = 0.1" in run.out
    # a run that lost its counts, a block of votes and its table goes on from what is left
    shutil.rmtree("t/counts")
    next(Path("t/runs/ablation-50/ledger").glob("block-*")).unlink()
    Path("t/table1.csv").unlink()
    again = reproduce_table1(out="t", progress=False)
    assert Path("t/table1.csv").read_bytes() == made
    assert [str(path) for path in again.paths] == ["t/table1.csv", "t/table1.md", "t/table1.tex"]
    assert [setting.name for setting in again.useless][:1] == ["gaussian-0.1"]


@pytest.mark.usefixtures("tiny_cifar")
def test_counts_of_another_budget_are_not_mixed_in(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert topcert("reproduce", "table1", "--out", "t").code == 0
    effort = dataclasses.replace(command.TABLE1_EFFORT["small"], num_samples=60)
    monkeypatch.setattr(command, "TABLE1_EFFORT", {"small": effort})
    run = topcert("reproduce", "table1", "--out", "t")
    assert run.code == 2
    assert "num_samples = 40, and 60 are asked for" in run.err


def test_the_carried_counts_redraw_the_committed_table(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("reproduce", "table1", "--from-counts", "--out", "t")
    assert run.code == 0, run.err
    for suffix in ("csv", "md", "tex"):
        assert (
            Path(f"t/table1.{suffix}").read_bytes() == (RESULTS / f"table1.{suffix}").read_bytes()
        )
    assert "not measured" not in Path("t/table1.csv").read_text(encoding="utf-8")
    made = reproduce_table1(out="python", from_counts=True)
    assert list(made.cells) == table1_cells()
    assert len(made.paths) == 3
    for path in made.paths:
        assert path.read_bytes() == Path("t", path.name).read_bytes()
    with Path("t/table1.csv").open(encoding="utf-8") as file:
        assert [row["ours"] for row in made.rows()] == [row["ours"] for row in csv.DictReader(file)]


def test_counts_that_are_not_carried_are_not_made_up(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("reproduce", "table1", "--from-counts", "--budget", "paper", "--out", "t")
    assert run.code == 2
    assert "carries no vote counts" in run.err
    assert topcert("reproduce", "table1", "--budget", "huge", "--out", "t").code == 2
    with pytest.raises(ValueError, match="carries no vote counts of table1 at budget paper"):
        reproduce_table1(out="t", budget="paper", from_counts=True)
    assert not Path("t").exists()


@pytest.fixture
def photographs(workplace: Path) -> Path:
    """Three classes of two photographs, some larger than the crop."""
    generator = np.random.default_rng(0)
    for name in read_wnids()[:3]:
        folder = workplace / "val" / name
        folder.mkdir(parents=True)
        for number, size in enumerate((224, 240)):
            Image.fromarray(generator.integers(0, 256, (size, 224, 3)).astype(np.uint8)).save(
                folder / f"{number}.png"
            )
    return workplace / "val"


@pytest.mark.rehearsal
def test_table2_walks_its_whole_path_and_measures_nothing_without_weights(
    photographs: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shallow(*, in_channels: int, num_classes: int) -> ResNet:
        stages = ((4, 1), (4, 1))
        return ResNet(
            in_channels=in_channels,
            num_classes=num_classes,
            block=Bottleneck,
            stages=stages,
            reduce=True,
        )

    monkeypatch.setattr(importlib.import_module("topcert.models.residual"), "resnet50", shallow)
    options: list[Any] = [
        "--data-dir",
        photographs,
        "--samples",
        6,
        "--selection",
        2,
        "--limit",
        2,
        "--every-setting",
    ]
    run = topcert("reproduce", "table2", *options, "--rehearse", "--out", "t")
    assert run.code == 0, run.err
    assert f"rehearsed {5 * len(TABLE2.rows)} cells" in run.out
    text = Path("t/table2.csv").read_text(encoding="utf-8")
    assert text.count("not measured") == 5 * len(TABLE2.rows)
    # with weights of one's own at the named place, its rows are measured and no others
    Path("t/networks/ablation-1000").mkdir(parents=True)
    shutil.copy("t/rehearsal/networks/untrained-6.onnx", "t/networks/ablation-1000/resnet50.onnx")
    run = topcert("reproduce", "table2", *options, "--out", "t")
    assert run.code == 0, run.err
    text = Path("t/table2.csv").read_text(encoding="utf-8")
    assert text.count("not measured") == 5 * 3  # Cohen, Lee and Jia 2020
    again = reproduce_table2(
        data_dir="val",
        num_samples=6,
        num_selection=2,
        limit=2,
        every_setting=True,
        out="t",
        progress=False,
    )
    assert again.rehearsed is None
    assert Path("t/table2.csv").read_text(encoding="utf-8") == text


def test_table2_needs_a_folder(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert("reproduce", "table2", "--data-dir", "absent", "--out", "t")
    assert run.code == 2
    assert "--data-dir" in run.err
