"""`topcert reproduce infill`: from images to a table and a figure, gone on with, and redrawn from
counts.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from rich.console import Console
from tests.conftest import Outcome

from topcert.datasets.imagenet import INPUT_IN_WORDS

command = importlib.import_module("topcert_paper.commands.reproduce_infill")
work = importlib.import_module("topcert_paper.reproduce.infill")
fills = importlib.import_module("topcert_paper.fills")
RESULTS = Path(__file__).parents[3] / "docs" / "results" / "infill"


@pytest.fixture
def photographs(workplace: Path) -> Path:
    """Three classes of ImageNet with two small photographs each."""
    generator = np.random.default_rng(0)
    for name in ("n01440764", "n01443537", "n01484850"):
        (workplace / "val" / name).mkdir(parents=True)
        for number in range(2):
            pixels = generator.integers(0, 256, (8, 9, 3), np.uint8)
            Image.fromarray(pixels).save(workplace / "val" / name / f"{number}.png")
    return workplace / "val"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of a few numbers in place of the published one."""

    def write(folder: Path) -> Path:
        path: Path = fills.network_path(folder)
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            weights = np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32)
            graph = helper.make_graph(
                [
                    helper.make_node("GlobalAveragePool", ["x"], ["means"]),
                    helper.make_node("Flatten", ["means"], ["flat"]),
                    helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
                ],
                "tiny",
                [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 224, 224])],
                [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 1000])],
                [numpy_helper.from_array(weights, "weights")],
            )
            model = helper.make_model(
                graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
            )
            helper.set_model_props(model, {"network": "tiny", "multiply_adds": "36"})
            onnx.save_model(model, path)
        return path

    monkeypatch.setattr(work, "write_network", write)
    monkeypatch.setattr(fills, "DRAWN_KS", (3,))


@pytest.mark.usefixtures("tiny")
def test_it_is_made_from_images_gone_on_with_and_redrawn(
    photographs: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [
        "--data-dir",
        photographs,
        "--samples",
        4,
        "--limit",
        2,
        "--keep",
        1000,
        "--out",
        "f",
    ]
    run = topcert("reproduce", "infill", *arguments)
    assert run.code == 0, run.err
    assert INPUT_IN_WORDS in run.out
    assert "ImageNet, 2 images (224 x 224 crops), tiny as published, n = 4" in run.out
    record = json.loads(Path("f/counts/record.json").read_text(encoding="utf-8"))
    assert sorted(record) == ["constant-1000", "infill-1000"]
    manifest = json.loads(Path("f/runs/infill-1000/manifest.json").read_text(encoding="utf-8"))
    assert (manifest["encoding"], manifest["num_kept"], manifest["num_inputs"]) == (
        "infill",
        1000,
        2,
    )
    made = {path: path.read_bytes() for path in Path("f").glob("infill.*")}
    assert sorted(path.suffix for path in made) == [".csv", ".png", ".svg"]
    # a run that lost its counts and a block of votes goes on from what is left
    next(Path("f/runs/infill-1000/ledger").glob("block-*")).unlink()
    shutil.rmtree("f/counts")
    again = work.reproduce_infill(
        data_dir="val", num_samples=4, limit=2, num_kept=[1000], out="f", progress=False
    )
    assert set(again.paths) == set(made)
    assert {path: path.read_bytes() for path in made} == made
    # other votes do not get in
    arguments[3] = 9
    refused = topcert("reproduce", "infill", *arguments)
    assert refused.code == 2
    assert "num_samples = 4, and 9 are asked for" in refused.err
    # from the counts alone: the same bytes
    monkeypatch.setattr(work, "carried_counts", lambda *_: Path("f/counts"))
    assert topcert("reproduce", "infill", "--from-counts", "--out", "g").code == 0
    assert [Path("g", path.name).read_bytes() for path in made] == list(made.values())


def test_it_needs_a_folder(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    for arguments in ([], ["--data-dir", "absent"]):
        run = topcert("reproduce", "infill", *arguments)
        assert run.code == 2
        assert "--data-dir must name a folder of ImageNet validation images" in run.err
    with pytest.raises(ValueError, match=r"^data_dir must name a folder of ImageNet"):
        work.reproduce_infill(data_dir="absent")


def test_counts_that_are_not_carried_are_not_made_up(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topcert_paper.carried.files", lambda _: workplace)
    run = topcert("reproduce", "infill", "--from-counts")
    assert run.code == 2
    assert "topcert-paper carries no vote counts of infill" in run.err


def test_the_carried_counts_redraw_the_committed_table(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("reproduce", "infill", "--from-counts", "--out", "f")
    assert run.code == 0, run.err
    assert Path("f/infill.csv").read_bytes() == (RESULTS / "infill.csv").read_bytes()
    assert (
        "ImageNet, 50 images (224 x 224 crops), efficientnet-lite0 as published, n = 200" in run.out
    )


def test_the_table_fits_a_narrow_terminal(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "console", Console(width=80, highlight=False))
    run = topcert("reproduce", "infill", "--from-counts", "--out", "f")
    assert run.code == 0, run.err
    assert "…" not in run.out
    assert re.search(r"^ 10 +5,000 +infill +0\.520 +0\.420 .* 17 *$", run.out, re.MULTILINE)


def test_certify_says_what_of_a_photograph_is_certified(
    photographs: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("net.py").write_text(
        "import numpy as np\ndef make():\n    return lambda batch: batch.mean(axis=(2, 3)) @"
        " np.eye(3, 1000)\n"
    )
    run = topcert(
        *(
            "certify",
            "imagenet",
            "net:make",
            "--data-dir",
            photographs,
            "--keep",
            1000,
            "--encoding",
            "infill",
        ),
        *("--samples", 4, "--k", 1, "--limit", 1, "--out", "run"),
    )
    assert run.code == 0, run.err
    text = " ".join(run.out.split())
    assert (
        f"The certified input is the 224 x 224 x 3 array ({INPUT_IN_WORDS}) whose pixels are"
        " ablated (1000 of 50176" in text
    )
    manifest = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))
    assert (manifest["data"], manifest["encoding"], manifest["fill"]) == (
        "imagenet",
        "infill",
        None,
    )
    check = topcert("verify", "run", "--model", "net:make", "--replay", 4)
    assert check.code == 0, check.err
    refused = topcert(
        *(
            "certify",
            "imagenet",
            "net:make",
            "--data-dir",
            photographs,
            "--keep",
            1000,
            "--encoding",
            "infill",
        ),
        *("--fill", 0.5, "--out", "other"),
    )
    assert (
        "--fill is for the encodings constant and sentinel, not infill; leave it out" in refused.err
    )
