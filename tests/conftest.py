"""Small models and data sets that many tests use, and the command in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

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

def wild():
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
