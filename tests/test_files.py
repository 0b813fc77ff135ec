"""A file that is replaced is the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from topcert.files import replacing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder."""
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_on_success_the_new_content_takes_the_place_of_the_old(path: Path) -> None:
    with replacing(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "new"
    assert names(path.parent) == ["table.csv"]


def test_a_file_that_was_not_there_is_made(tmp_path: Path) -> None:
    with replacing(tmp_path / "fresh.csv") as aside:
        aside.write_text("new")
    assert (tmp_path / "fresh.csv").read_text() == "new"
    assert names(tmp_path) == ["fresh.csv"]


def test_while_it_is_written_the_old_content_stands(path: Path) -> None:
    with replacing(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
        assert aside.parent == path.parent, "a rename is whole only within one file system"
        assert aside.name.startswith(".")
        assert aside.name.endswith(".tmp")


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), SystemExit(1)])
def test_an_exception_leaves_the_old_file_and_nothing_aside(path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, replacing(path) as aside:  # noqa: PT012
        aside.write_text("half")
        raise error
    assert caught.value is error
    assert path.read_text() == "old"
    assert names(path.parent) == ["table.csv"]


def test_an_exception_before_anything_is_written_leaves_the_old_file(path: Path) -> None:
    with pytest.raises(ValueError, match="early"), replacing(path):
        raise ValueError("early")
    assert path.read_text() == "old"
    assert names(path.parent) == ["table.csv"]


def test_where_nothing_is_written_the_old_file_stays(path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"
    assert names(path.parent) == ["table.csv"]


def test_a_rename_that_fails_leaves_nothing_aside(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="taken"), replacing(tmp_path / "taken") as aside:  # noqa: PT012 - the block makes it fail
        aside.write_text("new")
        (tmp_path / "taken").mkdir()
    assert names(tmp_path) == ["taken"]


def test_a_folder_that_is_not_there_is_named_before_anything_is_written(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"there is no folder .*absent; create it"),
        replacing(tmp_path / "absent" / "x.csv"),
    ):
        pass
    assert names(tmp_path) == []


def test_a_folder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder"), replacing(tmp_path):
        pass
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="other systems cannot sync a folder")
def test_the_content_is_on_disk_before_the_rename_and_the_rename_before_it_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        seen.append((kind, path.read_text()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    with replacing(path) as aside:
        aside.write_text("new")
    assert seen == [("file", "old"), ("folder", "new")]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_kill_while_it_is_written_leaves_the_old_file(path: Path) -> None:
    code = """
import os, pathlib, signal, sys
from topcert.files import replacing
with replacing(pathlib.Path(sys.argv[1])) as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
