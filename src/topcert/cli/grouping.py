"""Options in groups: a command takes a group as one argument, and its options stand one by one in
the help and on the command line.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

Made = Mapping[str, Any]


class Group(ABC):
    """Some options, and what a command is given in their place."""

    @abstractmethod
    def parameters(self) -> list[inspect.Parameter]:
        """The options, as typer takes them."""

    def make(self, given: Made) -> Any:
        """What the command is given, of the values by name."""
        return dict(given)


@dataclass(frozen=True)
class Fields(Group):
    """A dataclass: one option a field."""

    of: type

    def parameters(self) -> list[inspect.Parameter]:
        hints = get_type_hints(self.of, include_extras=True)
        return [
            parameter(
                field.name,
                hints[field.name],
                inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
            )
            for field in dataclasses.fields(self.of)
        ]

    def make(self, given: Made) -> Any:
        return self.of(**given)


def parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """One option."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer takes it, of one that takes groups: dataclasses of options, or what is
    annotated with a `Group`.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Group] = {}
    parameters: list[inspect.Parameter] = []
    for one in inspect.signature(command).parameters.values():
        group = _group_of(hints[one.name])
        if group is None:
            parameters.append(one.replace(annotation=hints[one.name]))
        else:
            groups[one.name] = group
            parameters += group.parameters()

    def run(**given: Any) -> None:
        for name, group in groups.items():
            names = [one.name for one in group.parameters()]
            given[name] = group.make({option: given.pop(option) for option in names})
        command(**given)

    run.__name__, run.__doc__, run.__module__ = (
        command.__name__,
        command.__doc__,
        command.__module__,
    )
    run.__annotations__ = {}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def flags_given(group: Any) -> list[str]:
    """The options of a dataclass of options that are not as they are by default."""
    hints = get_type_hints(type(group), include_extras=True)
    return [
        flag_of(field.name, hints[field.name])
        for field in dataclasses.fields(group)
        if getattr(group, field.name) != field.default
    ]


def flag_of(name: str, annotation: Any) -> str:
    """What an option is called on the command line."""
    written: Iterable[str] = ()
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if isinstance(extra, typer.models.OptionInfo):
                written = [
                    text
                    for text in (extra.default, *(extra.param_decls or ()))
                    if isinstance(text, str) and text.startswith("--")
                ]
    return next(iter(written), f"--{name.replace('_', '-')}")


def _group_of(hint: Any) -> Group | None:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return Fields(hint)
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((extra for extra in extras if isinstance(extra, Group)), None)
