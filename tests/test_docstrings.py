"""Docstrings of what people import: NumPy's sections, every argument, and examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import pytest

import topcert
import topcert.sklearn
import topcert.torch

PUBLIC: Final[dict[str, Any]] = {
    **{name: getattr(topcert, name) for name in topcert.__all__},
    "TopKCertifier": topcert.sklearn.TopKCertifier,
    "Smoothed": topcert.torch.Smoothed,
}
CALLABLE: Final = {name: found for name, found in PUBLIC.items() if callable(found)}
FUNCTIONS: Final = [name for name, found in CALLABLE.items() if isinstance(found, FunctionType)]
# what functions and methods give; all other classes are made by people
RESULTS: Final = {
    "Accuracy",
    "Certificates",
    "Cost",
    "Counts",
    "Demo",
    "Plan",
    "Predictions",
    "Survival",
    "TightnessWitness",
    "Trained",
    "Tuned",
    "Verification",
    "Votes",
}
MADE: Final = [name for name in CALLABLE if name not in RESULTS and name not in FUNCTIONS]
MODULES: Final = sorted(
    {found.__module__ for found in CALLABLE.values()}
    | {
        "topcert.api.python_words",
        "topcert.classifiers.answers",
        "topcert.classifiers.mirrored",
        "topcert.classifiers.trained",
        "topcert.evaluation.accuracy_intervals",
        "topcert.methods.suggestions",
        "topcert.modalities.modality",
        "topcert.voting.executors.executor",
    }
)


def sections(found: Any) -> dict[str, str]:
    """The text of each section of a docstring, by its heading; what comes first is ""."""
    lines = inspect.cleandoc(found.__doc__ or "").splitlines()
    heads = [
        number
        for number, (head, rule) in enumerate(pairwise(lines))
        if head and rule == "-" * len(head)
    ]
    ends = [*heads, len(lines)]
    shown = {"": "\n".join(lines[: ends[0]])}
    for start, end in zip(heads, ends[1:], strict=True):
        shown[lines[start]] = "\n".join(lines[start + 2 : end])
    return shown


def entries(text: str) -> set[str]:
    """The names that a section describes: those of its lines that are not indented."""
    return {
        name
        for line in text.splitlines()
        if re.match(r"\w", line)
        for name in line.split(" : ")[0].split(", ")
    }


def arguments(found: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(found).parameters) - {"self", "cls"}


def methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Methods of the public classes that have docstrings of their own."""
    for name, found in CALLABLE.items():
        for called, member in vars(found).items() if inspect.isclass(found) else ():
            method = getattr(member, "__func__", member)
            if not called.startswith("_") and isinstance(method, FunctionType) and method.__doc__:
                yield f"{name}.{called}", method


METHODS: Final = dict(methods())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_gives_and_refuses(name: str) -> None:
    shown = sections(CALLABLE[name])
    assert shown[""].splitlines()[0].endswith((".", "?"))
    assert entries(shown["Parameters"]) == arguments(CALLABLE[name])
    assert {"Returns", "Raises", "Examples"} <= set(shown)
    assert ">>> " in shown["Examples"]


@pytest.mark.parametrize("name", MADE)
def test_a_class_that_people_make_says_what_it_takes(name: str) -> None:
    shown = sections(CALLABLE[name])
    assert entries(shown.get("Parameters", "")) == arguments(CALLABLE[name])
    assert ">>> " in shown["Examples"]


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_result_says_what_it_holds(name: str) -> None:
    shown = sections(CALLABLE[name])
    fields = set(vars(CALLABLE[name]).get("__dataclass_fields__", ()))
    assert entries(shown["Attributes"]) >= fields
    assert shown["Attributes"]
    assert ">>> " in shown["Examples"]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_takes_something_says_what_it_takes_and_gives(name: str) -> None:
    shown, taken = sections(METHODS[name]), arguments(METHODS[name])
    if taken:
        assert entries(shown["Parameters"]) == taken
        gives = inspect.signature(METHODS[name]).return_annotation not in ("None", None)
        assert ("Returns" in shown) == gives


def test_there_are_methods_to_look_at() -> None:
    assert {"Votes.certify", "SmoothedClassifier.vote", "RowCast.of"} <= set(METHODS)


def test_no_docstring_has_sections_of_another_style() -> None:
    source = Path(topcert.__file__).parent
    heading = re.compile(r"^ *(Args|Returns|Raises|Example|Examples|Yields):$", re.M)
    assert [str(path) for path in source.rglob("*.py") if heading.search(path.read_text())] == []


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    assert found.attempted > 0
