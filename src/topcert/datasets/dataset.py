"""A data set to certify: inputs that are read one at a time, their labels, and a fingerprint of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.cifar10 import CLASS_NAMES, load_cifar10
from topcert.datasets.imagenet import CROP, SUBSET, load_imagenet
from topcert.datasets.images import central_square, decode, images_of_class
from topcert.datasets.modelnet40 import holds_modelnet40, load_modelnet40
from topcert.datasets.surfaces import CLASS_NAMES as SURFACE_NAMES
from topcert.datasets.surfaces import NUM_POINTS, label_surfaces, make_surfaces

Kind = Literal["image", "table", "points"]
BUILT_IN: Final = ("digits", "cifar10", "imagenet", "modelnet40", "surfaces")  # names that never mean a folder


@final
@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Inputs to certify, in order.

    `read(i)` gives input i as a float array of `shape`: images `(H, W, C)`, tables `(columns,)`, sets of points
    `(points, coordinates)`. `indices` int64 `(inputs,)` are its places in the whole set; `labels` int64 `(inputs,)` or
    None. `input_names`, of photographs, are their files, relative to the folder, `CLASS/FILE`; `class_names` those of the
    labels 0, 1, ... `read_reference`, where there is one, gives training inputs, `(inputs, *shape)`, for the mean and
    median fills.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    dtype: np.dtype[np.floating]
    indices: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    read: Callable[[int], NDArray[np.floating]]
    class_names: tuple[str, ...] = ()
    input_names: tuple[str, ...] | None = None
    read_reference: Callable[[], NDArray[np.floating]] | None = None

    def __len__(self) -> int:
        return len(self.indices)

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
) -> Dataset:
    """The data set that `name` means: `digits`, `cifar10`, `imagenet`, `modelnet40` (or its folder), the generated
    `surfaces`, a folder of `CLASS/*.jpg|png`, or an .npz file.

    Every `stride`-th input is taken, at most `limit`; by default all, but of CIFAR-10 the field's 500 test images 0, 20,
    40, ..., and of ImageNet `limit` (500) spread evenly: of all 50,000 images 0, 100, 200, ... `crop` takes the central
    square of that many pixels from each image of a folder: the crop, not the file, is the certified input (for ImageNet
    224 pixels, after resizing). Raises ValueError where data is missing, empty, damaged, ragged or not finite.
    """
    if stride is not None and stride < 1:
        raise ValueError(f"--stride must be at least 1, got {stride}")
    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1, got {limit}")
    if crop is not None and (name in BUILT_IN or not Path(name).is_dir()):
        raise ValueError(f"--crop is for image folders, and {name} is none")
    if name == "digits":
        whole = _digits()
    elif name == "cifar10":
        whole = _cifar10(data_dir)
        stride, limit = (20 if stride is None else stride), (500 if limit is None else limit)
    elif name == "imagenet":
        whole = _imagenet(data_dir)
        if stride is None:  # images are sorted by class: the first few would be fish
            stride = max(1, -(-len(whole) // (limit or SUBSET)))
    elif name == "modelnet40" or holds_modelnet40(Path(name)):
        if crop is not None:
            raise ValueError(f"--crop is for image folders, and {name} holds sets of points")
        whole = _modelnet40(Path(name) if name != "modelnet40" else data_dir)
    elif name == "surfaces":
        whole = _surfaces()
    elif Path(name).is_dir():
        whole = _image_folder(Path(name), crop)
    elif name.endswith(".npz"):
        whole = _npz(Path(name))
    else:
        raise ValueError(
            f"unknown data {name!r}; give digits, cifar10, imagenet, modelnet40, surfaces, an image folder (CLASS/*.jpg) "
            "or an .npz file (numpy.savez(path, x=inputs, y=labels))"
        )
    places = np.arange(0, len(whole), stride or 1)[:limit]
    if not len(places):
        raise ValueError(f"{name} holds no inputs")
    return Dataset(
        name=name,
        kind=whole.kind,
        shape=whole.shape,
        dtype=whole.dtype,
        indices=whole.indices[places],
        labels=None if whole.labels is None else whole.labels[places],
        read=lambda position: whole.read(int(places[position])),
        class_names=whole.class_names,
        input_names=None if whole.input_names is None else tuple(whole.input_names[place] for place in places),
        read_reference=whole.read_reference,
    )


def digits_split() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """The UCI digits of scikit-learn in [0, 1], `(1797, 8, 8, 1)`, their labels, and which are test (every fifth)."""
    from sklearn.datasets import load_digits  # imported here: it takes a second

    x, y = load_digits(return_X_y=True)
    images = (x / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    return images, y.astype(np.int64), np.arange(len(y)) % 5 == 0


def _digits() -> Dataset:
    images, labels, test = digits_split()
    held_out = images[test]
    return Dataset(
        name="digits",
        kind="image",
        shape=images.shape[1:],
        dtype=images.dtype,
        indices=np.flatnonzero(test),
        labels=labels[test],
        read=lambda position: held_out[position],
        class_names=tuple("0123456789"),
        read_reference=lambda: images[~test],
    )


def _cifar10(data_dir: Path | None) -> Dataset:
    images, labels = load_cifar10("test", data_dir=data_dir)
    return Dataset(
        name="cifar10",
        kind="image",
        shape=images.shape[1:],
        dtype=np.dtype(np.float32),
        indices=np.arange(len(labels)),
        labels=labels,
        read=lambda position: scale_bytes(images[position]),
        class_names=CLASS_NAMES,
        read_reference=lambda: scale_bytes(load_cifar10("train", data_dir=data_dir)[0]),
    )


def _imagenet(data_dir: Path | None) -> Dataset:
    images = load_imagenet(data_dir)
    return Dataset(
        name="imagenet",
        kind="image",
        shape=(CROP, CROP, 3),
        dtype=np.dtype(np.float32),
        indices=np.arange(len(images.labels)),
        labels=images.labels,
        read=lambda position: scale_bytes(images.read(position)),
        class_names=images.class_names,
        input_names=images.names,
    )


def _modelnet40(data_dir: Path | None) -> Dataset:
    points, labels, names = load_modelnet40("test", data_dir=data_dir)
    return Dataset(
        name="modelnet40",
        kind="points",
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
        kind="points",
        shape=(NUM_POINTS, 3),
        dtype=np.dtype(np.float32),
        indices=np.arange(len(labels)),
        labels=labels,
        read=lambda position: make_surfaces("test", position, position + 1)[0],
        class_names=SURFACE_NAMES,
    )


def scale_bytes(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bytes 0 .. 255 as float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def _image_folder(folder: Path, crop: int | None) -> Dataset:
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files = [(path, label) for label, part in enumerate(classes) for path in images_of_class(part)]
    if not files:
        raise ValueError(f"{folder} holds no images; expected CLASS/*.jpg or CLASS/*.png")
    shape = _read_image(files[0][0], crop, None).shape

    def read(position: int) -> NDArray[np.floating]:
        return _read_image(files[position][0], crop, shape)

    return Dataset(
        name=str(folder),
        kind="image",
        shape=shape,
        dtype=np.dtype(np.float32),
        indices=np.arange(len(files)),
        labels=np.array([label for _, label in files], np.int64),
        read=read,
        class_names=tuple(part.name for part in classes),
        input_names=tuple(path.relative_to(folder).as_posix() for path, _ in files),
    )


def _read_image(path: Path, crop: int | None, shape: tuple[int, ...] | None) -> NDArray[np.float32]:
    pixels = np.asarray(decode(path, str(path)))
    if crop is not None:
        height, width = pixels.shape[:2]
        if not 1 <= crop <= min(height, width):
            raise ValueError(f"--crop {crop} does not fit {path}, which is {width} x {height} pixels; crop less")
        pixels = central_square(pixels, crop)
    if shape is not None and pixels.shape != shape:
        raise ValueError(
            f"{path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, the first image {shape[1]} x {shape[0]}; "
            "pass --crop to certify a central square of each"
        )
    return scale_bytes(pixels)


def _npz(path: Path) -> Dataset:
    if not path.is_file():
        raise ValueError(f"{path} does not exist")
    try:
        with path.open("rb") as file:  # NumPy leaves a file that it cannot read open
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("it is a single array; write it with numpy.savez(path, x=array)")
            arrays = {key: archive[key] for key in ("x", "y", "x_train") if key in archive.files}
            present = archive.files
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(f"{path} is not a readable .npz file ({error})") from error
    if "x" not in arrays:
        raise ValueError(f"{path} has no array x; it has: {', '.join(present) or 'nothing'}")
    x = _as_floats(arrays["x"], f"{path}: x")
    kinds: dict[int, Kind] = {2: "table", 3: "points", 4: "image"}
    if x.ndim not in kinds:
        raise ValueError(
            f"{path}: x must be (inputs, features), (inputs, points, coordinates) or (inputs, height, width, channels), "
            f"got shape {x.shape}"
        )
    if x.size == 0:
        raise ValueError(f"{path}: x is empty, of shape {x.shape}")
    labels = arrays.get("y")
    if labels is not None:
        if labels.dtype.kind not in "iu" or labels.shape != x.shape[:1]:
            raise ValueError(f"{path}: y must be integers of shape ({len(x)},), got {labels.dtype} {labels.shape}")
        for label in (labels.min(), labels.max()):
            if not 0 <= label < 2**31:
                raise ValueError(f"{path}: y holds the label {label}; labels are class indices from 0")
        labels = labels.astype(np.int64)
    reference = arrays.get("x_train")
    if reference is not None:
        reference = _as_floats(reference, f"{path}: x_train")
        if reference.shape[1:] != x.shape[1:]:
            raise ValueError(f"{path}: x_train holds inputs of shape {reference.shape[1:]}, x of {x.shape[1:]}")
        if reference.size == 0:
            raise ValueError(f"{path}: x_train is empty, of shape {reference.shape}")
    return Dataset(
        name=str(path),
        kind=kinds[x.ndim],
        shape=x.shape[1:],
        dtype=x.dtype,
        indices=np.arange(len(x)),
        labels=labels,
        read=lambda position: x[position],
        read_reference=None if reference is None else lambda: reference,
    )


def _as_floats(x: NDArray[np.generic], what: str) -> NDArray[np.floating]:
    if x.dtype == np.uint8:
        return scale_bytes(x)  # type: ignore[arg-type]
    if x.dtype.kind in "iub":
        return x.astype(np.float64)
    if x.dtype not in (np.float32, np.float64):
        raise ValueError(f"{what} must hold bytes, integers, float32 or float64, got {x.dtype}")
    if not np.isfinite(x).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise ValueError(f"{what} holds {x[place]} at {place}; replace it, a certificate needs finite inputs")
    return x  # type: ignore[return-value]
