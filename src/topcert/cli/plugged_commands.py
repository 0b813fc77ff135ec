"""Commands that other distributions add, by entry points of the group `topcert.commands`: each is
loaded when it is run, or shown in the help.
"""

from __future__ import annotations

import inspect
from typing import Any, Final, final

import typer
import typer.main
from typer.core import TyperGroup

from topcert.cli.help import Command, Group, write_options
from topcert.cli.own_commands import own_command, own_names
from topcert.files import first_line
from topcert.plugins import COMMANDS, Plugin, find_plugins, name_is_taken, only_one

# Commands of distributions that topcert knows of, with what is said where one is not installed.
KNOWN: Final = {
    "reproduce": (
        "The paper's tables; needs topcert-paper.",
        "topcert reproduce is in a package of its own; install it with: pip install topcert-paper"
        " (in a checkout: pip install . ./paper)",
    )
}


@final
class Root(TyperGroup):
    """The commands of topcert itself, and those that are added."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        own = own_names()
        return [*own, *(name for name in sorted({*_added(), *KNOWN}) if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        return own_command(cmd_name) or _command(cmd_name)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)
        own = own_names()
        refused = [
            name_is_taken(plugin)
            for name, plugins in _added().items()
            if name in own
            for plugin in plugins
        ]
        if refused:
            with formatter.section("Left out"):
                for line in refused:
                    formatter.write_text(line)


def _added() -> dict[str, list[Plugin]]:
    return find_plugins(COMMANDS, kind="command")


def _command(name: str) -> Any:
    """The added command of that name; None where there is none. One that cannot be run says why,
    when it is.
    """
    plugins = _added().get(name)
    if plugins is None:
        return _failing(name, *KNOWN[name]) if name in KNOWN else None
    try:
        return _built(only_one(plugins))
    except ValueError as error:
        return _failing(name, "Cannot be run; try it to see why.", str(error))


def _built(plugin: Plugin) -> Any:
    """A command out of a function, or commands under one name out of an application.

    Raises ValueError where the plug-in does not load, or is neither.
    """
    found = plugin.load()
    holder = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=plugin.name)
    elif inspect.isfunction(found):
        holder.command(plugin.name, cls=Command)(found)
    else:
        raise ValueError(
            f"{plugin} is neither a function nor a typer.Typer: {plugin.entry.value} is a"
            f" {type(found).__name__}"
        )
    try:
        return typer.main.get_group(holder).commands[plugin.name]
    except Exception as error:  # typer has no one error for what it cannot make an option of
        raise ValueError(
            f"{plugin} is no command ({type(error).__name__}: {first_line(error)})"
        ) from error


def _failing(name: str, short: str, why: str) -> Any:
    """A command that takes anything and ends in an error."""

    def fail() -> None:
        raise ValueError(why)

    holder = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    holder.command(
        name, cls=Command, short_help=short, context_settings=anything, add_help_option=False
    )(fail)
    return typer.main.get_group(holder).commands[name]
