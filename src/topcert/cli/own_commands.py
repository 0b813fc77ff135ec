"""The commands of topcert itself: each file of `commands/` that has a `COMMAND` is one, called as
the file is.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, final

import typer
import typer.main

import topcert.cli.commands
from topcert.cli.help import Command, Group
from topcert.theory.scalars import kind_in_words

LAST: Final = 1_000


@final
@dataclass(frozen=True, kw_only=True)
class OwnCommand:
    """What a file of `commands/` ends in: `COMMAND = OwnCommand(...)`."""

    run: Callable[..., None]  # its options are the arguments, its help the docstring
    short: str  # what `topcert --help` says of it
    place: int = LAST  # there: ascending, then by name


def own_names() -> list[str]:
    """The names of all, in the order of the help."""
    found = {name: _read(module) for name, module in _modules().items()}
    places = {name: one.place for name, one in found.items() if one is not None}
    return sorted(places, key=lambda name: (places[name], name))


def own_command(name: str) -> Any:
    """The command of that name, as typer runs it; None where there is none. No other is loaded."""
    module = _modules().get(name)
    found = None if module is None else _read(module)
    if found is None:
        return None
    holder = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
    holder.command(name, cls=Command, short_help=found.short)(found.run)
    return typer.main.get_group(holder).commands[name]


def _modules() -> dict[str, str]:
    """The modules of the folder, by what their commands would be called."""
    package = topcert.cli.commands
    return {
        module.name.replace("_", "-"): f"{package.__name__}.{module.name}"
        for module in pkgutil.iter_modules(package.__path__)
    }


def _read(module: str) -> OwnCommand | None:
    found = getattr(importlib.import_module(module), "COMMAND", None)
    if found is not None and not isinstance(found, OwnCommand):
        raise ValueError(f"COMMAND of {module} is no OwnCommand, but {kind_in_words(found)}")
    return found
