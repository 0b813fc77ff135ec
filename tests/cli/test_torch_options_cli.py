"""`--precision` and `--channels-last`: recorded, and taken from the record ever after."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import topcert as library
from tests.conftest import Outcome

MODULE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.weights = torch.nn.Parameter(torch.randn(4, 6, 3, 3, generator=generator))

    def forward(self, rows):
        return torch.nn.functional.conv2d(rows, self.weights).mean(dim=(2, 3))

def make():
    return Net()
"""
MODEL = "halved_model:make"


@pytest.fixture
def images(workplace: Path) -> Path:
    (workplace / "halved_model.py").write_text(MODULE)
    generator = np.random.default_rng(2)
    np.savez("x.npz", x=generator.random((3, 5, 6, 3)).astype(np.float32), y=[0, 1, 2])
    return workplace


def manifest(folder: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(Path(folder, "manifest.json").read_text())
    return found


def files(folder: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_options_are_part_of_the_record(images: Path, topcert: Callable[..., Outcome]) -> None:
    run = ("certify", "x.npz", MODEL, "--keep", 6, "--samples", 60, "--k", 1)
    half = ("--precision", "bfloat16", "--channels-last")
    assert topcert(*run, "--out", "usual").code == 0
    assert topcert(*run, "--precision", "float32", "--out", "named").code == 0
    assert "torch_options" not in manifest("usual")
    assert files("named") == files("usual")
    found = topcert(*run, *half, "--out", "half")
    assert found.code == 0, found.err
    options = {"torch_options": "bfloat16, channels-last"}
    assert manifest("half") == manifest("usual") | options

    # whoever goes on or checks need not name them
    whole = files("half")
    for name in ("ledger/block-000000.parquet", "certificates.parquet"):
        (Path("half") / name).unlink()
    again = topcert(*run, "--out", "half", "--resume")
    assert again.code == 0, again.err
    assert files("half") == whole
    checked = topcert("verify", "half", "--model", MODEL, "--replay", "all")
    assert checked.code == 0, checked.err

    other = topcert(*run, "--precision", "float32", "--out", "half", "--resume")
    assert other.code == 2
    assert "was started with torch_options = 'bfloat16, channels-last'" in other.err

    smoothed = library.SmoothedClassifier(
        MODEL,
        noise=library.Ablation(num_kept=6),
        torch_options=library.TorchOptions(precision="bfloat16", channels_last=True),
    )
    smoothed.vote("x.npz", num_samples=60, out="python", progress=False).certify(k=1).save()
    assert files("python") == whole


def test_options_are_for_torch_modules(images: Path, topcert: Callable[..., Outcome]) -> None:
    for more, message in (
        ((MODEL, "--precision", "int8"), "precision must be one of float32, float16, bfloat16"),
        (("compact", "--channels-last"), "are for torch modules, and compact is none; leave them"),
        (("models_for_tests:linear", "--precision", "float16"), "and a function is none"),
    ):
        found = topcert("certify", "x.npz", *more, "--keep", 6, "--samples", 60, "--out", "o")
        assert found.code == 2
        assert message in found.err
        assert not Path("o").exists()
    model = "models_for_tests:linear"
    found = topcert(
        "certify", "x.npz", model, "--method", "chiang", "--precision", "float16", "--out", "o"
    )
    assert "--precision is for methods on votes, not for chiang; leave it out" in found.err
