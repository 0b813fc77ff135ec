"""Files laid out as the official HDF5 release of ModelNet40, a few shapes each."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

SIZES = {
    "ply_data_train0.h5": 4,
    "ply_data_train1.h5": 3,
    "ply_data_test0.h5": 3,
    "ply_data_test1.h5": 2,
}
NAMES = tuple(f"thing {label}" for label in range(40))


def make_shapes(name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The shapes and labels of a file, the same at every call."""
    generator = np.random.default_rng(list(name.encode()))
    size = SIZES[name]
    points = generator.uniform(-1, 1, (size, 2048, 3)).astype(np.float32)
    return points, generator.integers(0, 40, (size, 1)).astype(np.uint8)


def write_shapes(path: Path, points: object, labels: object) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "data", data=points, compression="gzip" if isinstance(points, np.ndarray) else None
        )
        file.create_dataset("label", data=labels)


def write_release(folder: Path, *, names: bool = True) -> Path:
    """The whole folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SIZES:
        write_shapes(folder / name, *make_shapes(name))
    for split in ("train", "test"):
        listed = [f"data/modelnet40_ply_hdf5_2048/{name}\n" for name in SIZES if split in name]
        (folder / f"{split}_files.txt").write_text("".join(listed), encoding="utf-8")
    if names:
        (folder / "shape_names.txt").write_text(
            "".join(f"{name}\n" for name in NAMES), encoding="utf-8"
        )
    return folder
