"""ImageNet in small: the same few photographs in every layout, and a development kit of all 1,000
classes.
"""

from __future__ import annotations

import io
import tarfile
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from scipy.io import savemat

from topcert.datasets.imagenet import read_wnids

NUMBERS: Final = (3, 1, 50_000, 17, 4)  # of the official images that there are
NUM_IMAGES: Final = 50_000
KIT: Final = "ILSVRC2012_devkit_t12"
_WNIDS: Final = read_wnids()


def official_name(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}.JPEG"


def wnid_of(number: int) -> str:
    """The class of image `number`: 3 and 17 share one, and order by number is not order by
    class.
    """
    return _WNIDS[{3: 7, 17: 7, 1: 999, 50_000: 0, 4: 300}.get(number, number % 1000)]


def photograph(number: int) -> bytes:
    """A small JPEG of its own size and content."""
    generator = np.random.default_rng(number)
    size = (int(generator.integers(8, 14)), int(generator.integers(8, 14)), 3)
    buffer = io.BytesIO()
    Image.fromarray(generator.integers(0, 256, size, np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_class_folders(folder: Path) -> Path:
    for number in NUMBERS:
        (folder / wnid_of(number)).mkdir(parents=True, exist_ok=True)
        (folder / wnid_of(number) / official_name(number)).write_bytes(photograph(number))
    return folder


def write_flat(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in NUMBERS:
        (folder / official_name(number)).write_bytes(photograph(number))
    return folder


def write_archive(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "ILSVRC2012_img_val.tar", "w") as archive:
        for number in NUMBERS:
            _add(archive, official_name(number), photograph(number))
    return folder


def write_kit(folder: Path, *, packed: bool) -> Path:
    """The kit beside the images: as published, or the folder that it unpacks to."""
    contents = {"data/ILSVRC2012_validation_ground_truth.txt": _truth(), "data/meta.mat": _meta()}
    if packed:
        with tarfile.open(folder / f"{KIT}.tar.gz", "w:gz") as archive:
            for name, content in contents.items():
                _add(archive, f"{KIT}/{name}", content)
        return folder
    for name, content in contents.items():
        (folder / KIT / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / KIT / name).write_bytes(content)
    return folder


def _ids() -> dict[str, int]:
    """The ILSVRC2012_ID of each WNID: another order than that of their names."""
    order = np.random.default_rng(0).permutation(1000)
    return {wnid: int(place) + 1 for wnid, place in zip(_WNIDS, order, strict=True)}


@cache
def _truth() -> bytes:
    ids = _ids()
    return "".join(f"{ids[wnid_of(number)]}\n" for number in range(1, NUM_IMAGES + 1)).encode()


@cache
def _meta() -> bytes:
    """`synsets` as in the official file: the 1,000 classes by their ID, then synsets above them,
    which have children.
    """
    rows = sorted((number, wnid, 0) for wnid, number in _ids().items())
    rows += [(1001, "n00001740", 2), (1002, "n00001930", 998)]
    fields = [
        ("ILSVRC2012_ID", object),
        ("WNID", object),
        ("words", object),
        ("num_children", object),
    ]
    synsets = np.empty((len(rows), 1), np.dtype(fields))
    for row, (number, wnid, children) in enumerate(rows):
        synsets[row, 0] = (float(number), wnid, "words", float(children))
    buffer = io.BytesIO()
    savemat(buffer, {"synsets": synsets})
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
