"""Whether a picture is the one that is drawn here: pixels of a PNG, text and numbers of an SVG.

Two machines can round the last digit of a coordinate otherwise, so that `SLACK` is allowed. Where a
picture says that it was drawn by other releases, it cannot be distinguished from a forged one, and
is named as not checked.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from PIL import Image

from topcert.report.figures import stamp

PIXEL_SLACK: Final = 2  # of 255
NUMBER_SLACK: Final = 1e-3  # points of 1/72 inch
_NUMBER: Final = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_STAMP: Final = re.compile(r"drawn by [^<]*")
_MOST_BYTES: Final = 1 << 26
_BROKEN: Final = (
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def check_pictures(
    draw: Callable[[Path], Sequence[Path]], stem: Path
) -> tuple[list[str], list[str]]:
    """Draw again, by `draw(stem)` somewhere else, what lies at `stem`.png and .svg.

    Returns what does not hold, and what cannot be checked, a line each; of a picture that is not
    there, nothing.
    """
    findings, unchecked = [], []
    with TemporaryDirectory(prefix="topcert-") as folder:
        for made in draw(Path(folder) / stem.name):
            stored = stem.with_name(made.name)
            if not stored.exists():
                continue
            drawn_by = _stamp_of(stored)
            if drawn_by != stamp():
                by = "by nobody that it names" if drawn_by is None else drawn_by
                unchecked.append(f"{stored.name} ({by}; here it would be {stamp()})")
            elif not (_same_pixels if made.suffix == ".png" else _same_text)(stored, made):
                findings.append(f"{stored.name} is not the picture of these certificates")
    return findings, unchecked


def _stamp_of(path: Path) -> str | None:
    """What a picture says of how it was drawn; None where it says nothing, or is no picture."""
    try:
        if path.suffix == ".png":
            with _opened(path) as image:
                description = image.info.get("Description")
        else:
            description = (
                path.read_text(encoding="utf-8") if path.stat().st_size <= _MOST_BYTES else ""
            )
    except _BROKEN:
        return None
    found = _STAMP.search(description) if isinstance(description, str) else None
    return None if found is None else found[0][:200]


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A PNG and nothing else; what would unpack to more than a picture needs is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=("PNG",)) as image:
            yield image


def _same_pixels(stored: Path, made: Path) -> bool:
    try:
        with _opened(stored) as one, _opened(made) as other:
            if (one.size, one.mode, getattr(one, "n_frames", 1)) != (other.size, other.mode, 1):
                return False
            if one.info.keys() != other.info.keys() or one.getexif():
                return False
            before, after = (np.asarray(image, np.int64) for image in (one, other))
    except _BROKEN:
        return False
    return int(np.abs(before - after).max()) <= PIXEL_SLACK


def _same_text(stored: Path, made: Path) -> bool:
    before, after = (path.read_text(encoding="utf-8") for path in (stored, made))
    if _NUMBER.split(before) != _NUMBER.split(after):
        return False
    stored_numbers, drawn = (
        np.array([float(number) for number in _NUMBER.findall(text)]) for text in (before, after)
    )
    return bool(np.abs(stored_numbers - drawn).max(initial=0.0) <= NUMBER_SLACK)
