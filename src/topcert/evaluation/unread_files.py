"""What lies in the folder of a run: what `verify` reads must be plain files; what it does not read
may say anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

READ: Final = ("certificates.parquet", "accuracy.csv", "accuracy.png", "accuracy.svg")
READ_WITH_VOTES: Final = (  # and ledger/, which `Ledger.check_files` looks through
    "manifest.json",
    "counts.csv",
    "predictions.csv",
)
READ_WITH_BOUNDS: Final = ("bounds.json",)
SHOWN: Final = 8


def check_plain(folder: Path) -> None:
    """Raise ValueError where what `verify` is to read is no plain file: a pipe or a device may
    never end.
    """
    for path in (*_read(folder, ledger=True), *_read(folder, ledger=False)):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ValueError(f"{path} is not a plain file; it cannot be checked")


def linked_files(folder: Path, *, ledger: bool) -> list[str]:
    """What `verify` reads through a link, which may name something else later; at most `SHOWN`, and
    how many more.
    """
    linked = [
        path for path in (folder / "ledger", *_read(folder, ledger=ledger)) if path.is_symlink()
    ]
    return _shown([str(path.relative_to(folder)) for path in linked])


def _read(folder: Path, *, ledger: bool) -> list[Path]:
    """What is read of a folder with votes in its `ledger`, or without."""
    inside = folder / "ledger"
    in_ledger = sorted(inside.iterdir()) if ledger and inside.is_dir() else []
    return [
        *(folder / name for name in (*READ, *(READ_WITH_VOTES if ledger else READ_WITH_BOUNDS))),
        *in_ledger,
    ]


def unread_files(folder: Path, *, ledger: bool) -> list[str]:
    """Names of files in `folder`, and in folders in it, that nothing checks; at most `SHOWN`, and
    how many more.

    `ledger`: whether its folder ledger/ is one that is read.
    """
    read = (*READ, *(READ_WITH_VOTES if ledger else READ_WITH_BOUNDS))
    found = []
    for place, folders, files in os.walk(folder):
        inside = Path(place).relative_to(folder)
        if ledger and inside == Path("ledger"):
            folders.clear()
            continue
        linked = [
            name
            for name in folders
            if Path(place, name).is_symlink() and (inside / name) != Path("ledger")
        ]
        found += [
            str(inside / name) for name in (*files, *linked) if str(inside / name) not in read
        ]
    return _shown(found)


def _shown(found: list[str]) -> list[str]:
    names = [name if name.isprintable() else ascii(name) for name in sorted(found)]
    return names if len(names) <= SHOWN else [*names[:SHOWN], f"{len(names) - SHOWN} more"]
