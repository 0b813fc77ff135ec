"""Every command that the pages show parses: its options exist and take such values."""

from __future__ import annotations

import shlex

import pytest
from typer.main import get_command

from tests.docs.pages import PAGES, commands, name_of
from topcert.cli.app import app

SHOWN = sorted(
    {(name_of(page), " ".join(line.split())) for page in PAGES for line in commands(page)}
)


def parse(words: list[str]) -> None:
    """Parse a command, and the command in it, without doing it."""
    command, context = get_command(app), None
    while True:
        context = command.make_context(words[0], words[1:], parent=context)
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if not hasattr(command, "get_command") or not rest:
            return
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"there is no command {rest[0]}"
        command, words = inner, rest


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=[f"{page}: {line}" for page, line in SHOWN])
def test_a_command_that_a_page_shows_parses(page: str, line: str) -> None:
    parse([word for word in shlex.split(line, comments=True) if word != "..."])


def test_there_are_commands_to_parse() -> None:
    assert len(SHOWN) > 40


def test_an_option_that_is_not_there_is_found() -> None:
    with pytest.raises(Exception, match="--kept"):
        parse(shlex.split("topcert certify cifar10 compact --kept 50 --out run"))
