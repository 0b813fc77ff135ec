"""Checks of options that must fail before any work is done."""

from __future__ import annotations

from pathlib import Path
from typing import Final

KEPT_IN_A_FOLDER: Final = ("cifar10", "cifar10-held-out", "imagenet", "modelnet40")


def check_out(out: Path | None, *, read: Path) -> None:
    """Refuse to write over what is read: a table, or a file that a run's folder holds."""
    if out is None or not out.is_file() or not read.exists():
        return
    if out.samefile(read) or (read.is_dir() and out.resolve().is_relative_to(read.resolve())):
        raise ValueError(f"--out {out} would write over what {read} holds; name another file")


def check_data_dir(data: str, data_dir: Path | None) -> None:
    """Refuse a folder of a set beside data that lies where its own name says, or is made."""
    if data_dir is not None and data not in KEPT_IN_A_FOLDER:
        sets = f"{', '.join(KEPT_IN_A_FOLDER[:-1])} and {KEPT_IN_A_FOLDER[-1]}"
        raise ValueError(f"--data-dir {data_dir} is for {sets}, and DATA is {data!r}; leave it out")
