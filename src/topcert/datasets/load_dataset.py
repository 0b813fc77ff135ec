"""The data set that a name or a path means."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

import numpy as np

from topcert.datasets.array_dataset import dataset_of
from topcert.datasets.built_in_sets import (
    BUILT_IN,
    cifar10_held_out_set,
    cifar10_set,
    digits_set,
    imagenet_set,
    modelnet40_set,
    surfaces_set,
)
from topcert.datasets.dataset import Dataset, select_inputs
from topcert.datasets.folder import SUFFIXES
from topcert.datasets.imagenet import SUBSET
from topcert.datasets.modelnet40 import holds_modelnet40
from topcert.datasets.npz import ARRAY_FILES, read_arrays, read_npz
from topcert.datasets.picture_folder import PictureFolder, open_pictures
from topcert.datasets.pictures import ResizeAndCrop
from topcert.datasets.records import Records
from topcert.files import first_line
from topcert.modalities.array_values import check_range, scale_bytes
from topcert.modalities.image import IMAGE
from topcert.modalities.modality import Modality
from topcert.modalities.record_files import SUFFIXES as RECORDS
from topcert.modalities.registered_modalities import all_modalities


def load_dataset(
    name: str,
    *,
    data_dir: Path | None = None,
    limit: int | None = None,
    stride: int | None = None,
    crop: int | None = None,
    resize: int | None = None,
    skip_unreadable: bool = False,
    unit: str | None = None,
    channels: str | None = None,
    value_range: tuple[float, float] | None = None,
    records: Records | None = None,
) -> Dataset:
    """The data set that `name` means: `digits`, `cifar10`, `cifar10-held-out` (the last 2,000 of
    its training images, by which to choose), `imagenet`, `modelnet40` (or its folder), the
    generated `surfaces`, a folder of pictures (`CLASS/*.jpg`, or unlabelled `*.jpg`), an .npz or an
    .npy file.

    Every `stride`-th input is taken, at most `limit`; by default all, but of CIFAR-10 the field's
    500 test images 0, 20, 40, ..., and of ImageNet `limit` (500) spread evenly: of all 50,000
    images 0, 100, 200, ... Of each picture of a folder the shorter side is made `resize` pixels and
    the central square of `crop` taken: the result, not the file, is the certified input (for
    ImageNet 224 pixels, after resizing). `skip_unreadable` leaves out pictures that cannot be read,
    and notes them. `unit` and `channels` say what the axes of an array are, as in `read_inputs`.
    Values of images lie in `value_range`, [0, 1] unless given; bytes are scaled to it. With
    `records`, `name` is a file of records or a folder of texts, and nothing else. Raises
    ValueError where data is missing, empty, damaged, ragged, not finite, or in doubt.
    """
    if stride is not None and stride < 1:
        raise ValueError(f"--stride must be at least 1, got {stride}")
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1, got {limit}")
    folder = (
        records is None
        and name not in ("", *BUILT_IN)
        and Path(name).is_dir()
        and not holds_modelnet40(Path(name))
    )
    _check_options(
        name,
        folder,
        crop=crop,
        resize=resize,
        skip_unreadable=skip_unreadable or None,
        channels=channels,
    )
    check_range(value_range)
    if records is not None:
        whole = records.load(Path(name), unit=unit, value_range=value_range)
    elif name == "digits":
        whole = digits_set(value_range)
    elif name == "cifar10":
        whole = cifar10_set(data_dir, value_range)
        stride, limit = (20 if stride is None else stride), (500 if limit is None else limit)
    elif name == "cifar10-held-out":
        whole = cifar10_held_out_set(data_dir, value_range)
    elif name == "imagenet":
        whole = imagenet_set(data_dir, value_range)
        if stride is None:  # images are sorted by class: the first few would be fish
            stride = max(1, -(-len(whole) // (limit or SUBSET)))
    elif name == "modelnet40" or holds_modelnet40(Path(name)):
        whole = modelnet40_set(Path(name) if name != "modelnet40" else data_dir)
    elif name == "surfaces":
        whole = surfaces_set()
    elif folder:
        cut = ResizeAndCrop(resize=resize, crop=crop)
        found = open_pictures(Path(name), cut, stride=stride, limit=limit, skip=skip_unreadable)
        raw = IMAGE.raw(name, {"resize": resize, "crop": crop})
        return replace(_pictures(found, value_range), raw=raw)
    elif name.endswith(ARRAY_FILES):
        whole = _npz(Path(name), unit=unit, channels=channels, value_range=value_range)
    elif (modality := _of_file(Path(name))) is not None:
        whole = _file(Path(name), modality, unit=unit, value_range=value_range)
    else:
        raise ValueError(_unknown(name))
    if value_range is not None and not whole.modality.ranged:
        raise ValueError(f"--range is for images, and {name} holds none; leave it out")
    return replace(select_inputs(whole, stride=stride, limit=limit), name=name)


def _unknown(name: str) -> str:
    """What to say of a name that is neither a set nor a path to data."""
    path = Path(name)
    near = difflib.get_close_matches(name.lower(), BUILT_IN, n=1)
    if not name:
        what = "DATA is empty"
    elif path.is_file() and path.suffix.lower() in SUFFIXES:
        what = f"{name} is one picture; name the folder that it lies in"
    elif path.is_file() and path.suffix.lower() in RECORDS:
        what = f"{name} holds records, and of what must be said, as --modality tokens"
    elif path.is_file():
        what = f"{name} is a file of another kind"
    elif path.exists() or path.is_symlink():
        what = f"{name} is no file and no folder (a link to nothing, a pipe or a device)"
    else:
        what = f"there is no file or folder {name!r}"
    called = f", and the set is called {near[0]}" if near else ""
    return (
        f"{what}{called}; DATA is {', '.join(BUILT_IN[:-1])} or {BUILT_IN[-1]}, or the path of a"
        " folder of pictures (CLASS/*.jpg, or *.jpg), of an .npz file (numpy.savez(path, x=inputs,"
        " y=labels)) or of an .npy file of inputs alone"
    )


def _check_options(
    name: str, folder: bool, *, channels: str | None, **pictures: int | None
) -> None:
    """Refuse options that say nothing of such data."""
    for option, value in pictures.items():
        if value is not None and not folder:
            raise ValueError(
                f"--{option.replace('_', '-')} is for image folders, and {name} is none"
            )
    if channels is not None and not name.endswith(ARRAY_FILES):
        raise ValueError(f"--channels is for arrays, .npz files, and {name} is none; leave it out")


def _pictures(found: PictureFolder, value_range: tuple[float, float] | None) -> Dataset:
    return Dataset(
        name=found.name,
        modality=IMAGE,
        shape=found.shape,
        dtype=np.dtype(np.float32),
        indices=found.places,
        labels=found.labels,
        read=lambda position: scale_bytes(found.read(position), value_range),
        class_names=found.class_names,
        input_names=found.names,
        notes=found.notes,
    )


def _of_file(path: Path) -> Modality | None:
    """The kind of input that reads such files, or None."""
    fits = (one for one in all_modalities() if path.suffix.lower() in one.suffixes)
    return next(fits, None) if path.is_file() else None


def _file(
    path: Path,
    modality: Modality,
    *,
    unit: str | None,
    value_range: tuple[float, float] | None,
) -> Dataset:
    try:
        arrays = dict(modality.read_file(path))
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(
            f"{path} cannot be read as {modality.called}: {first_line(error)}"
        ) from error
    if "x" not in arrays:
        raise ValueError(f"{path} holds no {modality.called}")
    found = read_arrays(arrays, f"{path}: ", unit=unit or modality.unit, value_range=value_range)
    return replace(dataset_of(found, str(path)), raw=modality.raw(str(path), {}))


def _npz(
    path: Path, *, unit: str | None, channels: str | None, value_range: tuple[float, float] | None
) -> Dataset:
    found = read_npz(path, unit=unit, channels=channels, value_range=value_range)
    return dataset_of(found, str(path))
