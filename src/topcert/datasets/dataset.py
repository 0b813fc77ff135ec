"""A data set to certify: inputs that are read one at a time, their labels, and a fingerprint of
each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.modality import Modality
from topcert.modalities.raw_input import RawInput


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
    and median fills. `raw` says what the arrays are made of, where that is something else. `sizes`
    int64 `(inputs,)` are the numbers of features of inputs of a kind that may differ in them; then
    `shape` is that of the longest.
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
    sizes: NDArray[np.int64] | None = None

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
        return _fingerprint(self.read(position))

    def reader(self, hashes: Sequence[str], *, reads: str) -> Callable[[int], NDArray[np.floating]]:
        """`read`, which compares each input with its SHA-256 as it reads it.

        It raises ValueError where one differs; `reads` begins that: "a worker reads another".
        """

        def read(position: int) -> NDArray[np.floating]:
            x = self.read(position)
            if _fingerprint(x) != hashes[position]:
                raise ValueError(
                    f"{reads} {self.in_words(position)} than the run; leave the files as they are"
                    " until it is done, and give all workers the same"
                )
            return x

        return read


def _fingerprint(x: NDArray[np.floating]) -> str:
    x = np.ascontiguousarray(x)
    digest = hashlib.sha256(f"{x.shape}{x.dtype.str}".encode())
    digest.update(x.data)
    return digest.hexdigest()


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
        sizes=None if whole.sizes is None else whole.sizes[places],
        labels=None if whole.labels is None else whole.labels[places],
        read=lambda position: whole.read(int(places[position])),
        input_names=(
            None
            if whole.input_names is None
            else tuple(whole.input_names[place] for place in places)
        ),
    )
