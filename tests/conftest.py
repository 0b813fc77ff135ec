"""Small models and data sets that many tests use, and the command in this process."""

from __future__ import annotations

import hashlib
import html
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from topcert.evaluation.accuracy import AccuracyCurve

# a red run stays red when run again
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

MODELS = '''
"""Base classifiers of the tests: deterministic functions of the ablated batch."""
import time

import numpy as np

_WEIGHTS = np.random.default_rng(0).normal(size=(4096, 5)).astype(np.float32)

def _scores(batch):
    flat = batch.reshape(len(batch), -1)
    return flat @ _WEIGHTS[: flat.shape[1]]

def linear():
    return _scores

def slow():
    def scores(batch):
        time.sleep(0.02)
        return _scores(batch)

    return scores

def noisy():
    generator = np.random.default_rng()
    return lambda batch: generator.integers(0, 5, (len(batch), 5)).astype(float)

def drifting():
    calls = []

    def scores(batch):
        calls.append(1)
        return np.eye(5)[np.full(len(batch), 0 if len(calls) < 45 else 1)]

    return scores

def nan():
    return lambda batch: np.full((len(batch), 5), np.nan)

def labels():
    return lambda batch: _scores(batch).argmax(1)

def out_of_range():
    return lambda batch: np.full(len(batch), 99)
'''


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with `models_for_tests.py` and `table.npz` (8 inputs, 12 columns, 5
    classes) in it.
    """
    (tmp_path / "models_for_tests.py").write_text(MODELS)
    generator = np.random.default_rng(1)
    np.savez(
        tmp_path / "table.npz",
        x=generator.random((8, 12)).astype(np.float32),
        y=generator.integers(0, 5, 8),
        x_train=generator.random((20, 12)).astype(np.float32),
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "models_for_tests", raising=False)
    return tmp_path


@pytest.fixture(autouse=True)
def quick_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves of runs as a few pixels and their own numbers: to draw them takes two thirds of a
    command's time. Tests marked `pictures` draw them in earnest.
    """
    if request.node.get_closest_marker("pictures") is None:
        from topcert.report import draw_results

        monkeypatch.setattr(draw_results, "draw_curves", few_pixels)


def few_pixels(
    curves: Sequence[AccuracyCurve], *, unit: str, title: str, stem: Path, stamped: bool
) -> list[Path]:
    """In the place of `draw_curves`: other curves or another title give other pixels and text."""
    from topcert.report.figures import stamp

    lines = [f"k = {each.k}: {each.certified.tolist()} of {each.total}" for each in curves]
    message = " ".join([title, unit, *lines])
    mark = stamp() if stamped else ""
    png, svg = (stem.with_name(stem.name + suffix) for suffix in (".png", ".svg"))
    info = PngInfo()
    info.add_text("Description", mark)
    pixels = np.frombuffer(hashlib.sha256(message.encode()).digest(), np.uint8).reshape(4, 8)
    Image.fromarray(pixels).save(png, pnginfo=info)
    svg.write_text(f"<svg><desc>{mark}</desc><text>{html.escape(message)}</text></svg>\n")
    return [png, svg]


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def topcert(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Run the command in this process: `topcert("radius", "counts.csv", ...)`."""
    from topcert.cli import main

    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["topcert", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()

        out, err = capsys.readouterr()
        return Outcome(code=int(stopped.value.code or 0), out=out, err=err)

    return run
