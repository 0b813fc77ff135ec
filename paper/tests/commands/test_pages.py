"""Help of the commands under `topcert reproduce`, as that of the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.cli.help_pages import assert_reads_well, assert_usage_is_in_capitals
from tests.conftest import Outcome

COMMANDS = ["table1", "table2", "points", "figure1", "figure4", "infill", "beyond"]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_reads_well_at_80_columns(
    topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = topcert("reproduce", *command, "--help")
    assert run.code == 0
    assert_reads_well(run.out)
    assert_usage_is_in_capitals(run.out, ["reproduce", *command])
    assert run.out == topcert("reproduce", *command, "-h").out


def test_the_command_stands_among_those_of_topcert(
    topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = topcert("--help")
    assert_reads_well(run.out)
    assert "  reproduce  The tables and figures of the paper." in run.out
    assert "Left out" not in run.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_one_works_long_and_says_how_far_it_is(
    topcert: Callable[..., Outcome], command: str
) -> None:
    assert "--progress" in topcert("reproduce", command, "--help").out
