"""What lies in the folder of a run: what `verify` reads must be plain files; what it does not read may say anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

READ: Final = (
    "manifest.json",
    "bounds.json",
    "counts.csv",
    "certificates.parquet",
    "accuracy.csv",
    "accuracy.png",
    "accuracy.svg",
)
READ_WITH_VOTES: Final = ("predictions.csv",)  # and ledger/, which `Ledger.check_files` looks through
SHOWN: Final = 8


def check_plain(folder: Path) -> None:
    """Raise ValueError where what `verify` is to read is no plain file: a pipe or a device may never end."""
    inside = folder / "ledger"
    held = sorted(inside.iterdir()) if inside.is_dir() else []
    for path in (*(folder / name for name in (*READ, *READ_WITH_VOTES)), *held):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ValueError(f"{path} is not a plain file; it cannot be checked")


def unread_files(folder: Path, *, ledger: bool) -> list[str]:
    """Names of files in `folder`, and in folders in it, that nothing checks; at most `SHOWN`, and how many more.

    `ledger`: whether its folder ledger/ is one that is read.
    """
    read = (*READ, *READ_WITH_VOTES) if ledger else READ
    found = []
    for place, folders, files in os.walk(folder):
        inside = Path(place).relative_to(folder)
        if ledger and inside == Path("ledger"):
            folders.clear()
            continue
        linked = [name for name in folders if Path(place, name).is_symlink() and (inside / name) != Path("ledger")]
        found += [str(inside / name) for name in (*files, *linked) if str(inside / name) not in read]
    names = [name if name.isprintable() else ascii(name) for name in sorted(found)]
    return names if len(names) <= SHOWN else [*names[:SHOWN], f"{len(names) - SHOWN} more"]
