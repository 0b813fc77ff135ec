"""The data sets that are known by a name: digits, CIFAR-10, ImageNet, ModelNet40 and generated
surfaces.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.cifar10 import CLASS_NAMES, HELD_OUT, load_cifar10
from topcert.datasets.dataset import Dataset
from topcert.datasets.imagenet import CROP, CUT, load_imagenet
from topcert.datasets.modelnet40 import load_modelnet40
from topcert.datasets.surfaces import CLASS_NAMES as SURFACE_NAMES
from topcert.datasets.surfaces import NUM_POINTS, label_surfaces, make_surfaces
from topcert.modalities.array_values import scale_bytes
from topcert.modalities.image import IMAGE
from topcert.modalities.points import POINTS

BUILT_IN: Final = (
    "digits",
    "cifar10",
    "cifar10-held-out",
    "imagenet",
    "modelnet40",
    "surfaces",
)  # names that never mean a folder


def digits_split() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """The UCI digits of scikit-learn in [0, 1], `(1797, 8, 8, 1)`, their labels, and which are test
    (every fifth).
    """
    from sklearn.datasets import load_digits  # imported here: it takes a second

    x, y = load_digits(return_X_y=True)
    images = (x / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    return images, y.astype(np.int64), np.arange(len(y)) % 5 == 0


def digits_set(value_range: tuple[float, float] | None) -> Dataset:
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


def cifar10_set(data_dir: Path | None, value_range: tuple[float, float] | None) -> Dataset:
    images, labels = load_cifar10("test", data_dir=data_dir)
    found = _of_cifar10("cifar10", images, labels, np.arange(len(labels)), value_range)
    return replace(
        found,
        read_reference=lambda: scale_bytes(
            load_cifar10("train", data_dir=data_dir)[0], value_range
        ),
    )


def cifar10_held_out_set(data_dir: Path | None, value_range: tuple[float, float] | None) -> Dataset:
    images, labels = load_cifar10("train", data_dir=data_dir)
    places = np.arange(len(labels))[-HELD_OUT:]
    return _of_cifar10("cifar10-held-out", images[places], labels[places], places, value_range)


def _of_cifar10(
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


def imagenet_set(data_dir: Path | None, value_range: tuple[float, float] | None) -> Dataset:
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


def modelnet40_set(data_dir: Path | None) -> Dataset:
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


def surfaces_set() -> Dataset:
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
