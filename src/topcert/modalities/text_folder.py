"""A folder of texts: `CLASS/*.txt`, or unlabelled `*.txt`."""

from __future__ import annotations

from pathlib import Path


def read_text_folder(folder: Path) -> tuple[list[str], list[str] | None, list[str]]:
    """The texts of a folder, their labels, and the names of their files.

    Parameters
    ----------
    folder
        `CLASS/*.txt`, or, where no folder in it holds any, `*.txt`; UTF-8. Names are in the order
        of text, and those that begin with a point are left out.

    Returns
    -------
    list[str], list[str] | None, list[str]
        Labels are the names of the folders; None where there are none.

    Raises
    ------
    ValueError
        Where there are no texts, a file is no UTF-8, some texts lie beside folders with others, or
        in folders of folders.
    """
    loose = _texts(folder)
    classes = [
        (part.name, found)
        for part in sorted(folder.iterdir(), key=lambda path: path.name)
        if part.is_dir() and not part.name.startswith(".") and (found := _texts(part))
    ]
    if not classes and not loose:
        _check_depth(folder, [])
        raise ValueError(f"{folder} holds no texts; expected CLASS/*.txt, or unlabelled *.txt")
    if classes and loose:
        raise ValueError(
            f"{folder} holds {loose[0].name} beside folders of texts, which are classes; move it"
            " into one, or away"
        )
    files = [(name, path) for name, found in classes for path in found]
    labels = [name for name, _ in files] if classes else None
    paths = [path for _, path in files] if classes else loose
    _check_depth(folder, paths)
    return (
        [_read(path) for path in paths],
        labels,
        [path.relative_to(folder).as_posix() for path in paths],
    )


def _check_depth(folder: Path, taken: list[Path]) -> None:
    """Refuse texts in folders of folders, which would be left out."""
    known = set(taken)
    for path in folder.rglob("*"):
        there = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in there.parts)
        if not hidden and path.suffix.lower() == ".txt" and path not in known and path.is_file():
            raise ValueError(
                f"{folder} holds {there.as_posix()}, deeper than CLASS/*.txt; move it up, or away"
            )


def _texts(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ".txt" and path.is_file() and not path.name.startswith(".")
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 ({error.reason}); convert it") from error
