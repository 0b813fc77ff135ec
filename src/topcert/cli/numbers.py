"""Several numbers in one option: `--k 1,3` is `--k 1 --k 3`."""

from __future__ import annotations

from collections.abc import Sequence

import typer


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
