"""Commands and methods of other packages, found by their entry points; and those that are at
fault.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import topcert as library
from tests.cli.help_pages import assert_reads_well
from tests.conftest import Outcome
from tests.packages import install
from topcert.methods.registered_methods import (
    all_methods,
    find_method,
    find_vote_method,
    refused_methods,
)
from topcert.plugins import COMMANDS, METHODS

GREETING = '''
"""A command, and two under one name."""
import typer

def greet(*, name: str = typer.Option(..., help="Whom to greet.")) -> None:
    """Greet someone by name.

    And no more.
    """
    print(f"hello {name}")

app = typer.Typer(help="Greet in two ways.", short_help="Two greetings.")

@app.command()
def morning() -> None:
    print("good morning")

@app.command()
def evening() -> None:
    raise ValueError("--sun is down, got 0; wait for 1")

number = 7

def strange(*, of: "a_type_that_is_nowhere" = 1) -> None:
    """Nothing that an option can be made of."""
'''

HALF = '''
"""A method: half the radius of the paper's, rounded down; a promise that is weaker and true."""
import numpy as np

from topcert.methods.ablation import METHOD as WHOLE
from topcert.methods.method import Radii

class Half(type(WHOLE)):
    name = "half"
    guarantee = "half of what ablation promises"

    def theorem(self, lower, upper, labels, *, ks, smoothing):
        radius = super().theorem(lower, upper, labels, ks=ks, smoothing=smoothing).radius
        return Radii(np.where(radius > 0, radius // 2, radius))

METHOD = Half()

class Located(Half):
    name = "located"

TAKEN = Located()

class Silent(Half):
    name = "silent"
    needs = None

SILENT = Silent()
'''

EMPTY = '''
"""A method that prints when it is loaded, and whose `{of}` gives what is none of it."""
from topcert.methods.{file} import METHOD as WHOLE
print("hello from a package")

class Empty(type(WHOLE)):
    name = "empty"

    def count_bounds(self, **options):
        return None

    def {of}(self, *given, **options):
        return {value}

METHOD = Empty()
'''


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Modules of packages that a test installed."""
    before = set(sys.modules)
    yield
    for name in ("greeting", "half", "empty", "broken", "sly"):
        if name not in before:
            sys.modules.pop(name, None)


@pytest.fixture
def install_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str, dict[str, str], dict[str, str]], None]:
    def put(package: str, group: str, named: dict[str, str], modules: dict[str, str]) -> None:
        install(monkeypatch, tmp_path, package=package, entries={group: named}, modules=modules)

    return put


Install = Callable[[str, str, dict[str, str], dict[str, str]], None]


def test_a_package_adds_commands(
    install_here: Install, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert topcert("greet", "--name", "you").code == 2
    named = {"greet": "greeting:greet", "greetings": "greeting:app"}
    install_here("topcert-greeting", COMMANDS, named, {"greeting": GREETING})
    run = topcert("certify", "--help")
    assert run.code == 0
    assert "greeting" not in sys.modules, "a command that is not asked for was loaded"
    run = topcert("greet", "--name", "you")
    assert (run.code, run.out) == (0, "hello you\n")
    assert topcert("greetings", "morning").out == "good morning\n"
    # an error of theirs is one line, as of ours
    run = topcert("greetings", "evening")
    assert (run.code, run.err) == (2, "error: --sun is down, got 0; wait for 1\n")
    assert "Missing option '--name'" in topcert("greet").err
    monkeypatch.setenv("COLUMNS", "80")
    page = topcert("--help").out
    assert_reads_well(page)
    assert "  greet      Greet someone by name.\n" in page
    assert "  greetings  Two greetings.\n" in page
    assert page.index("certify") < page.index("greet ")
    assert_reads_well(topcert("greet", "--help").out)
    assert "Whom to greet." in topcert("greet", "--help").out


@pytest.mark.parametrize(
    ("value", "modules", "says"),
    [
        (
            "broken:run",
            {"broken": "import a_library_that_is_gone"},
            "the command 'odd' of the package topcert-odd does not load (ModuleNotFoundError: No"
            " module named 'a_library_that_is_gone'); mend the package, or remove it: pip uninstall"
            " topcert-odd",
        ),
        ("broken:run", {"broken": "1 / 0"}, "does not load (ZeroDivisionError: division by zero)"),
        ("broken:run", {"broken": "raise SystemExit(3)"}, "does not load (SystemExit: 3)"),
        ("broken:run", {"broken": ""}, "does not load (AttributeError: module 'broken' has no"),
        (
            "greeting:number",
            {"greeting": GREETING},
            "the command 'odd' of the package topcert-odd is neither a function nor a typer.Typer:"
            " greeting:number is a int",
        ),
        ("greeting:strange", {"greeting": GREETING}, "topcert-odd is no command (NameError: "),
    ],
)
def test_a_broken_command_is_named_and_breaks_no_other(
    install_here: Install,
    topcert: Callable[..., Outcome],
    value: str,
    modules: dict[str, str],
    says: str,
) -> None:
    install_here("topcert-odd", COMMANDS, {"odd": value}, modules)
    for more in ([], ["--help"], ["--some", "thing"], ["sub", "--k", 3]):
        run = topcert("odd", *more)
        assert run.code == 2
        assert says in run.err
        assert len(run.err.splitlines()) == 1
    page = topcert("--help")
    assert page.code == 0
    assert "odd        Cannot be run; try it to see why." in page.out
    assert topcert("lee-table", "--keep-probability", 0.2, "--values", 2).code == 0


def test_a_command_whose_name_is_taken_is_left_out(
    install_here: Install, topcert: Callable[..., Outcome]
) -> None:
    install_here("topcert-sly", COMMANDS, {"certify": "greeting:greet"}, {"greeting": GREETING})
    assert "--name" not in topcert("certify", "--help").out
    page = " ".join(topcert("--help").out.split())
    assert (
        "Left out: the command 'certify' of the package topcert-sly is left out: topcert has a"
        " command of that name, rename the plug-in" in page
    )
    assert "greeting" not in sys.modules


def test_two_packages_cannot_share_a_command(
    install_here: Install, topcert: Callable[..., Outcome]
) -> None:
    for package in ("topcert-one", "topcert-two"):
        install_here(package, COMMANDS, {"greet": "greeting:greet"}, {"greeting": GREETING})
    run = topcert("greet", "--name", "you")
    assert run.code == 2
    assert (
        "the command 'greet' is in several packages (topcert-one, topcert-two); remove all but one"
        in run.err
    )


def test_without_the_papers_package_reproduce_says_how_to_get_it(
    topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topcert.cli.plugged_commands.find_plugins", lambda *_, **__: {})
    for more in ([], ["--help"], ["table1", "--from-counts"], ["beyond", "--measure", "design"]):
        run = topcert("reproduce", *more)
        assert (run.code, run.out) == (2, "")
        assert run.err == (
            "error: topcert reproduce is in a package of its own; install it with: pip install"
            " topcert-paper (in a checkout: pip install . ./paper)\n"
        )
    monkeypatch.setenv("COLUMNS", "80")
    page = topcert("--help").out
    assert_reads_well(page)
    assert "  reproduce  The paper's tables; needs topcert-paper.\n" in page


def test_a_package_adds_a_method(
    install_here: Install, workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    install_here("topcert-half", METHODS, {"half": "half:METHOD"}, {"half": HALF})
    names = list(all_methods())
    assert names == sorted(names)
    assert find_vote_method("half") is all_methods()["half"]
    assert refused_methods() == []
    Path("counts.csv").write_text("0,1,2,3\n990,6,4,0\n260,250,250,240\n", encoding="utf-8")
    radii = {}
    for method in ("ablation", "half"):
        options = ["--keep", 5, "--features", 100, "--k", 1, "--alpha", 0.01, "--json"]
        run = topcert("radius", "counts.csv", "--method", method, *options)
        assert run.code == 0, run.err
        radii[method] = [row["radius"] for row in json.loads(run.out)]
    (whole, none), (half, none_too) = radii["ablation"], radii["half"]
    assert (none, none_too) == (None, None)
    assert whole >= 4
    assert half == whole // 2
    listed = topcert("methods")
    assert "half  (k: any" in listed.out
    assert "half of what ablation promises" in listed.out
    assert listed.err == ""


@pytest.mark.parametrize(
    ("name", "value", "modules", "says"),
    [
        (
            "odd",
            "broken:METHOD",
            {"broken": "import a_library_that_is_gone"},
            "the method 'odd' of the package topcert-odd does not load (ModuleNotFoundError: No"
            " module named 'a_library_that_is_gone'); mend the package, or remove it: pip uninstall"
            " topcert-odd",
        ),
        ("odd", "half:METHOD", {"half": HALF}, "topcert-odd calls itself 'half'; its entry point"),
        ("odd", "half:Half", {"half": HALF}, "is no method: half:Half is an ABCMeta, not an"),
        ("silent", "half:SILENT", {"half": HALF}, "does not say its `needs`"),
    ],
)
def test_a_broken_method_is_named_and_breaks_no_other(
    install_here: Install,
    topcert: Callable[..., Outcome],
    name: str,
    value: str,
    modules: dict[str, str],
    says: str,
) -> None:
    install_here("topcert-odd", METHODS, {name: value}, modules)
    with pytest.raises(ValueError, match="topcert-odd") as caught:
        find_method(name)
    assert says in str(caught.value)
    assert name not in all_methods()
    (line,) = refused_methods()
    assert says in line
    listed = topcert("methods")
    assert listed.code == 0
    assert says in listed.err
    assert len(listed.err.splitlines()) == 1
    assert find_method("ablation").name == "ablation"
    assert topcert("plan", "--features", 100, "--keep", 5, "--classes", 4).code == 0


def test_a_method_whose_name_is_taken_is_refused(
    install_here: Install, topcert: Callable[..., Outcome]
) -> None:
    named = {"located": "half:TAKEN", "levine-feizi-simuem": "half:METHOD"}
    install_here("topcert-sly", METHODS, named, {"half": HALF})
    message = [
        f"the method {name!r} of the package topcert-sly is left out: topcert has a method of that"
        " name, rename the plug-in"
        for name in sorted(named)
    ]
    assert refused_methods() == message
    with pytest.warns(UserWarning, match="'located' of the package topcert-sly is left out"):
        found = find_method("located")
    assert type(found).__module__ == "topcert.methods.located"
    assert topcert("methods").err.splitlines() == message
    assert "half" not in sys.modules, "what is refused was loaded"


def test_two_packages_cannot_share_a_method(install_here: Install) -> None:
    for package in ("topcert-one", "topcert-two"):
        install_here(package, METHODS, {"half": "half:METHOD"}, {"half": HALF})
    with pytest.raises(ValueError, match=r"several packages \(topcert-one, topcert-two\)"):
        find_method("half")
    assert "half" not in all_methods()
    assert len(refused_methods()) == 1


def test_an_unknown_method_is_told_those_of_packages_too(install_here: Install) -> None:
    install_here("topcert-half", METHODS, {"half": "half:METHOD"}, {"half": HALF})
    with pytest.raises(ValueError, match=r"choose one of: .*half, "):
        find_method("haff")
    assert "half" not in sys.modules


@pytest.mark.parametrize(
    ("file", "of", "value", "says"),
    [
        ("ablation", "theorem", "None", "`theorem` of the method empty must return Radii, and"),
        ("ablation", "bounds", "None", "`bounds` .* lower and upper bounds, and returned a None"),
        ("ablation", "shown", "given[0] * 1.5", r"`shown` .* shape \(2, 1\), and returned float64"),
        ("located", "radii", "[0]", r"`radii` .* integers of shape \(2, 1, 1\), and .* a list"),
    ],
)
def test_a_method_that_returns_nothing_of_use_is_named(
    install_here: Install,
    capsys: pytest.CaptureFixture[str],
    file: str,
    of: str,
    value: str,
    says: str,
) -> None:
    source = EMPTY.format(file=file, of=of, value=value)
    install_here("topcert-empty", METHODS, {"empty": "empty:METHOD"}, {"empty": source})
    x = np.eye(2, 8)
    smoothed = library.SmoothedClassifier(lambda b: b[:, :3], noise=library.Ablation(num_kept=5))
    votes = smoothed.vote(x, num_samples=20, progress=False)
    with pytest.raises(ValueError, match=says):
        votes.certify("empty", k=1, label_choice="predicted", progress=False)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "hello from a package\n")
