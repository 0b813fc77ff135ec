"""A folder of pictures: a folder a class, or unlabelled ones side by side; what is no picture is
counted and named.

Order is that of names as text, whatever the system: first of classes, then of files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
# What systems put beside a person's files, pictures at times among it.
SYSTEM: Final = (
    "__MACOSX",
    "@eaDir",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "__pycache__",
)
SHOWN: Final = 3


@final
@dataclass(frozen=True, kw_only=True)
class Listing:
    """The pictures of a folder in order; `labels` are places in `class_names`, None where there are
    no class folders.
    """

    files: tuple[Path, ...]
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def list_pictures(folder: Path) -> Listing:
    """The pictures `folder/CLASS/FILE`, or, where no folder in it holds any, `folder/FILE`.

    Raises ValueError where there are none, or where a class holds none but folders that do.
    """
    passed = _Passed(folder)
    loose, parts = _split(folder, passed)
    classes = []
    for part in parts:
        found, deeper = _split(part, passed)
        if found:
            classes.append((part.name, found))
            for inner in deeper:
                passed.folder_inside(inner)
        else:
            _refuse_nested(part, deeper)
            passed.empty_folder(part)
    if classes:
        passed.outside(loose)
        return Listing(
            files=tuple(path for _, found in classes for path in found),
            labels=np.array(
                [label for label, (_, found) in enumerate(classes) for _ in found], np.int64
            ),
            class_names=tuple(name for name, _ in classes),
            notes=passed.notes(),
        )
    if not loose:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        there = "; ".join(passed.notes())
        raise ValueError(
            f"{folder} holds no pictures ({kinds}); expected CLASS/*.jpg, or unlabelled *.jpg"
            + (f" ({there})" if there else "")
        )
    return Listing(files=tuple(loose), labels=None, class_names=(), notes=passed.notes())


def _split(folder: Path, passed: _Passed) -> tuple[list[Path], list[Path]]:
    """The pictures and the folders in a folder, in order; anything else is passed over."""
    try:
        entries = sorted(folder.iterdir(), key=lambda path: name_order(path.name))
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be read ({error.strerror}); mend its permissions, or move it away"
        ) from error
    pictures, folders = [], []
    for path in entries:
        if path.name.startswith(".") or path.name in SYSTEM:
            passed.hidden(path)
        elif path.is_dir():
            folders.append(path)
        elif path.suffix.lower() in SUFFIXES and (path.is_file() or not path.exists()):
            pictures.append(path)  # a broken link too, as one that is unreadable
        else:
            passed.no_picture(path)
    return pictures, folders


def name_order(name: str) -> tuple[str, str]:
    """Sorts names as text, in whichever of two ways a file system spells accented letters."""
    return unicodedata.normalize("NFC", name), name


def _refuse_nested(part: Path, deeper: Sequence[Path]) -> None:
    for inner in deeper:
        if _split(inner, _Passed(inner))[0]:
            raise ValueError(
                f"{part} holds no images but a folder {inner.name} with some; expected CLASS/*.jpg,"
                f" so give {part} as DATA if {inner.name} is a class, or move the images up or"
                f" {part.name} away"
            )


@final
class _Passed:
    """What is passed over, and what is printed of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kinds: dict[str, list[str]] = {}

    def _add(self, kind: str, path: Path) -> None:
        end = "/" if path.is_dir() else ""
        self._kinds.setdefault(kind, []).append(path.relative_to(self._folder).as_posix() + end)

    def hidden(self, path: Path) -> None:
        self._add("hidden, or the system's own", path)

    def no_picture(self, path: Path) -> None:
        self._add("not a picture of a known kind", path)

    def empty_folder(self, path: Path) -> None:
        self._add("a folder without pictures, so no class", path)

    def folder_inside(self, path: Path) -> None:
        self._add("a folder inside a class", path)

    def outside(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self._add("a picture outside the class folders", path)

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"{self._folder}: passed over {len(names)} ({kind}): {named(names)}"
            for kind, names in self._kinds.items()
        )


def named(names: Sequence[str]) -> str:
    """The first few of some names, on one line whatever they hold."""
    written = [name.encode("utf-8", "backslashreplace").decode() for name in names[:SHOWN]]
    return ", ".join(name if name.isprintable() else ascii(name) for name in written) + (
        ", ..." if len(names) > SHOWN else ""
    )
