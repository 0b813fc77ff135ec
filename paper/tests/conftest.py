"""The command as it is where the package is installed, whether or not it is."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import topcert, workplace

__all__ = ["topcert", "workplace"]  # fixtures

PAPER = Path(__file__).parents[1]


@pytest.fixture(autouse=True, scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What pip would write of `pyproject.toml`, before anything that is installed."""
    project = tomllib.loads((PAPER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    where = tmp_path_factory.mktemp("site")
    folder = where / f"topcert_paper-{project['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n",
        encoding="utf-8",
    )
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(where)
        yield
