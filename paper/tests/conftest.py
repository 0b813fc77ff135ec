"""The command as it is where the package is installed, whether or not it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from tests.conftest import quick_pictures, topcert, workplace
from tests.packages import write_metadata

__all__ = ["quick_pictures", "topcert", "workplace"]  # fixtures

PAPER = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip writes of `pyproject.toml`."""
    project = tomllib.loads((PAPER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    where = tmp_path_factory.mktemp("site")
    write_metadata(
        where, name=project["name"], version=project["version"], entries=project["entry-points"]
    )
    return where


@pytest.fixture(autouse=True)
def _installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This package goes before one that is installed."""
    monkeypatch.syspath_prepend(site)
