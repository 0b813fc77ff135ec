"""Help that reads well at 80 columns: plain lines, whole sentences beside the options, bounds of
numbers in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, final

import typer
from typer.core import TyperCommand, TyperGroup

from topcert.modalities.registered_modalities import all_encodings, all_modalities

METAVARS: Final = {
    "<int>": "N",
    "<int range>": "N",
    "<float>": "X",
    "<float range>": "X",
    "<str>": "TEXT",
    "<path>": "PATH",
    "<list[int]>": "N",
    "<list[str]>": "TEXT",
}
_METAVAR: Final = re.compile(r"<[a-z\[\]]+( range)?>")
_NUMBER: Final = r"-?\d[\d.e+-]*"
_BOUNDS: Final = (
    (re.compile(rf"({_NUMBER})<=x<=({_NUMBER})"), "{} to {}"),
    (re.compile(rf"x>=({_NUMBER})"), "{} or more"),
    (re.compile(rf"x<=({_NUMBER})"), "at most {}"),
)

_WRONG: Final = (
    (r"Input should be greater than or equal to", "must be at least"),
    (r"Input should be less than or equal to", "must be at most"),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
)


_HYPHEN: Final = "\u2011"  # at which no line is broken


@final
class Command(TyperCommand):
    """A command whose help says what its numbers may be as a person would."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for place, word in enumerate([] if ctx.resilient_parsing else args):
            if not word or (word.startswith("--") and word.endswith("=")):
                named = word[:-1] or (
                    args[place - 1] if place and args[place - 1].startswith("-") else "an argument"
                )
                raise typer.BadParameter(
                    f"{named} is empty, as of a shell variable that is not set; give a value"
                )
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Any) -> str:
        return super().get_help(ctx).replace(_HYPHEN, "-")

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        text = self.help
        self.help = None if text is None else _unbroken(text)
        try:
            super().format_help_text(ctx, formatter)
        finally:
            self.help = text

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [
            piece.replace("[[", "[").replace("]]", "]").strip("{}")
            for piece in super().collect_usage_pieces(ctx)
        ]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)


@final
class Group(TyperGroup):
    """Commands under one name, with such help."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    """The arguments and options of a command, each under its heading."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None:
            name, text = record
            place = "Arguments" if param.param_type_name == "argument" else "Options"
            name = (
                name.replace(" <str>", "").replace(" <path>", "") if place == "Arguments" else name
            )
            sections[place].append(
                (_METAVAR.sub(_metavar, name), _unbroken(in_words(filled(text))))
            )
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def _unbroken(text: str) -> str:
    """Options and names with hyphens in them as one word each."""
    return re.sub(r"(?<=[\w-])-(?=[\w-])|(?<!\S)-(?=[\w-])", _HYPHEN, text)


def _metavar(found: re.Match[str]) -> str:
    return METAVARS.get(found[0], found[0])


def filled(text: str) -> str:
    """What is there of a kind, those of installed packages among them, in the place of `{units}`
    and `{encodings}`.
    """
    if "{" not in text:
        return text
    units = dict.fromkeys(one.name for kind in all_modalities() for one in kind.units)
    return text.replace("{units}", _listed(units)).replace("{encodings}", _listed(all_encodings()))


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"


def in_words(text: str) -> str:
    """Bounds such as `x>=1` and `1<=x<=100000000` as "1 or more" and "1 to 10^8"."""
    for pattern, words in _BOUNDS:
        text = pattern.sub(partial(_worded, words), text)
    return text


def usage_in_words(usage: str, arguments: Sequence[str]) -> str:
    """What is wrong with the arguments of the command: what typer says, with the value that was
    given.
    """
    found = re.fullmatch(r"Invalid value for '([^ ']+)': (?:Value error, )?(.*)", usage, re.DOTALL)
    if found is None:
        return in_words(usage)
    name, wrong = found.groups()
    for text, words in _WRONG:
        wrong = re.sub(text, words, wrong)
    places = [
        place for place, word in enumerate(arguments) if word == name or word.startswith(f"{name}=")
    ]
    values = [
        arguments[place].partition("=")[2] or "".join(arguments[place + 1 : place + 2])
        for place in places
    ]
    got = f", got {values[-1]}" if values and values[-1] not in wrong else ""
    return f"{name} {wrong}{got}" if wrong.startswith("must") else f"{name}: {wrong}{got}"


def _worded(words: str, found: re.Match[str]) -> str:
    return words.format(*map(_short, found.groups()))


def _short(number: str) -> str:
    if number == str(2**64 - 1):
        return "2^64 - 1"
    zeros = len(number) - 1
    if number.isdecimal() and zeros >= 5 and int(number) == 10**zeros:
        return f"10^{zeros}"
    return f"{int(number):,}" if number.isdecimal() else number
