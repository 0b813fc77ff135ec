"""CIFAR-10 in its two official layouts, read from disk or downloaded with a checksum."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import IO, Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.extras import need
from topcert.files import first_line

CLASS_NAMES: Final = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
# the last training images, by which choices are made that the test set must not make
HELD_OUT: Final = 2_000
ARCHIVE_URL: Final = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE_HASH: Final = "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"

_IMAGE_BYTES: Final = 3 * 32 * 32
_PER_FILE: Final = 10_000
_FILES: Final = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}


def load_cifar10(
    split: Literal["train", "test"], *, data_dir: Path | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 `(inputs, 32, 32, 3)` and labels int64 `(inputs,)`, in the official order.

    `data_dir` is, or holds, `cifar-10-batches-bin` or `cifar-10-batches-py`; without it the
    official archive is downloaded once into the user's cache. Raises ValueError where a file is
    missing, damaged or cannot be fetched, or pooch, which fetches it, is not installed.
    """
    folder = _find(data_dir) if data_dir is not None else _download()
    parts = [_read(folder, name) for name in _FILES[split]]
    images = (
        np.concatenate([part[0] for part in parts]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    )
    labels = np.concatenate([part[1] for part in parts])
    for label in (labels.min(), labels.max()):
        if not 0 <= label < len(CLASS_NAMES):
            raise ValueError(
                f"{folder} holds the label {label}, CIFAR-10 has 0 .. 9; the files are damaged"
            )
    return np.ascontiguousarray(images), labels


def _find(data_dir: Path) -> Path:
    for folder in (data_dir / "cifar-10-batches-bin", data_dir / "cifar-10-batches-py", data_dir):
        if (folder / "test_batch.bin").is_file() or (folder / "test_batch").is_file():
            return folder
    raise ValueError(
        f"--data-dir {data_dir} holds neither cifar-10-batches-bin nor cifar-10-batches-py; "
        "name the folder that does, or leave --data-dir out to download CIFAR-10"
    )


def _download() -> Path:
    pooch = need("pooch", extra="data", doing="downloading CIFAR-10")
    cache = Path(pooch.os_cache("topcert"))
    folder = cache / "cifar10" / "cifar-10-batches-bin"
    if all((folder / f"{name}.bin").is_file() for names in _FILES.values() for name in names):
        return folder
    try:
        pooch.retrieve(
            ARCHIVE_URL,
            known_hash=ARCHIVE_HASH,
            path=cache,
            fname="cifar-10-binary.tar.gz",
            processor=pooch.Untar(extract_dir="cifar10"),
            progressbar=False,
        )
    except Exception as error:  # whatever the network throws, the person needs the one way out
        reason = first_line(error)
        raise ValueError(
            f"CIFAR-10 could not be downloaded ({reason[:120]}); "
            "fetch cifar-10-binary.tar.gz elsewhere, unpack it and pass its folder as --data-dir"
        ) from error
    return folder


def _read(folder: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    binary = folder / f"{name}.bin"
    if binary.is_file():
        records = np.fromfile(binary, np.uint8)
        if records.size != _PER_FILE * (1 + _IMAGE_BYTES):
            raise ValueError(
                f"{binary} has {records.size} bytes, CIFAR-10 has {_PER_FILE * (1 + _IMAGE_BYTES)};"
                " fetch it again"
            )
        records = records.reshape(_PER_FILE, 1 + _IMAGE_BYTES)
        return records[:, 1:], records[:, 0].astype(np.int64)
    pickled = folder / name
    if not pickled.is_file():
        raise ValueError(
            f"{folder} lacks {name}.bin (or {name}); the data set is incomplete, fetch it again"
        )
    try:
        with pickled.open("rb") as file:
            batch = _PlainUnpickler(file, encoding="bytes").load()
        images, labels = (
            part.values if isinstance(part, _PickledArray) else np.asarray(part)
            for part in (batch[b"data"], batch[b"labels"])
        )
        if images.dtype != np.uint8 or labels.dtype.kind not in "iu":
            raise TypeError(f"images are {images.dtype} and labels {labels.dtype}")
        images = images.reshape(-1, _IMAGE_BYTES)
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(f"{pickled} is not a CIFAR-10 batch ({error}); fetch it again") from error
    if not len(images) == len(labels) == _PER_FILE:
        raise ValueError(
            f"{pickled} holds {len(images)} images and {len(labels)} labels, CIFAR-10 has"
            f" {_PER_FILE} of each; fetch it again"
        )
    return images, labels.astype(np.int64)


@final
class _PickledDtype:
    """Stands in for `numpy.dtype`: its code, then its byte order."""

    def __init__(self, code: bytes | str, *_: Any) -> None:
        self._code, self._order = _text(code), ""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = _text(state[1])

    def made(self) -> np.dtype[Any]:
        if not re.fullmatch("[<>|=]?[iu][1248]", self._order + self._code):
            raise TypeError(f"its arrays are {self._order + self._code}, not whole numbers")
        return np.dtype(self._order + self._code)


@final
class _PickledArray:
    """Stands in for `numpy.ndarray`, whose own reading of a pickle trusts what stands there, memory
    addresses too.
    """

    values: NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        self.values = np.frombuffer(raw, dtype.made()).reshape(shape, order="F" if fortran else "C")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@final
class _PlainUnpickler(pickle.Unpickler):
    """Reads arrays of whole numbers and built-in containers, nothing that could run code."""

    def __init__(self, file: IO[bytes], *, encoding: str) -> None:
        super().__init__(file, encoding=encoding)

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy", "ndarray"): _PickledArray,
            ("numpy", "dtype"): _PickledDtype,
            ("numpy.core.multiarray", "_reconstruct"): lambda *_: _PickledArray(),
            ("numpy._core.multiarray", "_reconstruct"): lambda *_: _PickledArray(),
            ("_codecs", "encode"): lambda text, encoding: text.encode(encoding),
        }
        if (module, name) in allowed:
            return allowed[module, name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no CIFAR-10 batch does")
