"""Folders of earlier releases, whose Gaussian noise was drawn in floating point: read, verified,
gone on with, and told.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_verify import forge, rewrite_manifest
from tests.conftest import Outcome
from topcert.evaluation.results import derive, smoothing_of, write_results
from topcert.noise.gaussian import Gaussian
from topcert.randomization import float_noise, grid_noise
from topcert.voting.ledger import Ledger
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run

THIRDS = '''
"""Label by the mean of the noisy image."""
import numpy as np

def make():
    return lambda batch: np.digitize(batch.mean((1, 2, 3)), (0.4, 0.6))
'''
MODEL = "mean_for_tests:make"
# As the release that drew this noise counted and certified them.
COUNTS = [[300, 0, 0], [0, 1, 299], [9, 289, 2], [0, 259, 41]]
L2 = [
    0.968809042244962,
    1.1841726911167763,
    0.9107195348125601,
    1.1260831838470298,
    0.6895907850028392,
    0.8892800167597344,
    0.39392508286662453,
    0.6813670628950971,
]
CERTIFY = [
    "certify",
    "images.npz",
    MODEL,
    "--classes",
    3,
    "--method",
    "jia-2020",
    "--sigma",
    0.5,
    "--samples",
    300,
]


@pytest.fixture
def older(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of an earlier release."""
    monkeypatch.setattr(
        importlib.import_module("topcert.report.keep_results"),
        "draw_results",
        lambda *_, **__: None,
    )
    monkeypatch.delitem(sys.modules, "mean_for_tests", raising=False)
    Path("mean_for_tests.py").write_text(THIRDS)
    values = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3))
    values[0] //= 2
    values[1] = 255 - values[1] // 2
    np.savez("images.npz", x=(values / 255).astype(np.float32), y=np.array([0, 2, 1, 1]))
    request = Request(
        data="images.npz",
        model=MODEL,
        noise=Gaussian(sigma=0.5, algorithm=float_noise.ALGORITHM),
        num_samples=300,
        num_classes=3,
    )
    ledger = collect_votes(
        open_run(request, Path("run"), resume=False), on_progress=lambda *_: None
    )
    write_results(derive(ledger, method="jia-2020", ks=[1, 2], alpha=0.001))
    return workplace / "run"


def test_votes_and_certificates_are_as_they_were(older: Path) -> None:
    assert (
        json.loads((older / "manifest.json").read_text())["algorithm"] == "philox4x64-quantile53-1"
    )
    results = derive(Ledger.open(older), method="jia-2020", ks=[1, 2], alpha=0.001)
    assert results.counts.tolist() == COUNTS
    assert results.certificates.l2_radius is not None
    np.testing.assert_array_equal(results.certificates.l2_radius, L2)


def test_it_is_verified_with_replay_and_fresh_votes_and_told_what_is_not_covered(
    older: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(
        "verify", "run", "--model", MODEL, "--replay", 200, "--fresh-seed", 7, "--samples", 100
    )
    assert run.code == 0, run.err
    assert "1,200 votes computed again, 0 differ" in run.out
    assert "not covered: this noise was drawn and added in floating point" in run.out
    run = topcert("evaluate", "run", "--k", 1)
    assert run.code == 0, run.err
    assert "Not covered: this noise was drawn and added in floating point" in " ".join(
        run.out.split()
    )
    for command in (["verify", "run"], ["evaluate", "run"]):
        assert "in floating point" in json.loads(topcert(*command, "--json").out)["not_covered"]


def test_it_is_gone_on_with_under_its_own_noise(
    older: Path, topcert: Callable[..., Outcome]
) -> None:
    whole = {path: path.read_bytes() for path in older.rglob("*") if path.is_file()}
    for block in (older / "ledger").glob("*.parquet"):
        block.unlink()
    run = topcert(*CERTIFY, "--k", 1, "--k", 2, "--out", "run", "--resume")
    assert run.code == 0, run.err
    assert "Not covered:" in run.out
    for path, content in whole.items():
        assert path.read_bytes() == content, path


def test_a_new_run_draws_on_the_grid_and_covers_it(
    older: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*CERTIFY, "--k", 1, "--out", "new")
    assert run.code == 0, run.err
    message = " ".join(run.out.split())
    assert "overed" not in message
    assert (
        "Input and noise are whole steps of 1/8160: 8-bit values exactly, others after rounding."
        in message
    )
    assert json.loads(Path("new/manifest.json").read_text())["algorithm"] == grid_noise.ALGORITHM
    assert (
        smoothing_of(Ledger.open(Path("new")).manifest).law_error
        == grid_noise.law_error(sigma=0.5, width=108)
        > 0
    )
    assert smoothing_of(Ledger.open(older).manifest).law_error == 0
    run = topcert("verify", "new", "--model", MODEL, "--replay", 200)
    assert run.code == 0, run.err
    assert "overed" not in run.out
    for command in (["verify", "new"], ["evaluate", "new"]):
        assert json.loads(topcert(*command, "--json").out)["not_covered"] is None


def test_a_run_under_one_noise_does_not_pass_for_one_under_the_other(
    older: Path, topcert: Callable[..., Outcome]
) -> None:
    forge(older, algorithm=grid_noise.ALGORITHM)
    run = topcert("verify", "run", "--model", MODEL, "--replay", 200)
    assert run.code == 1
    assert "replayed votes differ" in run.out


def test_a_law_that_nobody_knows_is_refused(older: Path, topcert: Callable[..., Outcome]) -> None:
    forge(older, algorithm="philox4x64-better-1")
    for command in (["verify", "run"], ["evaluate", "run", "--k", 1]):
        run = topcert(*command)
        assert run.code == 2
        assert "philox4x64-better-1, whose law this release does not know" in " ".join(
            run.err.split()
        )


def test_an_older_sigma_may_be_larger_and_a_new_one_not(
    older: Path, topcert: Callable[..., Outcome]
) -> None:
    forge(older, sigma=500.0)
    assert Ledger.open(older).manifest.noise == Gaussian(
        sigma=500.0, algorithm=float_noise.ALGORITHM
    )
    rewrite_manifest(older, algorithm=grid_noise.ALGORITHM)
    run = topcert("verify", "run")
    assert run.code == 2
    assert "sigma must lie in 1e-06 .. 128, got 500.0" in " ".join(run.err.split())
    asked = [500 if part == 0.5 else part for part in CERTIFY]
    run = topcert(*asked, "--out", "new")
    assert run.code == 2
    assert "--sigma must lie in 1e-06 .. 128, got 500" in " ".join(run.err.split())
