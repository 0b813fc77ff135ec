"""Folders of runs of every release: read, certified again, gone on with and verified, with the
same results (docs/formats.md).

The model answers in whole numbers, so that its votes are the same wherever the tests run.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from topcert.classifiers import functions
from topcert.version import __version__
from topcert.voting.manifest import FORMAT

KEPT = Path(__file__).parent
RELEASES = sorted(path.parent.name for path in KEPT.glob("*/commands.txt"))
RUNS = [
    (release, line)
    for release in RELEASES
    for line in (KEPT / release / "commands.txt").read_text().splitlines()
]
VOTES = [run for run in RUNS if "--method chiang" not in run[1]]


def named(runs: list[tuple[str, str]]) -> list[str]:
    return [f"{release}-{line.rsplit(' ', 1)[1]}" for release, line in runs]


def words_of(line: str) -> tuple[list[str], Path]:
    """The words of a command, and its folder."""
    words = shlex.split(line)
    return words, Path(words[-1])


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory, with a copy of the folders of a release; its modules are at hand."""
    shutil.copytree(KEPT / request.getfixturevalue("release"), tmp_path / "kept")
    monkeypatch.chdir(tmp_path / "kept")
    monkeypatch.syspath_prepend(str(tmp_path / "kept"))
    monkeypatch.delitem(sys.modules, "exact", raising=False)


def content(folder: Path) -> dict[str, object]:
    """What the files of a run say; of Parquet the rows and what they say of themselves, as its
    bytes name the release of the library that wrote them.
    """
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            found[str(path)] = (table.to_pylist(), str(table.schema), table.schema.metadata)
        elif path.suffix in (".csv", ".json"):
            found[str(path)] = path.read_bytes()
    return found


def test_folders_of_this_release_are_kept() -> None:
    assert __version__ in RELEASES, "make its folders: python -m tests.formats.make"
    written = {
        json.loads(path.read_text())["topcert_version"]: json.loads(path.read_text())["format"]
        for path in KEPT.glob("*/*/manifest.json")
    }
    assert sorted(written) == RELEASES
    assert written[__version__] == FORMAT


@pytest.mark.pictures  # those that are kept are drawn again
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("release", "line"), RUNS, ids=named(RUNS))
def test_a_kept_folder_is_verified(
    release: str, line: str, topcert: Callable[..., Outcome]
) -> None:
    words, folder = words_of(line)
    replay = () if "chiang" in line else ("--replay", "all")
    traced = ("--data", words[1], "--model", words[2], *replay)
    if replay:
        run = topcert("verify", folder)
        assert run.code == 0, run.err
    run = topcert("verify", folder, *traced)
    assert run.code == 0, run.out + run.err
    if replay:
        law = json.loads((folder / "manifest.json").read_text())
        assert law["topcert_version"] == release
        assert "0 differ" in run.out or "came out the same" in run.out


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("release", "line"), VOTES, ids=named(VOTES))
def test_a_kept_folder_is_certified_again_without_new_passes(
    release: str, line: str, topcert: Callable[..., Outcome]
) -> None:
    words, folder = words_of(line)
    before = content(folder)
    run = topcert("evaluate", folder, "--out", "curve.csv")
    assert run.code == 0, run.err
    assert Path("curve.csv").read_bytes() == (folder / "accuracy.csv").read_bytes()
    # a finished run is certified again wherever it was made
    run = topcert(*words, "--resume")
    assert run.code == 0, run.err
    assert content(folder) == before


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("release", "line"), VOTES, ids=named(VOTES))
def test_a_kept_folder_is_gone_on_with_on_its_runtime(
    release: str, line: str, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, folder = words_of(line)
    before = content(folder)
    library, cpu = json.loads((folder / "manifest.json").read_text())["runtime"].split(", ")
    monkeypatch.setattr(functions.np, "__version__", library.removeprefix("numpy "))
    monkeypatch.setattr(functions, "this_cpu", lambda: cpu)
    for path in folder.rglob("*"):
        if path.parent.name == "ledger" and path.name not in ("inputs.parquet", "checks.json"):
            path.unlink()
    (folder / "certificates.parquet").unlink()
    run = topcert(*words, "--resume")
    assert run.code == 0, run.err
    assert content(folder) == before
