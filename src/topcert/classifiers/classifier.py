"""What topcert asks of a classifier, and the one rule that turns scores into labels."""

from __future__ import annotations

import re
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from topcert.files import first_line


class Classifier(Protocol):
    """A deterministic function from a batch of ablated inputs to labels, int64 `(B,)` in 0 .. num_classes - 1.

    `fingerprint` (SHA-256, hex) names the function that it computes, `runtime` the library and device that compute it
    ("LIBRARY VERSION, cpu KIND", or a GPU): together with the batch shape they decide every vote. `batch_size` is None
    unless only one size is possible. The batch is never written to: it is the encoder's buffer, and what is written there
    would show in the next batch.
    """

    @property
    def num_classes(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def runtime(self) -> str: ...
    @property
    def batch_size(self) -> int | None: ...
    def __call__(self, batch: NDArray[np.floating]) -> NDArray[np.int64]: ...


def labels_of(output: Any, *, batch_size: int, num_classes: int) -> NDArray[np.int64]:
    """Labels int64 `(B,)` from an output: labels as they are, scores `(B, num_classes)` by the first largest.

    Raises ValueError where the output has another shape, a label is out of range, or a score is NaN or infinite.
    """
    found = np.asarray(output)
    if found.ndim == 2 and found.dtype.kind in "fiu":
        if found.shape != (batch_size, num_classes):
            raise ValueError(
                f"the model gave scores of shape {found.shape} for a batch of {batch_size} "
                f"and {num_classes} classes; expected ({batch_size}, {num_classes})"
            )
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            row, column = np.argwhere(~np.isfinite(found))[0]
            raise ValueError(
                f"the model gave the score {found[row, column]} for class {column}; "
                "a vote needs finite scores, so mend the model or clip its output"
            )
        return np.asarray(found.argmax(axis=1), np.int64)
    if found.shape != (batch_size,) or found.dtype.kind not in "iu":
        raise ValueError(
            f"the model gave {found.dtype} of shape {found.shape} for a batch of {batch_size}; "
            f"expected scores ({batch_size}, {num_classes}) or integer labels ({batch_size},)"
        )
    if found.size and not (found.min() >= 0 and found.max() < num_classes):
        bad = found[(found < 0) | (found >= num_classes)][0]
        raise ValueError(f"the model gave the label {bad}; with {num_classes} classes labels are 0 .. {num_classes - 1}")
    return found.astype(np.int64)


def width_of(output: Any) -> int | None:
    """The number of classes that an output shows: the width of scores, None for labels."""
    found = np.asarray(output)
    return int(found.shape[1]) if found.ndim == 2 else None


def check_device(name: str) -> None:
    """Raises ValueError for a name that is not of a device."""
    if re.fullmatch("auto|cpu|cuda(:[0-9]+)?", name) is None:
        raise ValueError(f"--device must be auto, cpu, cuda or cuda:N, got {name!r}")


def failure(shape: tuple[int, ...], error: BaseException) -> str:
    """What to tell a person whose model failed on a batch of `shape`, and the usual reason."""
    return (
        f"the model failed on a batch of shape {shape}: {type(error).__name__}: {first_line(error)}; is it made for this "
        "encoding? six-channel gives twice the channels of an image (constant and infill as many as it has), channel first"
    )
