"""`topcert reproduce figure1` .. `figure4`: from nothing, gone on with, redrawn from counts, and
rehearsed.
"""

from __future__ import annotations

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
from topcert.voting.ledger import Ledger
from topcert_paper.collecting import Effort

command = importlib.import_module("topcert_paper.reproduce.figure")
ROOT = Path(__file__).parents[3]
CARRIED = ROOT / "paper" / "src" / "topcert_paper" / "votes" / "figures-small"
RESULTS = ROOT / "docs" / "results" / "figures-small"


@pytest.fixture
def tiny_cifar(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two steps of training, forty votes of two test images: every step of a figure in seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def load(split: str, *, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(256 if split == "train" else 40) % 10
        images = (
            np.random.default_rng(0).integers(0, 30, (len(labels), 32, 32, 3))
            + 20 * labels[:, None, None, None]
        )
        return images.astype(np.uint8), labels

    for name in ("topcert.training.networks", "topcert.datasets.built_in_sets"):
        monkeypatch.setattr(importlib.import_module(name), "load_cifar10", load)
    monkeypatch.setattr(
        command, "TABLE1_EFFORT", {"small": Effort(network="small", epochs=2, num_samples=40)}
    )
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("tiny_cifar")
def test_figures_share_their_votes_go_on_and_are_redrawn(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = topcert("reproduce", "figure3", "--out", "f")
    assert run.code == 0, run.err
    assert "ImageNet, e = 1000: not measured" in run.out
    record = json.loads(Path("f/counts/record.json").read_text(encoding="utf-8"))
    assert list(record) == ["ablation-50"]
    assert (record["ablation-50"]["network"], record["ablation-50"]["num_samples"]) == ("small", 40)
    made = {path: path.read_bytes() for path in Path("f").glob("figure3.*")}
    assert sorted(path.suffix for path in made) == [".csv", ".png", ".svg"]
    # the votes of a tenth are the first tenth of the votes
    ledger = Ledger.open(Path("f/runs/ablation-50"))
    votes = np.stack(list(ledger.iterate_inputs()))[:, 100:104, 0]
    expected = np.stack([np.bincount(row, minlength=10) for row in votes])
    assert (ledger.counts(first=4) == expected).all()
    assert (ledger.counts(first=40) == ledger.counts()).all()
    with pytest.raises(ValueError, match="holds 40 votes an input; the first 41 are not there"):
        ledger.counts(first=41)
    # a run that lost a block of votes, its counts and its figure goes on from what is left
    next(Path("f/runs/ablation-50/ledger").glob("block-*")).unlink()
    shutil.rmtree("f/counts")
    for path in made:
        path.unlink()
    again = command.reproduce_figure("figure3", out="f", progress=False)
    assert set(again.paths) == set(made)
    assert [(data.title, num_kept) for data, num_kept in again.missing] == [("ImageNet", 1000)]
    assert {path: path.read_bytes() for path in made} == made
    # other figures at e = 50 need no training and no passes
    blocks = {path: path.stat().st_mtime_ns for path in Path("f").rglob("block-*")}
    assert topcert("reproduce", "figure4", "--out", "f").code == 0
    assert {path: path.stat().st_mtime_ns for path in Path("f").rglob("block-*")} == blocks
    # from the counts alone: the same bytes
    monkeypatch.setattr(command, "carried_counts", lambda *_: Path("f/counts"))
    run = topcert("reproduce", "figure3", "--from-counts", "--out", "g")
    assert run.code == 0, run.err
    assert {path: Path("g", path.name).read_bytes() for path in made} == made
    # and never from counts that contradict themselves
    path = Path("f/counts/ablation-50.n4.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = [int(cell) for cell in lines[1].split(",")]
    path.write_text(
        "\n".join([lines[0], ",".join(map(str, [cells[0] + 1, *cells[1:]])), *lines[2:]]),
        encoding="utf-8",
    )
    run = topcert("reproduce", "figure3", "--from-counts", "--out", "g")
    assert run.code == 2
    assert "the votes of input 0 sum to 5, not to n = 4" in run.err


@pytest.mark.skipif(not CARRIED.is_dir(), reason="no counts of the figures are carried yet")
@pytest.mark.parametrize("name", ["figure1", "figure2", "figure3", "figure4"])
def test_the_carried_counts_redraw_the_committed_figures(
    workplace: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    run = topcert("reproduce", name, "--from-counts", "--out", "f")
    assert run.code == 0, run.err
    assert Path(f"f/{name}.csv").read_bytes() == (RESULTS / f"{name}.csv").read_bytes()
    assert "CIFAR-10, e" not in run.out  # each e of the panel was measured


def test_what_is_not_there_is_not_made_up(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert("reproduce", "figure1", "--from-counts", "--budget", "paper", "--out", "f")
    assert run.code == 2
    assert "carries no vote counts of figures" in run.err
    run = topcert("reproduce", "figure1", "--skip-cifar10", "--out", "f")
    assert run.code == 2
    assert "no votes for figure1" in run.err
    assert topcert("reproduce", "figure1", "--budget", "huge", "--out", "f").code == 2
    assert not Path("f").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--samples", 10], "--samples is for the ImageNet panel"),
        (["--rehearse"], "--rehearse is for the ImageNet panel"),
        (
            ["--imagenet-dir", "absent", "--imagenet-encoding", "constant"],
            "belongs to --imagenet-model",
        ),
        (["--imagenet-dir", "absent", "--imagenet-model", "m:f", "--rehearse"], "leave it out"),
        (["--imagenet-dir", "absent", "--from-counts"], "measures nothing"),
        (["--imagenet-dir", "absent", "--skip-cifar10"], "--imagenet-dir must name a folder"),
    ],
)
def test_options_that_do_not_go_together(
    workplace: Path, topcert: Callable[..., Outcome], options: list[Any], says: str
) -> None:
    run = topcert("reproduce", "figure1", *options, "--out", "f")
    assert run.code == 2
    assert says in run.err
    assert not Path("f").exists()


@pytest.fixture
def photographs(workplace: Path) -> Path:
    """Three classes of two photographs."""
    generator = np.random.default_rng(0)
    for name in read_wnids()[:3]:
        folder = workplace / "val" / name
        folder.mkdir(parents=True)
        for number in range(2):
            Image.fromarray(generator.integers(0, 256, (224, 224, 3)).astype(np.uint8)).save(
                folder / f"{number}.png"
            )
    return workplace / "val"


@pytest.mark.rehearsal
def test_the_imagenet_panel_is_rehearsed_apart_and_measured_with_networks_of_ones_own(
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
        "--skip-cifar10",
        "--imagenet-dir",
        photographs,
        "--samples",
        3,
        "--limit",
        1,
        "--out",
        "f",
    ]
    run = topcert("reproduce", "figure1", *options, "--rehearse")
    assert run.code == 0, run.err
    assert sorted(path.name for path in Path("f/rehearsal").glob("figure1*")) == [
        "figure1-rehearsal.csv",
        "figure1-rehearsal.png",
        "figure1-rehearsal.svg",
    ]
    assert not list(Path("f").glob("figure1*"))
    assert "resnet50, untrained" in Path("f/rehearsal/figure1-rehearsal.csv").read_text(
        encoding="utf-8"
    )
    assert "REHEARSAL" in run.out
    # a network of one's own is measured; what has none is neither drawn nor mixed in
    Path("f/networks/imagenet-ablation-1000").mkdir(parents=True)
    shutil.copy(
        "f/rehearsal/networks/untrained-6.onnx", "f/networks/imagenet-ablation-1000/resnet50.onnx"
    )
    run = topcert("reproduce", "figure2", *options)
    assert run.code == 0, run.err
    assert "ImageNet, e = 500: not measured" in run.out
    rows = Path("f/figure2.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {row.split(",")[2] for row in rows} == {"1000"}
    # and Python draws the same
    made = {path: path.read_bytes() for path in Path("f").glob("figure2.*")}
    panel = command.ImagenetPanel(images="val", num_samples=3, limit=1)
    again = command.reproduce_figure(
        "figure2", skip_cifar10=True, imagenet=panel, out="f", progress=False
    )
    assert {path: path.read_bytes() for path in again.paths} == made
    with pytest.raises(ValueError, match=r"^encoding belongs to model; name the model"):
        command.ImagenetPanel(images="val", encoding="constant")
    # another model for the same votes is refused; in a folder of its own it is taken, and named
    (photographs.parent / "mine.py").write_text(
        "def model():\n    return lambda batch: batch.reshape(len(batch), -1)[:, :1000]\n"
    )
    options[-1] = "g"
    run = topcert(
        "reproduce",
        "figure1",
        *options,
        "--imagenet-model",
        "mine:model",
        "--imagenet-encoding",
        "constant",
    )
    assert run.code == 0, run.err
    assert "network mine:model (constant)" in run.out
    options[-1] = "f"
    run = topcert(
        "reproduce",
        "figure1",
        *options,
        "--imagenet-model",
        "mine:model",
        "--imagenet-encoding",
        "constant",
    )
    assert run.code == 2
    assert "choose another --out" in run.err
