"""The folder of a ledger: one writer at a time, and no files in it but a run's own."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from topcert.files import first_line

LOCK: Final = ".lock"
BEFORE: Final = "before.json"  # there while a run is given more inputs (`topcert.voting.growth`)


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Lock a run's folder for this process; raises ValueError where another has it. A killed one
    lets go.
    """
    path = folder / "ledger" / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"another process is writing to {folder}, or the file system refuses locks (it"
            f" holds {path}); wait for it, or choose another --out, on a local disk"
        ) from error
    except (OSError, NotImplementedError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or first_line(error)
        raise ValueError(
            f"{path} cannot be locked ({reason}): the file system gives no locks, so two runs"
            " could write at once; choose an --out on a local disk"
        ) from error
    try:
        for written in (folder, folder / "ledger"):
            for unfinished in written.glob(".*.tmp"):  # left by a kill between write and rename
                unfinished.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def refuse_other_files(folder: Path, names: Set[str]) -> None:
    """Raise ValueError where `ledger/` holds more than the files of these names and a lock."""
    inside = folder / "ledger"
    # one that says nothing
    lock = {LOCK} if (inside / LOCK).is_file() and not (inside / LOCK).stat().st_size else set()
    others = sorted(path.name for path in inside.iterdir() if path.name not in names | lock)
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise ValueError(
            f"{inside} holds {others[0]!r}{more}, which no run writes there; the ledger has been"
            " changed"
        )


def refuse_other_blocks(folder: Path, names: Set[str], *, end: str) -> None:
    """Raise ValueError where there is a block that is none of these, beyond the `end` of a run."""
    for path in sorted((folder / "ledger").glob("block-*.parquet")):
        if path.name not in names:
            raise ValueError(f"{path} lies beyond {end}; the ledger has been changed")
