"""The validation images of ImageNet (ILSVRC 2012) in any of the layouts they come in, cut to what
is certified.

DIR/WNID/*.JPEG or DIR/val/WNID/*.JPEG    as sorted by class for training frameworks
DIR/ILSVRC2012_img_val.tar and the kit    as published; images are read out of the archive
DIR/*.JPEG, DIR/val/*.JPEG and the kit    the same, unpacked

The kit is ILSVRC2012_devkit_t12.tar.gz or the folder it unpacks to. Images are in the order of
(class, file name), so that image i is the same in every layout.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.devkit import read_validation_wnids
from topcert.datasets.image_files import (
    central_square,
    decode,
    images_in,
    images_of_class,
    resize_shorter,
)

SHORTER_SIDE: Final = 256
CROP: Final = 224
CUT: Final = {"resize": SHORTER_SIDE, "crop": CROP}  # as the options of a folder say it
SUBSET: Final = 500  # the field's number of inputs: of 50,000 images 0, 100, 200, ...
INPUT_IN_WORDS: Final = (
    f"the central {CROP} x {CROP} pixels of a photograph, its shorter side resized to"
    f" {SHORTER_SIDE}"
)

_ARCHIVE: Final = "ILSVRC2012_img_val.tar"
_WNID: Final = re.compile(r"n\d{8}")
_OFFICIAL: Final = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_MOST_OBLONG: Final = 64  # resized, a longer image would fill the memory


@final
@dataclass(frozen=True, kw_only=True)
class Photographs:
    """Images in the order of (class, file name): `read(i)` gives uint8 `(224, 224, 3)`; `labels`
    int64 `(images,)`.

    `names` are `WNID/FILE` in every layout.
    """

    labels: NDArray[np.int64]
    names: tuple[str, ...]
    class_names: tuple[str, ...]
    read: Callable[[int], NDArray[np.uint8]]


@final
@dataclass(frozen=True, kw_only=True)
class _File:
    """One image file: its own name, its class as the layout names it, and how to get at its
    bytes.
    """

    name: str
    wnid: str
    path: Path
    span: tuple[int, int] | None = None  # offset and length inside an archive; None: the whole file

    def open(self) -> io.BytesIO:
        with self.path.open("rb") as file:
            if self.span is None:
                return io.BytesIO(file.read())
            offset, length = self.span
            file.seek(offset)
            return io.BytesIO(file.read(length))

    def in_words(self) -> str:
        return str(self.path) if self.span is None else f"{self.path}: {self.name}"


def load_imagenet(data_dir: Path | None) -> Photographs:
    """The validation images that `data_dir` holds, all of them or some; only their names are read
    yet.

    A class is the place of its WNID among the 1,000 sorted ones, as published networks count,
    however many of them are there; folders named 0 .. 999 are those places. Other folders, none of
    whose names is one of the 1,000, are classes of their own, in the order of their names. Raises
    ValueError where there are no images, the kit is missing or damaged, or folders of both kinds
    are mixed.
    """
    if data_dir is None:
        raise ValueError(
            "ImageNet cannot be downloaded freely; name its folder with --data-dir: WNID/*.JPEG,"
            f" or the official {_ARCHIVE} beside ILSVRC2012_devkit_t12.tar.gz"
        )
    found, class_names = _find(data_dir)
    place = {name: label for label, name in enumerate(class_names)}
    ordered = sorted(found, key=lambda file: (place[file.wnid], file.name))

    def read(position: int) -> NDArray[np.uint8]:
        return _read(ordered[position])

    return Photographs(
        labels=np.array([place[file.wnid] for file in ordered], np.int64),
        names=tuple(f"{file.wnid}/{file.name}" for file in ordered),
        class_names=class_names,
        read=read,
    )


def read_wnids() -> tuple[str, ...]:
    """The WNIDs of the 1,000 classes, sorted: class j is `read_wnids()[j]`."""
    text = files("topcert.datasets").joinpath("imagenet-wnids.txt").read_text(encoding="ascii")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


def _find(data_dir: Path) -> tuple[list[_File], tuple[str, ...]]:
    """Every image file of the first layout that is there, in no order, and the names of its classes
    in order.
    """
    known = read_wnids()
    folders = [folder for folder in (data_dir / "val", data_dir) if folder.is_dir()]
    for folder in folders:
        if any(_WNID.fullmatch(part.name) for part in folder.iterdir() if part.is_dir()):
            return _in_class_folders(folder, known)
    listed: list[_File] = []
    if (data_dir / _ARCHIVE).is_file():
        listed = _in_archive(data_dir / _ARCHIVE)
    else:
        for folder in (*folders, data_dir / "ILSVRC2012_img_val"):
            listed = listed or _loose(folder)
    if listed:
        return _labelled(listed, read_validation_wnids(data_dir), known, data_dir), known
    for folder in folders:
        files_there, names = _in_class_folders(folder, known)
        if files_there:
            return files_there, names
    raise ValueError(
        f"--data-dir {data_dir} holds no ImageNet images; expected WNID/*.JPEG, val/WNID/*.JPEG, or"
        f" {_ARCHIVE} (or its JPEGs) beside ILSVRC2012_devkit_t12.tar.gz"
    )


def _in_class_folders(folder: Path, known: tuple[str, ...]) -> tuple[list[_File], tuple[str, ...]]:
    parts = sorted(
        part for part in folder.iterdir() if part.is_dir() and not part.name.startswith(".")
    )
    found = [
        _File(name=path.name, wnid=part.name, path=path)
        for part in parts
        for path in (images_of_class if part.name in known else images_in)(part)
    ]
    names = {file.wnid for file in found}
    if names and all(
        name.isdecimal() and str(int(name)) == name and int(name) < len(known) for name in names
    ):
        # numbered folders (as ImageNetV2's) are numbered as published networks count
        return [replace(file, wnid=known[int(file.wnid)]) for file in found], known
    unknown = sorted(names - set(known))
    if found and not unknown:
        return found, known
    if len(unknown) == 1 == len(names):
        raise ValueError(
            f"{folder} holds images in one folder alone, {unknown[0]}, which names no class of"
            " ImageNet; expected a folder for each class"
        )
    if any(file.wnid in known for file in found):
        raise ValueError(
            f"{folder} holds classes of ImageNet and others ({', '.join(unknown)[:80]}): a label"
            " would be a guess; move one kind away, or give the folder itself as DATA to number"
            " all of them by name"
        )
    return found, tuple(part.name for part in parts)


def _in_archive(path: Path) -> list[_File]:
    """The images of the official archive by where they lie in it, from its headers alone."""
    try:
        with tarfile.open(path, "r:") as archive:
            members = [(Path(member.name).name, member) for member in archive if member.isfile()]
    except (OSError, tarfile.TarError) as error:
        raise ValueError(f"{path} cannot be read ({error}); fetch it again") from error
    size = path.stat().st_size
    found = []
    for name, member in members:
        if member.offset_data + member.size > size:
            raise ValueError(f"{path} ends in the middle of {name}; fetch it again")
        found.append(_File(name=name, wnid="", path=path, span=(member.offset_data, member.size)))
    return [file for file in found if _OFFICIAL.fullmatch(file.name)]


def _loose(folder: Path) -> list[_File]:
    if not folder.is_dir():
        return []
    return [
        _File(name=path.name, wnid="", path=path)
        for path in folder.iterdir()
        if _OFFICIAL.fullmatch(path.name)
    ]


def _labelled(
    listed: list[_File], wnids: tuple[str, ...], known: tuple[str, ...], data_dir: Path
) -> list[_File]:
    """The files with the class that the kit has at their number."""
    if not set(wnids) <= set(known):
        raise ValueError(
            f"{data_dir}: the kit names classes that ImageNet has not; fetch ILSVRC2012_devkit_t12"
            " again"
        )
    labelled = []
    for file in listed:
        number = int(file.name[-13:-5])
        if not 1 <= number <= len(wnids):
            raise ValueError(
                f"{file.in_words()} is no image of the kit, which has 1 .. {len(wnids)}; remove it"
            )
        labelled.append(
            _File(name=file.name, wnid=wnids[number - 1], path=file.path, span=file.span)
        )
    return labelled


def _read(file: _File) -> NDArray[np.uint8]:
    try:
        content = file.open()
    except OSError as error:
        raise ValueError(
            f"{file.in_words()} cannot be read ({error.strerror}); was the data moved?"
        ) from error
    image = decode(content, file.in_words())
    if max(image.size) > _MOST_OBLONG * min(image.size):
        raise ValueError(
            f"{file.in_words()} is {image.size[0]} x {image.size[1]} pixels; one side may be at"
            f" most {_MOST_OBLONG} times the other, so crop or remove it"
        )
    return central_square(np.asarray(resize_shorter(image, SHORTER_SIDE)), CROP)
