"""A command is added by one file, and nothing else needs to know of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import topcert.cli.commands
from tests.conftest import Outcome
from topcert.cli.own_commands import own_names

SHARE = '''
"""`topcert kept-share`: the share of features that a mask keeps."""

from typing import Annotated, Final

import typer

from topcert.cli import options
from topcert.cli.machine import print_json
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import console


def kept_share(
    features: Annotated[int, typer.Argument(metavar="D", help="Features of an input.")],
    *,
    keep: Annotated[int, typer.Option(min=1, help="Kept by each mask (e).")],
    as_json: options.AsJson = False,
) -> None:
    """Say which share of the features a mask keeps."""
    if keep > features:
        raise ValueError(f"--keep must be at most {features}, got {keep}")
    console.print(f"{keep / features:.3f}")
    if as_json:
        print_json({"share": keep / features})


COMMAND: Final = OwnCommand(run=kept_share, short="Share of features that are kept.", place=45)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder beside that of the commands, where a file is as one of theirs."""
    package = topcert.cli.commands
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    yield tmp_path
    sys.modules.pop("topcert.cli.commands.kept_share", None)


def test_one_file_adds_a_command(folder: Path, topcert: Callable[..., Outcome]) -> None:
    before = own_names()
    assert "kept-share" not in before
    assert topcert("kept-share", 8, "--keep", 2).code == 2
    (folder / "kept_share.py").write_text(SHARE)
    place = before.index("certify") + 1
    assert own_names() == [*before[:place], "kept-share", *before[place:]]
    assert "Share of features that are kept." in topcert("--help").out
    assert "Say which share of the features a mask keeps." in topcert("kept-share", "--help").out
    assert topcert("kept-share", 8, "--keep", 2).out == "0.250\n"
    assert topcert("kept-share", 8, "--keep", 2, "--json").out == '{\n  "share": 0.25\n}\n'
    wrong = topcert("kept-share", 8, "--keep", 9)
    assert (wrong.code, wrong.err) == (2, "error: --keep must be at most 8, got 9\n")


def test_a_file_whose_command_is_none_is_named(
    folder: Path, topcert: Callable[..., Outcome]
) -> None:
    (folder / "kept_share.py").write_text("COMMAND = print\n")
    run = topcert("kept-share")
    assert run.code == 2
    assert "COMMAND of topcert.cli.commands.kept_share is no OwnCommand" in run.err
    assert topcert("methods").code == 0
