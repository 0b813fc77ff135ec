"""`make lowest` installs the lowest versions that pyproject.toml admits, and no others."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# the tests pin torch, which decides votes; the docs are built with what is new
PINNED, UNTESTED = {"torch"}, {"docs"}


def bounds() -> set[str]:
    """What pyproject.toml asks for at least, as constraints."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(r for e in extras if e not in UNTESTED for r in extras[e])]
    found = {re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement) for requirement in asked}
    return {f"{match[1]}=={match[2]}" for match in found if match and match[1] not in PINNED}


def test_the_constraints_are_the_lower_bounds() -> None:
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == bounds()


def test_every_requirement_has_a_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(r for extra in extras.values() for r in extra)]
    assert [requirement for requirement in asked if not re.search(r">=|==", requirement)] == []
