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
    where.mkdir()
    write_metadata(where, name=package, version="1.0", entries=entries)
    for name, source in modules.items():
        (where / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(where)


def write_metadata(
    folder: Path, *, name: str, version: str, entries: dict[str, dict[str, str]]
) -> None:
    """What pip writes beside the modules of a package, as far as entry points need it."""
    data = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    data.mkdir()
    (data / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    lines = []
    for group, named in entries.items():
        lines += [f"[{group}]", *(f"{entry} = {value}" for entry, value in named.items()), ""]
    (data / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
