"""Checks of options that must fail before any work is done."""

from __future__ import annotations

from pathlib import Path


def check_out(out: Path | None, *, read: Path) -> None:
    """Refuse to write over what is read: a table, or a file that a run's folder holds."""
    if out is None or not out.is_file() or not read.exists():
        return
    if out.samefile(read) or (read.is_dir() and out.resolve().is_relative_to(read.resolve())):
        raise ValueError(f"--out {out} would write over what {read} holds; name another file")
