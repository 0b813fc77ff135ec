"""What people import of this package: documented, with examples that run, and light to import."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import pytest
from tests.test_docstrings import arguments, entries, sections

import topcert_paper
from topcert_paper.commands.reproduce import app

PUBLIC: Final[dict[str, Any]] = {
    name: getattr(topcert_paper, name) for name in topcert_paper.__all__
}
FUNCTIONS: Final = [name for name, found in PUBLIC.items() if isinstance(found, FunctionType)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_and_refuses_and_its_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = sections(PUBLIC[name])
    assert entries(shown["Parameters"]) == arguments(PUBLIC[name])
    assert {"Returns", "Raises", "Examples"} <= set(shown)
    assert len(arguments(PUBLIC[name])) <= 12
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(PUBLIC[name].__module__)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    assert found.attempted > 0


def test_every_subcommand_has_its_call() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    calls = {name.removeprefix("reproduce_") for name in FUNCTIONS} | {
        f"figure{number}" for number in (1, 2, 3, 4)
    }
    assert commands <= calls
    assert entries(sections(PUBLIC["ImagenetPanel"])["Parameters"]) == set(
        inspect.signature(PUBLIC["ImagenetPanel"]).parameters
    )
    with pytest.raises(AttributeError, match="has no attribute 'reproduce_table3'"):
        _ = topcert_paper.reproduce_table3
