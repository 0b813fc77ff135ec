"""A run that is killed anywhere and resumed ends with the votes and certificates of one that was
not.
"""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_verify import forge
from tests.conftest import Outcome
from topcert.noise.ablation import Ablation
from topcert.voting import sampling
from topcert.voting.ledger import Ledger
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run

RUN = ["certify", "table.npz", "models_for_tests:slow", "--batch-size", "25"]
BALLOTS = [*RUN, "--keep", "4", "--samples", "300", "--k", "3", "--ballot", "2"]
STOP = [
    *RUN,
    "--keep",
    "2",
    "--stop",
    "exact",
    "--max-samples",
    "500",
    "--k",
    "3",
    "--alpha",
    "0.01",
]


def _start(arguments: list[str], out: str, *more: str) -> subprocess.Popen[bytes]:
    code = (
        "import topcert.voting.sampling as s; s.MAX_BLOCK_VOTES = 100; from topcert.cli import"
        " main; main()"
    )
    command = [sys.executable, "-c", code, *arguments, "--out", out, *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("arguments", [BALLOTS, STOP], ids=["ballots", "stop"])
def test_killed_at_random_moments_and_resumed_it_gives_the_same(
    workplace: Path, arguments: list[str]
) -> None:
    whole = _start(arguments, "whole")
    _, errors = whole.communicate()
    assert whole.returncode == 0, errors.decode()
    moments = random.Random(5)
    kills = 0
    while True:
        run = _start(arguments, "cut", "--resume")
        if kills < 2:
            # wait for the first sign of life, so that a slow machine is killed at work and not
            # while importing
            deadline = time.monotonic() + 60
            before = len(list(Path("cut").glob("ledger/block-*")))
            while run.poll() is None and time.monotonic() < deadline:
                if len(list(Path("cut").glob("ledger/block-*"))) > before:
                    break
                time.sleep(0.01)
            time.sleep(moments.uniform(0.0, 0.2) if kills else 0.0)
            if run.poll() is None:
                run.send_signal(signal.SIGKILL)
                kills += 1
        _, errors = run.communicate()
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL, errors.decode()
    assert kills >= 1
    one, other = ([*Ledger.open(Path(name)).iterate_inputs()] for name in ("whole", "cut"))
    lengths = [len(votes) for votes in one]
    assert lengths == [300] * 8 if arguments != STOP else len(set(lengths)) > 1
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    files = sorted(path.relative_to("whole") for path in Path("whole").rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to("cut") for path in Path("cut").rglob("*") if path.is_file()
    )
    assert len(files) > 20
    for name in files:
        assert Path("whole", name).read_bytes() == Path("cut", name).read_bytes(), name


def test_resume_computes_only_what_is_missing(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 1)
    run = [
        "certify",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        4,
        "--samples",
        100,
        "--batch-size",
        50,
        "--out",
        "o",
    ]
    assert topcert(*run).code == 0
    ledger = Ledger.open(Path("o"))
    before = {path.name: path.stat().st_mtime_ns for path in Path("o/ledger").glob("block-*")}
    ledger.block_path(3).unlink()
    assert topcert(*run, "--resume").code == 0
    after = {path.name: path.stat().st_mtime_ns for path in Path("o/ledger").glob("block-*")}
    assert {name for name in after if after[name] != before[name]} == {"block-000003.parquet"}


BASE = [
    "certify",
    "table.npz",
    "models_for_tests:linear",
    "--keep",
    4,
    "--samples",
    100,
    "--batch-size",
    50,
    "--out",
    "o",
]


def test_a_lost_manifest_is_only_replaced_by_its_own(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*BASE).code == 0
    whole = Path("o/manifest.json").read_bytes()
    Path("o/manifest.json").unlink()
    other = topcert(*BASE, "--seed", 5, "--resume")
    assert other.code == 2
    assert not Path("o/manifest.json").exists()
    assert topcert(*BASE, "--resume").code == 0
    assert Path("o/manifest.json").read_bytes() == whole


def test_lost_or_damaged_inputs_are_written_again(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*BASE).code == 0
    for damage in (b"", None):
        path = Path("o/ledger/inputs.parquet")
        path.unlink() if damage is None else path.write_bytes(damage)
        assert topcert("verify", "o").code == 2
        assert topcert(*BASE, "--resume").code == 0
        assert topcert("verify", "o").code == 0


def test_damage_is_named_before_any_new_pass(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 1)
    assert topcert(*BASE).code == 0
    ledger = Ledger.open(Path("o"))
    ledger.block_path(0).write_bytes(b"")
    ledger.block_path(5).unlink()
    run = topcert(*BASE, "--resume")
    assert run.code == 2
    assert "block-000000.parquet is damaged" in run.err
    assert ledger.missing_blocks() == [5]


def test_a_faster_process_keeps_its_run(workplace: Path) -> None:
    request = Request(
        data="table.npz",
        model="models_for_tests:linear",
        noise=Ablation(num_kept=4),
        num_samples=60,
    )
    slow = open_run(dataclasses.replace(request, seed=2), Path("o"), resume=False)
    collect_votes(open_run(request, Path("o"), resume=False), on_progress=lambda *_: None)
    with pytest.raises(ValueError, match="another process"):
        collect_votes(slow, on_progress=lambda *_: None)
    assert Ledger.open(Path("o")).manifest.seed == 0
    assert Ledger.open(Path("o")).counts().sum() == 8 * 60


@pytest.mark.parametrize(
    "options", [[], ["--stop", "radius=1", "--max-samples", "200"]], ids=["fixed", "stop"]
)
def test_a_finished_run_is_opened_on_any_runtime_and_an_unfinished_one_on_its_own(
    workplace: Path, topcert: Callable[..., Outcome], options: list[str]
) -> None:
    samples = options or ["--samples", "200"]
    run = [
        "certify",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        2,
        "--k",
        1,
        *samples,
        "--out",
        "o",
    ]
    assert topcert(*run).code == 0
    forge(Path("o"), runtime="some other library, cpu Nehalem")
    votes = {path.name: path.read_bytes() for path in Path("o/ledger").glob("block-*")}
    (Path("o") / "counts.csv").unlink()
    again = topcert(*run, "--resume")
    assert again.code == 0, again.err
    message = " ".join(again.err.split())
    assert (
        "this run is finished: nothing was computed. Its votes are from some other library, cpu"
        " Nehalem" in message
    )
    assert "it had passed before certificates.parquet was written" in message
    assert "replayed in the recorded batch shape" not in message
    assert {path.name: path.read_bytes() for path in Path("o/ledger").glob("block-*")} == votes
    assert topcert("verify", "o").code == 0
    (Path("o") / "certificates.parquet").unlink()
    assert "whether it had passed is not recorded" in " ".join(
        topcert(*run, "--resume").err.split()
    )
    Ledger.open(Path("o")).block_path(0).unlink()
    refused = topcert(*run, "--resume")
    assert refused.code == 2
    assert "was started with runtime = 'some other library, cpu Nehalem'" in refused.err
