"""What other distributions add by entry points, found by name and loaded only when it is asked for.

A distribution names what it adds in its `pyproject.toml`, under `[project.entry-points."GROUP"]`.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, final

from topcert.files import first_line

COMMANDS: Final = "topcert.commands"
METHODS: Final = "topcert.methods"
MODALITIES: Final = "topcert.modalities"
NOISES: Final = "topcert.noises"


@final
@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One name that a distribution adds to a group; nothing of it is imported yet.

    `kind` is what such a thing is called to people, such as "method"; `package` is the name of the
    distribution, as pip knows it.
    """

    kind: str
    name: str
    package: str
    entry: EntryPoint

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r} of the package {self.package}"

    def load(self) -> object:
        """The object that the entry point names; what its package prints goes to standard error.

        Raises
        ------
        ValueError
            Where it cannot be imported, whatever the reason: a plug-in may raise anything.
        """
        try:
            with redirect_stdout(sys.stderr):  # what a command prints may be read by a program
                return self.entry.load()
        except (Exception, SystemExit) as error:
            raise ValueError(
                f"{self} does not load ({type(error).__name__}: {first_line(error)}); mend the"
                f" package, or remove it: pip uninstall {self.package}"
            ) from error


def find_plugins(group: str, *, kind: str) -> dict[str, list[Plugin]]:
    """What is installed for a group, by name in order; several under a name that several claim.

    Parameters
    ----------
    group
        The entry point group, such as `topcert.methods`.
    kind
        What one of the group is called to people.
    """
    places = []
    for path in sys.path:
        with suppress(OSError):
            places.append((path, os.stat(path or ".").st_mtime_ns))
    found = _find_plugins(group, kind, tuple(places))
    return {name: list(plugins) for name, plugins in found.items()}


@lru_cache(maxsize=64)
def _find_plugins(
    group: str,
    kind: str,
    places: tuple[tuple[str, int], ...],  # noqa: ARG001
) -> dict[str, list[Plugin]]:
    """The same, looked for once: all packages are read each time. It is looked for again where a
    folder of packages is another or has changed.
    """
    found: dict[str, list[Plugin]] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist is not None else entry.module
        plugin = Plugin(kind=kind, name=entry.name, package=package, entry=entry)
        found.setdefault(entry.name, []).append(plugin)
    return found


def only_one(plugins: list[Plugin]) -> Plugin:
    """The one that claims a name. Raises ValueError where several do."""
    if len(plugins) > 1:
        packages = ", ".join(sorted(plugin.package for plugin in plugins))
        raise ValueError(
            f"the {plugins[0].kind} {plugins[0].name!r} is in several packages ({packages});"
            " remove all but one: pip uninstall PACKAGE"
        )
    return plugins[0]


def name_is_taken(plugin: Plugin) -> str:
    """What is said of a plug-in under a name that topcert itself has."""
    return f"{plugin} is left out: topcert has a {plugin.kind} of that name, rename the plug-in"
