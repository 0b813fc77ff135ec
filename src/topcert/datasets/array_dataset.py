"""Arrays as a data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.dataset import Dataset
from topcert.datasets.npz import Arrays


def label_range(labels: NDArray[np.int64] | None) -> tuple[int, int] | None:
    """The smallest and the largest label."""
    return None if labels is None else (int(labels.min()), int(labels.max()))


def dataset_of(arrays: Arrays, name: str) -> Dataset:
    """Arrays as a data set."""
    x, reference = arrays.x, arrays.reference
    return Dataset(
        name=name,
        modality=arrays.modality,
        shape=x.shape[1:],
        dtype=x.dtype,
        indices=np.arange(len(x)),
        labels=arrays.labels,
        read=lambda position: x[position],
        class_names=arrays.class_names,
        sorted_names=arrays.sorted_names,
        label_range=label_range(arrays.labels),
        label_count=0 if arrays.labels is None or arrays.class_names else len(arrays.labels),
        notes=arrays.notes,
        read_reference=None if reference is None else lambda: reference,
    )
