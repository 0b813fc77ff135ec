"""A data set to certify: inputs that are read one at a time, their labels, and a fingerprint of
each.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.cifar10 import CLASS_NAMES, HELD_OUT, load_cifar10
from topcert.datasets.folder import SUFFIXES
from topcert.datasets.imagenet import CROP, CUT, SUBSET, load_imagenet
from topcert.datasets.modelnet40 import holds_modelnet40, load_modelnet40
from topcert.datasets.npz import Arrays, read_arrays, read_npz
from topcert.datasets.picture_folder import PictureFolder, open_pictures
from topcert.datasets.pictures import ResizeAndCrop
from topcert.datasets.surfaces import CLASS_NAMES as SURFACE_NAMES
from topcert.datasets.surfaces import NUM_POINTS, label_surfaces, make_surfaces
from topcert.files import first_line
from topcert.modalities.array_values import check_range, scale_bytes
from topcert.modalities.image import IMAGE
from topcert.modalities.modality import Modality
from topcert.modalities.points import POINTS
from topcert.modalities.raw_input import RawInput
from topcert.modalities.registered_modalities import all_modalities

BUILT_IN: Final = (
    "digits",
    "cifar10",
    "cifar10-held-out",
    "imagenet",
    "modelnet40",
    "surfaces",
)  # names that never mean a folder


@final
@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Inputs to certify, in order.

    `read(i)` gives input i as a float array of `shape`: images `(H, W, C)`, tables `(columns,)`,
    sets of points `(points, coordinates)`. `indices` int64 `(inputs,)` are its places in the whole
    set; `labels` int64 `(inputs,)` or None. `input_names`, of photographs, are their files,
    relative to the folder, `CLASS/FILE`; `class_names` those of the labels 0, 1, ... `label_range`
    is the smallest and largest label of the whole set, which has `label_count` where they are
    numbers that somebody gave. `notes` are what a person should know of how it was read.
    `read_reference`, where there is one, gives training inputs, `(inputs, *shape)`, for the mean
    and median fills. `raw` says what the arrays are made of, where that is something else.
    """

    name: str
    modality: Modality
    shape: tuple[int, ...]
    dtype: np.dtype[np.floating]
    indices: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    read: Callable[[int], NDArray[np.floating]]
    class_names: tuple[str, ...] = ()
    sorted_names: bool = False  # of labels that are text, in the order of text, which is no one's
    input_names: tuple[str, ...] | None = None
    label_range: tuple[int, int] | None = None
    label_count: int = 0
    notes: tuple[str, ...] = ()
    read_reference: Callable[[], NDArray[np.floating]] | None = None
    raw: RawInput | None = None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def kind(self) -> str:
        """The name of the kind of input, such as "image"."""
        return self.modality.name

    def in_words(self, position: int) -> str:
        """An input as messages name it: "input 17 (cats/x.jpg)"."""
        named = "" if self.input_names is None else f" ({self.input_names[position]})"
        return f"input {self.indices[position]}{named}"

    def fingerprint_input(self, position: int) -> str:
        """SHA-256 of one input: its shape, its dtype and its bytes."""
        x = np.ascontiguousarray(self.read(position))
        return hashlib.sha256(f"{x.shape}{x.dtype.str}".encode() + x.tobytes()).hexdigest()


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
) -> Dataset:
    """The data set that `name` means: `digits`, `cifar10`, `cifar10-held-out` (the last 2,000 of
    its training images, by which to choose), `imagenet`, `modelnet40` (or its folder), the
    generated `surfaces`, a folder of pictures (`CLASS/*.jpg`, or unlabelled `*.jpg`), or an .npz
    file.

    Every `stride`-th input is taken, at most `limit`; by default all, but of CIFAR-10 the field's
    500 test images 0, 20, 40, ..., and of ImageNet `limit` (500) spread evenly: of all 50,000
    images 0, 100, 200, ... Of each picture of a folder the shorter side is made `resize` pixels and
    the central square of `crop` taken: the result, not the file, is the certified input (for
    ImageNet 224 pixels, after resizing). `skip_unreadable` leaves out pictures that cannot be read,
    and notes them. `unit` and `channels` say what the axes of an array are, as in `read_inputs`.
    Values of images lie in `value_range`, [0, 1] unless given; bytes are scaled to it. Raises
    ValueError where data is missing, empty, damaged, ragged, not finite, or in doubt.
    """
    if stride is not None and stride < 1:
        raise ValueError(f"--stride must be at least 1, got {stride}")
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1, got {limit}")
    folder = (
        name not in ("", *BUILT_IN) and Path(name).is_dir() and not holds_modelnet40(Path(name))
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
    if name == "digits":
        whole = _digits(value_range)
    elif name == "cifar10":
        whole = _cifar10(data_dir, value_range)
        stride, limit = (20 if stride is None else stride), (500 if limit is None else limit)
    elif name == "cifar10-held-out":
        whole = _cifar10_held_out(data_dir, value_range)
    elif name == "imagenet":
        whole = _imagenet(data_dir, value_range)
        if stride is None:  # images are sorted by class: the first few would be fish
            stride = max(1, -(-len(whole) // (limit or SUBSET)))
    elif name == "modelnet40" or holds_modelnet40(Path(name)):
        whole = _modelnet40(Path(name) if name != "modelnet40" else data_dir)
    elif name == "surfaces":
        whole = _surfaces()
    elif folder:
        cut = ResizeAndCrop(resize=resize, crop=crop)
        found = open_pictures(Path(name), cut, stride=stride, limit=limit, skip=skip_unreadable)
        raw = IMAGE.raw(name, {"resize": resize, "crop": crop})
        return replace(_pictures(found, value_range), raw=raw)
    elif name.endswith(".npz"):
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
    elif path.is_file():
        what = f"{name} is a file of another kind"
    elif path.exists() or path.is_symlink():
        what = f"{name} is no file and no folder (a link to nothing, a pipe or a device)"
    else:
        what = f"there is no file or folder {name!r}"
    called = f", and the set is called {near[0]}" if near else ""
    return (
        f"{what}{called}; DATA is {', '.join(BUILT_IN[:-1])} or {BUILT_IN[-1]}, or the path of a"
        " folder of pictures (CLASS/*.jpg, or *.jpg) or of an .npz file (numpy.savez(path,"
        " x=inputs, y=labels))"
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
    if channels is not None and not name.endswith(".npz"):
        raise ValueError(f"--channels is for arrays, .npz files, and {name} is none; leave it out")


def _places(whole: Dataset, stride: int | None, limit: int | None) -> NDArray[np.int64]:
    places = np.arange(0, len(whole), stride or 1)[:limit]
    if not len(places):
        raise ValueError(f"{whole.name} holds no inputs")
    return places


def select_inputs(whole: Dataset, *, stride: int | None, limit: int | None) -> Dataset:
    """Every `stride`-th input of a data set, at most `limit`. Raises ValueError where none is."""
    for option, value in (("--stride", stride), ("--limit", limit)):
        if value is not None and value < 1:
            raise ValueError(f"{option} must be at least 1, got {value}")
    places = _places(whole, stride, limit)
    return replace(
        whole,
        indices=whole.indices[places],
        labels=None if whole.labels is None else whole.labels[places],
        read=lambda position: whole.read(int(places[position])),
        input_names=(
            None
            if whole.input_names is None
            else tuple(whole.input_names[place] for place in places)
        ),
    )


def digits_split() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """The UCI digits of scikit-learn in [0, 1], `(1797, 8, 8, 1)`, their labels, and which are test
    (every fifth).
    """
    from sklearn.datasets import load_digits  # imported here: it takes a second

    x, y = load_digits(return_X_y=True)
    images = (x / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    return images, y.astype(np.int64), np.arange(len(y)) % 5 == 0


def _digits(value_range: tuple[float, float] | None) -> Dataset:
    images, labels, test = digits_split()
    if value_range is not None:
        low, high = value_range
        images = np.asarray(low + (high - low) * images.astype(np.float64), np.float32)
    held_out = images[test]
    return Dataset(
        name="digits",
        modality=IMAGE,
        shape=images.shape[1:],
        dtype=images.dtype,
        indices=np.flatnonzero(test),
        labels=labels[test],
        read=lambda position: held_out[position],
        class_names=tuple("0123456789"),
        read_reference=lambda: images[~test],
    )


def _cifar10(data_dir: Path | None, value_range: tuple[float, float] | None) -> Dataset:
    images, labels = load_cifar10("test", data_dir=data_dir)
    found = _cifar10_images("cifar10", images, labels, np.arange(len(labels)), value_range)
    return replace(
        found,
        read_reference=lambda: scale_bytes(
            load_cifar10("train", data_dir=data_dir)[0], value_range
        ),
    )


def _cifar10_held_out(data_dir: Path | None, value_range: tuple[float, float] | None) -> Dataset:
    images, labels = load_cifar10("train", data_dir=data_dir)
    places = np.arange(len(labels))[-HELD_OUT:]
    return _cifar10_images("cifar10-held-out", images[places], labels[places], places, value_range)


def _cifar10_images(
    name: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    value_range: tuple[float, float] | None,
) -> Dataset:
    return Dataset(
        name=name,
        modality=IMAGE,
        shape=images.shape[1:],
        dtype=np.dtype(np.float32),
        indices=indices,
        labels=labels,
        read=lambda position: scale_bytes(images[position], value_range),
        class_names=CLASS_NAMES,
    )


def _imagenet(data_dir: Path | None, value_range: tuple[float, float] | None) -> Dataset:
    images = load_imagenet(data_dir)
    return Dataset(
        name="imagenet",
        modality=IMAGE,
        shape=(CROP, CROP, 3),
        dtype=np.dtype(np.float32),
        indices=np.arange(len(images.labels)),
        labels=images.labels,
        read=lambda position: scale_bytes(images.read(position), value_range),
        class_names=images.class_names,
        input_names=images.names,
        raw=IMAGE.raw("imagenet", CUT),
    )


def _modelnet40(data_dir: Path | None) -> Dataset:
    points, labels, names = load_modelnet40("test", data_dir=data_dir)
    return Dataset(
        name="modelnet40",
        modality=POINTS,
        shape=points.shape[1:],
        dtype=points.dtype,
        indices=np.arange(len(labels)),
        labels=labels,
        read=lambda position: points[position],
        class_names=names,
    )


def _surfaces() -> Dataset:
    labels = label_surfaces("test")
    return Dataset(
        name="surfaces",
        modality=POINTS,
        shape=(NUM_POINTS, 3),
        dtype=np.dtype(np.float32),
        indices=np.arange(len(labels)),
        labels=labels,
        read=lambda position: make_surfaces("test", position, position + 1)[0],
        class_names=SURFACE_NAMES,
    )


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
    return replace(_of_arrays(path, found), raw=modality.raw(str(path), {}))


def _npz(
    path: Path, *, unit: str | None, channels: str | None, value_range: tuple[float, float] | None
) -> Dataset:
    found = read_npz(path, unit=unit, channels=channels, value_range=value_range)
    return _of_arrays(path, found)


def _of_arrays(path: Path, arrays: Arrays) -> Dataset:
    x, labels, reference = arrays.x, arrays.labels, arrays.reference
    return Dataset(
        name=str(path),
        modality=arrays.modality,
        shape=x.shape[1:],
        dtype=x.dtype,
        indices=np.arange(len(x)),
        labels=labels,
        read=lambda position: x[position],
        class_names=arrays.class_names,
        sorted_names=arrays.sorted_names,
        label_range=None if labels is None else (int(labels.min()), int(labels.max())),
        label_count=0 if labels is None or arrays.class_names else len(labels),
        notes=arrays.notes,
        read_reference=None if reference is None else lambda: reference,
    )
