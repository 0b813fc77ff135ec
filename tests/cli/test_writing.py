"""What `--out` may name: a pipe and standard output are written through, what is read stays, a
folder is no file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

COUNTS = "cat,dog,fox,label\n980,10,10,0\n"
RADIUS = ["radius", "c.csv", "--keep", "10", "--features", "100", "--k", "1", "--alpha", "0.01"]
WRITTEN = "index,label,class,k,radius\n0,0,cat,1,5\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a table of counts in it."""
    monkeypatch.chdir(tmp_path)
    Path("c.csv").write_text(COUNTS)
    return tmp_path


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A shell that knows the command as `topcert`."""
    run = (
        f"topcert() {{ '{sys.executable}' -c 'from topcert.cli import main; main()' \"$@\"; }};"
        f" {command}"
    )
    return subprocess.run(
        ["bash", "-c", run], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_out_goes_through_what_is_no_plain_file(here: Path) -> None:
    radius = " ".join(RADIUS)
    done = shell(
        f"echo first; topcert {radius} --out /dev/stdout; topcert {radius} --out -; mkfifo p; ln -s"
        " c.csv link"
    )
    assert (done.stdout, done.returncode) == (f"first\n{WRITTEN}{WRITTEN}", 0), done.stderr
    assert shell(f"cat p & topcert {radius} --out p; wait; test -p p").stdout == WRITTEN
    added = shell(f"echo first > log; topcert {radius} --out /dev/stdout >> log; cat log")
    assert added.stdout == f"first\n{WRITTEN}"
    for full in (f"topcert {radius} --out /dev/full", f"topcert {radius} > /dev/full"):
        failed = shell(full)
        assert failed.returncode == 2
        assert "No space left on device" in failed.stderr
        assert len(failed.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["c.csv", "./c.csv", "link"])
def test_what_is_read_is_not_written_over(
    here: Path, topcert: Callable[..., Outcome], name: str
) -> None:
    Path("link").symlink_to("c.csv")
    run = topcert(*RADIUS, "--out", name)
    assert run.code == 2
    assert "would write over" in run.err
    assert Path("c.csv").read_text() == COUNTS


def test_evaluate_writes_over_no_file_of_the_run(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    made = [
        "certify",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        2,
        "--samples",
        200,
        "--k",
        1,
        "--out",
        "o",
    ]
    assert topcert(*made).code == 0
    before = {path: path.read_bytes() for path in Path("o").rglob("*") if path.is_file()}
    for path in before:
        run = topcert("evaluate", "o", "--k", 2, "--out", path)
        assert run.code == 2
        assert "would write over" in run.err
    assert {path: path.read_bytes() for path in before} == before
    assert topcert("evaluate", "o", "--out", "o/mine.csv").code == 0
    assert Path("o/mine.csv").read_text() == Path("o/accuracy.csv").read_text()


@pytest.mark.parametrize("command", [["demo"], ["certify", "digits", "compact", "--keep", 5]])
@pytest.mark.parametrize("name", ["-", "c.csv", "broken"])
def test_a_command_that_writes_a_folder_names_what_is_none(
    here: Path, topcert: Callable[..., Outcome], command: list[object], name: str
) -> None:
    Path("broken").symlink_to("nowhere")
    run = topcert(*command, "--out", name)
    assert run.code == 2
    assert "name a folder" in run.err or "writes a folder; name one" in run.err
    assert len(run.err.strip().splitlines()) == 1
