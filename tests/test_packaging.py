"""What the two distributions are made of, and that they fit each other."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from topcert.version import __version__

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "topcert"
MEGABYTE = 1_000_000


def project_in(folder: Path) -> dict[str, Any]:
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def sizes(pattern: str) -> dict[Path, int]:
    return {
        path: path.stat().st_size
        for path in PACKAGE.rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_papers_package_is_of_this_release_and_needs_it() -> None:
    core, paper = project_in(ROOT), project_in(ROOT / "paper")
    assert core["version"] == paper["version"] == __version__
    assert paper["dependencies"] == [f"topcert == {__version__}"]
    assert core["requires-python"] == paper["requires-python"]
    assert (ROOT / "LICENSE").read_bytes() == (ROOT / "paper" / "LICENSE").read_bytes()


def test_the_core_carries_networks_and_code_and_little_else() -> None:
    everything, networks, code = sizes("*"), sizes("*.onnx"), sizes("*.py")
    assert sum(everything.values()) < 11 * MEGABYTE
    rest = set(everything) - set(networks) - set(code)
    assert sum(everything[path] for path in rest) < 0.5 * MEGABYTE, sorted(rest)
    assert not [path for path in rest if path.suffix in (".parquet", ".csv", ".zip")]
