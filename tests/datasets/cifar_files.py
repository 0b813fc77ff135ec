"""CIFAR-10 files in small: both official layouts, the pickled one as Python 2 wrote it."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PER_FILE: Final = 30
TEST: Final = ("test_batch",)
TRAIN: Final = tuple(f"data_batch_{i}" for i in range(1, 6))


def make_records(name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images `(PER_FILE, 3, 32, 32)` and labels of the file `name`; every file has its own."""
    generator = np.random.default_rng([ord(letter) for letter in name])
    return generator.integers(0, 256, (PER_FILE, 3, 32, 32), np.uint8), generator.integers(
        0, 10, PER_FILE
    )


def write_binary(folder: Path, names: Iterable[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        images, labels = make_records(name)
        records = np.concatenate(
            [labels[:, None].astype(np.uint8), images.reshape(PER_FILE, -1)], axis=1
        )
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return folder


def write_pickled(folder: Path, names: Iterable[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        images, labels = make_records(name)
        (folder / name).write_bytes(python2_pickle(images.reshape(PER_FILE, -1), labels.tolist()))
    return folder


def python2_pickle(data: NDArray[np.uint8], labels: list[int]) -> bytes:
    """The official batches, opcode by opcode: protocol 2, byte strings, the NumPy module names of
    old.
    """
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    shape = b"".join(b"J" + size.to_bytes(4, "little") for size in data.shape) + b"\x86"
    dtype = (
        b"cnumpy\ndtype\n"
        + _text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + _text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    raw = b"T" + data.size.to_bytes(4, "little") + data.tobytes()
    made = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + _text(b"b") + b"\x87R"
    )
    array = made + b"(K\x01" + shape + dtype + b"\x89" + raw + b"tb"
    entries = [
        _text(b"batch_label"),
        _text(b"one"),
        _text(b"data"),
        array,
        _text(b"labels"),
        listed,
    ]
    return b"\x80\x02}(" + b"".join(entries) + b"u."


def python3_pickle(data: Any, labels: Any, protocol: int = 2) -> bytes:
    """What a person gets who loads a batch and dumps it again."""
    return pickle.dumps({b"data": data, b"labels": labels}, protocol=protocol)


def _text(value: bytes) -> bytes:
    return b"U" + bytes([len(value)]) + value
