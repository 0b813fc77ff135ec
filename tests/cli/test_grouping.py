"""Options in groups: one argument of a command, and one option each on the command line."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer

import topcert
from tests.conftest import Outcome
from topcert.cli.grouping import flags_given, grouped
from topcert.cli.option_groups import LawFields, Laws
from topcert.noise.registered_laws import all_noises

SOURCE = Path(topcert.__file__).parent
PAPER = Path(__file__).parents[2] / "paper" / "src"
MOST = 12


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large."""

    width: Annotated[int, typer.Option(help="Across.")]
    tall: Annotated[int, typer.Option("--height", help="Down.")] = 3


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large, as usual."""

    wide_as: Annotated[int, typer.Option(help="Across.")] = 1
    tall: Annotated[int, typer.Option("--height", help="Down.")] = 3


def test_a_group_stands_in_the_command_as_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    got: list[object] = []

    @app.command()
    @grouped
    def draw(
        name: Annotated[str, typer.Argument()], *, size: Size, noise: Laws, last: bool = False
    ) -> None:
        """Draw it."""
        got.append((name, size, dict(noise), last))

    app(["a", "--width", "4", "--sigma", "0.5"], standalone_mode=False)
    app(["b", "--width", "4", "--height", "5", "--keep", "2", "--last"], standalone_mode=False)
    none = dict.fromkeys(name for law in all_noises().values() for name in law.options())
    assert got == [
        ("a", Size(width=4), none | {"sigma": 0.5}, False),
        ("b", Size(width=4, tall=5), none | {"num_kept": 2}, True),
    ]
    with pytest.raises(Exception, match="Missing parameter: width"):
        app(["a"], standalone_mode=False)
    app(["--help"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "Draw it." in shown
    assert shown.index("--width") < shown.index("--height") < shown.index("--keep")


def test_options_that_were_given_go_by_their_flags() -> None:
    assert flags_given(Sizes()) == []
    assert flags_given(Sizes(wide_as=2)) == ["--wide-as"]
    assert flags_given(Sizes(tall=2, wide_as=1)) == ["--height"]


def test_the_options_of_laws_are_their_own_fields() -> None:
    every = {parameter.name for parameter in LawFields().parameters()}
    assert every == {name for law in all_noises().values() for name in law.options()}
    kept = LawFields("ablation", ("num_kept", "fill")).parameters()
    assert [one.name for one in kept] == ["num_kept", "fill"]
    assert [one.default for one in kept] == [None, None]
    needed = {one.name for one in LawFields(needed=True).parameters()}
    assert needed >= {"num_kept", "keep_probability", "sigma"}
    assert not needed & {"design", "encoding", "fill"}


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        (["--keep", 4], "--keep"),
        (["--sigma", 0.5], "--sigma"),
        (["--encoding", "mean"], "--encoding"),
        (["--bounds", "simuem"], "--bounds"),
        (["--samples", 10], "--samples"),
        (["--ballot", 2], "--ballot"),
        (["--stop", "table"], "--stop"),
        (["--max-samples", 10], "--max-samples"),
        (["--selection", 10], "--selection"),
        (["--alpha", 0.1], "--alpha"),
        (["--seed", 1], "--seed"),
        (["--unit", "pixel"], "--unit"),
        (["--classes", 3], "--classes"),
        (["--output", "a"], "--output"),
        (["--batch-size", 3], "--batch-size"),
        (["--device", "cpu"], "--device"),
        (["--range", 0, 2], "--range"),
    ],
)
def test_a_method_without_votes_refuses_what_is_for_votes(
    topcert: Callable[..., Outcome], tmp_path: Path, given: list[object], flag: str
) -> None:
    out = tmp_path / "o"
    run = topcert("certify", "x.npz", "m.onnx", "--method", "chiang", *given, "--out", out)
    assert run.code == 2
    assert f"{flag} is for methods on votes, not for chiang" in run.err
    assert not out.exists()


def parameters_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    named = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(named)


def test_no_function_has_more_than_twelve_parameters() -> None:
    found = {
        f"{path.stem}.{node.name}": parameters_of(node)
        for folder in (SOURCE, PAPER)
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {"smoothed_classifier.vote", "reproduce_figures.draw"} <= set(found)
    assert {name: count for name, count in found.items() if count > MOST} == {}
