"""Whole numbers of options: several in one, as `--k 1,3`, and those with bounds of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import typer

MOST_CLASSES: Final = 10**6  # as --classes has it


def several(text: str | int) -> list[int]:
    """Numbers with commas between them. Raises typer.BadParameter for what is none."""
    parts = [part.strip() for part in str(text).split(",")]
    try:
        return [int(part) for part in parts]
    except ValueError:
        bad = next(part for part in parts if not part.lstrip("+-").isdecimal())
        raise typer.BadParameter(
            f"{bad!r} is no whole number; give one, or several as 1,3"
        ) from None


def flattened(given: Sequence[Sequence[int] | int] | None) -> list[int] | None:
    """All numbers of all times that the option was given, in order; None where it was not."""
    if given is None:
        return None
    return [number for part in given for number in ([part] if isinstance(part, int) else part)]


def choose_ballot(given: int | None) -> int | None:
    """The callback of `--ballot`: how many classes there are is known only later, and fewer than
    `MOST_CLASSES` labels are named in any case. Raises typer.BadParameter for others.
    """
    if given is not None and not 1 <= given < MOST_CLASSES:
        bound = "at least 1" if given < 1 else "less than the number of classes"
        raise typer.BadParameter(f"must be {bound}, got {given}")
    return given
