"""Files that are whole or absent (write aside, fsync, rename), and what to say of one that is
neither.

Only a plain file is ever replaced. What a link names is written, and the link stays; a pipe or a
device is written through.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

STANDARD_OUTPUT: Final = Path("-")
MAX_LINKS: Final = 40  # in a row; the system gives up there as well


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it takes the place of `path`, on failure it is removed.

    Both the file and the rename are on disk when this returns, so a kill or a power cut leaves the
    old file or the new. The new file has the permissions of the old one. Where `path` is a link,
    all this happens to what it names. Where that is a pipe or a device, such as /dev/stdout, or
    `path` is `-`, standard output, the bytes are copied there at the end. Raises ValueError for a
    folder, a folder that is not there, and what is no place for a file; OSError, naming `path`,
    where the system refuses.
    """
    through = _descriptor(path)
    target = path if through is not None else Path(os.path.realpath(path))
    found = None if through is not None else _found(target)
    if found is None and through is None and not target.parent.is_dir():
        absent = target.parent if path.is_symlink() else path.parent
        raise ValueError(
            f"{path} cannot be written: there is no folder {absent}; create it, or name another"
            " file"
        )
    if found is not None and not stat.S_ISREG(found.st_mode):
        if stat.S_ISDIR(found.st_mode):
            raise ValueError(f"{path} is a folder; name a file to write")
        if not stat.S_ISFIFO(found.st_mode) and not stat.S_ISCHR(found.st_mode):
            raise ValueError(
                f"{path} is no file, pipe or terminal (a socket or a disk); name a file to write"
            )
    with _naming(path):
        if through is not None or (found is not None and not stat.S_ISREG(found.st_mode)):
            with tempfile.TemporaryDirectory(prefix="topcert-") as folder:
                aside = Path(folder) / "written"
                yield aside
                with _opened(target, through) as out, aside.open("rb") as written:
                    shutil.copyfileobj(written, out)
            return
        if found is not None and not os.access(target, os.W_OK):
            raise PermissionError(13, "the file is write-protected", str(path))
        aside = target.with_name(f".{target.name[:50]}.{os.getpid()}.tmp")
        try:
            yield aside
            if found is not None:
                aside.chmod(stat.S_IMODE(found.st_mode))
                with suppress(OSError):  # only root gives files away
                    shutil.chown(aside, found.st_uid, found.st_gid)
            with aside.open("rb") as written:
                os.fsync(written.fileno())
            aside.replace(target)
            _sync_folder(target.parent)
        finally:
            aside.unlink(missing_ok=True)


def is_standard_output(path: Path | None) -> bool:
    """Whether a file of this name is what the process prints to: none at all, `-`, /dev/stdout or
    its like.
    """
    return path is None or _descriptor(path) == 1


def printable(text: str) -> str:
    """What a stranger wrote, on one line: characters that move a cursor or cannot be shown are
    written as escapes.
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def first_line(error: BaseException) -> str:
    """What a library says went wrong, short enough to print."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _found(path: Path) -> os.stat_result | None:
    """What is there, or None."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _descriptor(path: Path) -> int | None:
    """The number of the open file of this process that `path` is another name of, as /dev/stdout is
    of 1; else None.
    """
    if path == STANDARD_OUTPUT:
        return 1
    here = os.path.abspath(path)
    for _ in range(MAX_LINKS):
        folder, name = os.path.realpath(os.path.dirname(here)), os.path.basename(here)
        if name.isdecimal() and folder in ("/dev/fd", f"/proc/{os.getpid()}/fd"):
            return int(name)
        here = os.path.join(folder, name)
        if not os.path.islink(here):
            return None
        here = os.path.normpath(os.path.join(folder, os.readlink(here)))
    return None


@contextmanager
def _opened(target: Path, descriptor: int | None) -> Iterator[BinaryIO]:
    """The pipe or device, open for writing; an open file of this process goes on where it
    stands.
    """
    if descriptor == 1 and hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    handle = os.open(target, os.O_WRONLY) if descriptor is None else os.dup(descriptor)
    with os.fdopen(handle, "wb") as out:
        yield out


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors of the system name the file that was asked for: a full disk names none, a rename
    the one beside it.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise
        if error.filename is None or str(error.filename).endswith(".tmp"):
            name = "standard output" if path == STANDARD_OUTPUT else str(path)
            raise OSError(error.errno, error.strerror, name) from error
        raise


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # other systems cannot open a folder to sync it
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def local(path: Path) -> Path:
    """The path as pyarrow is to be given it: absolute, for it takes a relative one with a colon in
    its name for an address.
    """
    return path.absolute()


def path_of(value: object, name: str) -> Path:
    """A path, of text or a path. Raises ValueError, naming it, for all else, and for no name."""
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise ValueError(f"{name} must be a path, as text or a Path, got {value!r}")
    if not str(value).strip():
        raise ValueError(f"{name} is {str(value)!r}; name a place, or leave it out")
    return Path(value)


def check_out_folder(out: Path) -> None:
    """Refuse an --out that can be no folder, before any work."""
    if out == STANDARD_OUTPUT:
        raise ValueError("--out - is standard output, and this command writes a folder; name one")
    if not out.is_dir() and (out.exists() or out.is_symlink()):
        raise ValueError(f"--out {out} is a file; name a folder")
