"""A file that is replaced is the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from topcert.files import is_standard_output, replacing


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
def test_an_exception_leaves_the_old_file_and_nothing_aside(
    path: Path, error: BaseException
) -> None:
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
    with (  # noqa: PT012
        pytest.raises(OSError, match="taken"),
        replacing(tmp_path / "taken") as aside,
    ):
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
from topcert.files import is_standard_output, replacing
with replacing(pathlib.Path(sys.argv[1])) as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_permissions_of_the_old_file_stay(path: Path) -> None:
    path.chmod(0o640)
    with replacing(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link_and_what_it_names_is_written(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    real, link = tmp_path / "there" / "real.csv", tmp_path / "here" / "link.csv"
    if exists:
        real.write_text("old")
    link.symlink_to(real)
    with replacing(link) as aside:
        aside.write_text("new")
        assert aside.parent == real.parent, "a rename is whole only within one file system"
    assert link.is_symlink()
    assert link.readlink() == real
    assert real.read_text() == "new"
    assert names(real.parent) == ["real.csv"]


def test_a_link_in_a_circle_or_to_no_folder_or_to_a_folder_is_refused_by_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "away").symlink_to(tmp_path / "absent" / "x.csv")
    (tmp_path / "folder").symlink_to(tmp_path)
    for name, says in (
        ("circle", "circle"),
        ("away", "there is no folder .*absent"),
        ("folder", "folder is a folder"),
    ):
        with pytest.raises((OSError, ValueError), match=says), replacing(tmp_path / name) as aside:
            aside.write_text("new")
        assert (tmp_path / name).is_symlink()
    assert names(tmp_path) == ["away", "circle", "folder"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_through_and_stays(tmp_path: Path, linked: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    name = tmp_path / "link" if linked else pipe
    if linked:
        name.symlink_to(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    with replacing(name) as aside:
        aside.write_text("new\n")
    reader.join(timeout=30)
    assert got == ["new\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert name.is_symlink() == linked


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_device_is_an_error_that_names_it_and_stays(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/full")
    for path in (Path("/dev/full"), link):
        with (
            pytest.raises(OSError, match=f"No space left on device: '{path}'"),
            replacing(path) as aside,
        ):
            aside.write_text("new")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    assert link.is_symlink()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs names of open files")
def test_an_open_file_goes_on_where_it_stands(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        file.write("first\n")
        file.flush()
        for name in (f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}"):
            with replacing(Path(name)) as aside:
                aside.write_text("second\n")
    assert log.read_text() == "first\nsecond\nsecond\n"


def test_a_dash_and_its_like_are_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/stdout")
    for path in (Path("-"), Path("/dev/stdout"), link):
        assert is_standard_output(path)
        print("before")
        with replacing(path) as aside:
            aside.write_text("new\n")
        print("after")
        assert capfd.readouterr().out == "before\nnew\nafter\n"
    assert is_standard_output(None)
    assert not is_standard_output(tmp_path / "1")
    assert not is_standard_output(Path("/dev/stderr"))


def test_what_is_no_place_for_a_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with (
            pytest.raises(ValueError, match="socket is no file"),
            replacing(Path("socket")) as aside,
        ):
            aside.write_text("new")
    assert names(tmp_path) == ["socket"]


def test_a_write_protected_file_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # tests may run as root, who may write everything
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="write-protected"), replacing(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "old"


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".csv")
    with replacing(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "new"
