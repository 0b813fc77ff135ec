"""Packages as pip installs them, small enough for a test: modules, and what they are entered in."""

from __future__ import annotations

from pathlib import Path

import pytest


def install(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    package: str,
    entries: dict[str, dict[str, str]],
    modules: dict[str, str],
) -> None:
    """Put a package on the path, for one test.

    `entries` are its entry points, `{group: {name: "module:object"}}`; `modules` the sources of its
    modules by name.
    """
    where = folder / package
    data = where / f"{package.replace('-', '_')}-1.0.dist-info"
    data.mkdir(parents=True)
    (data / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8"
    )
    lines = []
    for group, named in entries.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in named.items()), ""]
    (data / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    for name, source in modules.items():
        (where / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(where)
