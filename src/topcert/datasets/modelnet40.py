"""ModelNet40 as point clouds: the official HDF5 release of PointNet's authors, read from disk or
downloaded.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from topcert.extras import need
from topcert.files import first_line

FOLDER: Final = "modelnet40_ply_hdf5_2048"
ARCHIVE_URL: Final = "https://shapenet.cs.stanford.edu/media/modelnet40_ply_hdf5_2048.zip"
# The one digest of the archive that is public: several loaders pin it, openpoints (of PointNeXt)
# among them. MD5 tells a damaged download, not a forged one; nothing in the archive is run.
ARCHIVE_HASH: Final = "md5:c9ab8e6dfb16f67afdab25e155c79e59"
NUM_CLASSES: Final = 40
NUM_POINTS: Final = 2048


def load_modelnet40(
    split: Literal["train", "test"], *, data_dir: Path | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64], tuple[str, ...]]:
    """Points float32 `(inputs, 2048, 3)`, labels int64 `(inputs,)` in the official order, and the
    names of the classes.

    `data_dir` is, or holds, the folder `modelnet40_ply_hdf5_2048`; without it the official archive
    is downloaded once into the user's cache. Every file of the split is read and checked here (60
    MB of test shapes take a second): damage is better known before a run than in the middle of it.
    Names are `shape_names.txt`, or "0" .. "39" where there is no such file. Raises ValueError where
    a file is missing, damaged or cannot be fetched, or h5py is not installed.
    """
    _h5py()  # better known before a download than after it
    folder = _find(data_dir) if data_dir is not None else _download()
    paths = _listed(folder, split)
    sizes = [_size(path) for path in paths]
    points = np.empty((sum(sizes), NUM_POINTS, 3), np.float32)
    labels = np.empty(len(points), np.int64)
    start = 0
    for path, size in zip(paths, sizes, strict=True):
        part = slice(start, start + size)
        _fill(path, points[part], labels[part])
        start += size
    return points, labels, _names(folder)


def holds_modelnet40(folder: Path) -> bool:
    """Whether `folder` itself looks like the release."""
    return (folder / "test_files.txt").is_file()


def _find(data_dir: Path) -> Path:
    for folder in (data_dir / FOLDER, data_dir):
        if holds_modelnet40(folder):
            return folder
    raise ValueError(
        f"--data-dir {data_dir} neither is nor holds the folder {FOLDER} (test_files.txt,"
        " ply_data_test0.h5, ...); name the folder that does, or leave --data-dir out to download"
        " ModelNet40"
    )


def _download() -> Path:
    pooch = need("pooch", extra="data", doing="downloading ModelNet40")
    cache = Path(pooch.os_cache("topcert"))
    folder = cache / "modelnet40" / FOLDER
    if _is_whole(folder):
        return folder
    try:
        pooch.retrieve(
            ARCHIVE_URL,
            known_hash=ARCHIVE_HASH,
            path=cache,
            fname=f"{FOLDER}.zip",
            processor=pooch.Unzip(extract_dir="modelnet40"),
            progressbar=False,
        )
    except Exception as error:  # whatever the network throws, the person needs the one way out
        reason = first_line(error)
        raise ValueError(
            f"ModelNet40 could not be downloaded ({reason[:120]}); "
            f"fetch {FOLDER}.zip elsewhere, unpack it and pass its folder as --data-dir"
        ) from error
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether every file that the lists name is there: a kill while unpacking leaves some of
    them.
    """
    lists = [folder / f"{split}_files.txt" for split in ("train", "test")]
    return all(path.is_file() for path in lists) and all(
        (folder / PurePosixPath(line).name).is_file() for path in lists for line in _lines(path)
    )


def _listed(folder: Path, split: str) -> list[Path]:
    """The files of a split: those that its list names, each by its base name."""
    path = folder / f"{split}_files.txt"
    if not path.is_file():
        raise ValueError(f"{folder} lacks {path.name}; the data set is incomplete, fetch it again")
    names = [PurePosixPath(line).name for line in _lines(path)]
    if not names:
        raise ValueError(f"{path} names no files; the data set is incomplete, fetch it again")
    if len(set(names)) < len(names):
        raise ValueError(
            f"{path} names {next(name for name in names if names.count(name) > 1)} twice; fetch it"
            " again"
        )
    for name in names:
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder} lacks {name}, which {path.name} names; the data set is incomplete, fetch"
                " it again"
            )
    for found in sorted(folder.glob(f"ply_data_{split}*.h5")):
        if found.name not in names:
            raise ValueError(
                f"{path} leaves out {found.name}, which lies beside it; mend the list, or fetch it"
                " again"
            )
    return [folder / name for name in names]


def _lines(path: Path) -> list[str]:
    try:
        return [
            line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file ({error.reason}); fetch it again") from error


def _h5py() -> Any:
    return need("h5py", extra="points", doing="reading ModelNet40")


def _size(path: Path) -> int:
    """Number of shapes in a file, whose layout is checked on the way."""
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            shapes = {
                name: (tuple(file[name].shape), file[name].dtype) for name in ("data", "label")
            }
    except Exception as error:  # a damaged file can raise anything
        raise _unreadable(path, error) from error
    (points, kind), (labels, label_kind) = shapes["data"], shapes["label"]
    if len(points) != 3 or points[1:] != (NUM_POINTS, 3) or kind.kind != "f":
        raise ValueError(
            f"{path}: data must be floats of shape (shapes, {NUM_POINTS}, 3), got {kind} {points}"
        )
    if labels not in ((points[0], 1), (points[0],)) or label_kind.kind not in "iu":
        raise ValueError(
            f"{path}: label must be integers of shape ({points[0]}, 1), got {label_kind} {labels}"
        )
    if points[0] == 0:
        raise ValueError(f"{path} holds no shapes; fetch it again")
    return int(points[0])


def _fill(path: Path, points: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    """Read a file into its places of the whole."""
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            file["data"].read_direct(points)
            labels[:] = file["label"][...].reshape(-1)
    except Exception as error:
        raise _unreadable(path, error) from error
    for label in (labels.min(), labels.max()):
        if not 0 <= label < NUM_CLASSES:
            raise ValueError(
                f"{path} holds the label {label}, ModelNet40 has 0 .. {NUM_CLASSES - 1}; the file"
                " is damaged"
            )
    if not np.isfinite(points).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(points))[0])
        raise ValueError(
            f"{path} holds {points[place]} at {place} of data; a certificate needs finite inputs,"
            " fetch it again"
        )


def _unreadable(path: Path, error: Exception) -> ValueError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ValueError(
        f"{path} is not a readable HDF5 file with data and label ({reason[:120]}); fetch it again"
    )


def _names(folder: Path) -> tuple[str, ...]:
    path = folder / "shape_names.txt"
    if not path.is_file():
        return tuple(str(label) for label in range(NUM_CLASSES))
    names = tuple(_lines(path))
    if len(names) != NUM_CLASSES:
        raise ValueError(
            f"{path} holds {len(names)} names, ModelNet40 has {NUM_CLASSES} classes; fetch it"
            " again, or remove it"
        )
    return names
