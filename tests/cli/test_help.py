"""Help at 80 columns, completion, `python -m topcert`, and what a wrong argument is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.help_pages import assert_reads_well, assert_usage_is_in_capitals
from tests.conftest import Outcome
from topcert.cli.help import in_words, usage_in_words

COMMANDS = [
    "demo",
    "certify",
    "merge",
    "predict",
    "evaluate",
    "radius",
    "verify",
    "plan",
    "tune",
    "train",
    "methods",
    "lee-table",
]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_reads_well_at_80_columns(
    topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = topcert(*command, "--help")
    assert run.code == 0
    assert_reads_well(run.out)
    assert run.out == topcert(*command, "-h").out


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("[1<=x<=100000000]", "[1 to 10^8]"),
        ("[x>=1]", "[1 or more]"),
        ("[x<=1000000]", "[at most 10^6]"),
        ("[0.0<=x<=0.5]", "[0.0 to 0.5]"),
        ("[0<=x<=18446744073709551615]", "[0 to 2^64 - 1]"),
        ("[default: 10000; 2<=x<=12345]", "[default: 10000; 2 to 12,345]"),
    ],
)
def test_bounds_are_said_in_words(message: str, words: str) -> None:
    assert in_words(message) == words


def test_the_bounds_of_an_option_stand_in_its_help(topcert: Callable[..., Outcome]) -> None:
    text = " ".join(topcert("certify", "--help").out.split())
    assert "each under its own mask or noise; 10,000. [1 to 10^8]" in text
    assert "looked for, in pixels; 32 without it. [0 or more]" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--samples", "0"], "--samples must be at least 1, got 0"),
        (["--samples=0"], "--samples must be at least 1, got 0"),
        (["--samples", "1000000000"], "--samples must be at most 100000000, got 1000000000"),
        (["--samples", "many"], "--samples must be a whole number, got many"),
        (["--alpha", "x"], "--alpha must be a number, got x"),
        (["--k", "x"], "--k: 'x' is no whole number"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(
    topcert: Callable[..., Outcome], arguments: list[str], says: str
) -> None:
    run = topcert("plan", "--features", 9, "--keep", 1, "--classes", 3, *arguments)
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1


def test_what_is_no_wrong_value_stays_as_it_is() -> None:
    assert usage_in_words("Missing option '--keep'", []) == "Missing option '--keep'"


def test_python_m_topcert_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "topcert", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("topcert ")
    wrong = subprocess.run(
        [sys.executable, "-m", "topcert", "radius"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: ")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_the_shell_completes_commands_and_options(tmp_path: Path) -> None:
    code = "from topcert.cli import main; main()"
    # The shell is named, and not the one that happens to run the tests.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    home = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash", **named}

    def ask(arguments: list[str], **more: str) -> str:
        run = [sys.executable, "-c", f"import sys; sys.argv[0] = 'topcert'; {code}", *arguments]
        return subprocess.run(
            run, capture_output=True, text=True, check=True, env={**home, **more}
        ).stdout

    asked = {"_TOPCERT_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    assert ask([], COMP_WORDS="topcert ev", **asked).split() == ["evaluate"]
    options = ask([], COMP_WORDS="topcert radius --keep", **{**asked, "COMP_CWORD": "2"}).split()
    assert {"--keep", "--keep-probability"} <= set(options)
    assert all(option.startswith("--keep") for option in options)
    assert "complete -o default -F _topcert_completion topcert" in ask(
        ["--show-completion", "bash"]
    )
    ask(["--install-completion", "bash"])
    assert "_topcert_completion" in (tmp_path / ".bash_completions" / "topcert.sh").read_text()


def test_usage_is_in_capitals_and_no_word_is_broken(
    topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in COMMANDS:
        assert_usage_is_in_capitals(topcert(name, "--help").out, [name])


def test_a_set_stands_apart_from_a_path_in_the_help_of_data(
    topcert: Callable[..., Outcome],
) -> None:
    text = " ".join(topcert("certify", "--help").out.split())
    assert (
        "modelnet40 or surfaces; or a path: to a folder of pictures (CLASS/*.jpg, or *.jpg), or to"
        " an .npz or .npy file" in text
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["certify", "t.npz", "m:f", "--keep", "2", "--out", ""],
            "--out is empty, as of a shell variable that is not set",
        ),
        (["certify", "t.npz", "m:f", "--keep", "2", "--out="], "--out is empty"),
        (["radius", "", "--keep", "2"], "an argument is empty"),
        (["evaluate", ""], "an argument is empty"),
    ],
)
def test_an_empty_word_is_no_current_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    topcert: Callable[..., Outcome],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    run = topcert(*arguments)
    assert run.code == 2
    assert says in run.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["plan", "--features", 9, "--keep", 10, "--classes", 3],
            "--keep must lie in 1 .. --features = 9, got 10",
        ),
        (
            ["lee-table", "--keep-probability", 0.2, "--values", 1],
            "--values must lie in 2 .. 4,294,967,296",
        ),
        (
            ["lee-table", "--keep-probability", 1, "--values", 2],
            "--keep-probability must lie strictly between 0 and 1",
        ),
        (
            ["radius", "c.csv"],
            "--method ablation needs --keep, how many features each mask keeps (e)",
        ),
        (
            ["radius", "c.csv", "--method", "cohen"],
            "--method cohen needs --sigma, the standard deviation of its noise",
        ),
    ],
)
def test_a_number_goes_by_the_name_of_its_option(
    topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert(*arguments)
    assert run.code == 2
    assert f"error: {says}" in run.err
