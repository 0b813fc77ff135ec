"""From what a person gives in Python to inputs in memory: arrays, tensors, DataFrames, Datasets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from topcert.datasets.casting import RowCast, check_columns
from topcert.datasets.data_in_memory import ArraysInMemory, DataInMemory, ItemsInMemory
from topcert.datasets.texts_in_memory import is_texts, texts_in_memory


def in_memory(x: Any, labels: Any = None, *, reference: Any = None) -> DataInMemory:
    """Inputs `x` with their labels; `reference` are training inputs, for the fills mean and median.

    `x` is an array or a tensor `(inputs, ...)`, a DataFrame (`labels` may be the name of one of its
    columns), a list of texts, a torch Dataset or a DataLoader that does not shuffle, or inputs that
    are in memory already. Raises ValueError for anything else, and where inputs are in doubt.
    """
    if isinstance(x, DataInMemory):
        _refuse(labels, "labels", x.name)
        _refuse(reference, "reference", x.name)
        return x
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(x, pandas.DataFrame):
        check_columns(x, label=labels if isinstance(labels, str) else None)
        inputs = x.drop(columns=labels) if isinstance(labels, str) else x
        return RowCast.of(inputs).in_memory(x, labels, reference=reference)
    if isinstance(labels, str):
        raise ValueError(
            f"labels={labels!r} names a column of a DataFrame, and x is none; give an array"
        )
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.utils.data.DataLoader):
        _refuse(reference, "reference", "a DataLoader")
        return ItemsInMemory(_items_of(x), labels)
    if torch is not None and isinstance(x, torch.utils.data.Dataset):
        _refuse(reference, "reference", "a torch Dataset")
        return ItemsInMemory(x, labels)
    if is_texts(x):
        _refuse(reference, "reference", "a list of texts")
        return texts_in_memory(x, labels)
    return ArraysInMemory(x, labels, reference=reference)


def in_memory_unless_named(x: Any, labels: Any = None) -> DataInMemory | None:
    """`in_memory`, or None where `x` is text, a path or nothing: data that is read as the command
    reads it. Raises ValueError for labels beside such data.
    """
    if x is not None and not isinstance(x, (str, Path)):
        return in_memory(x, labels)
    if labels is not None:
        if x is None:
            raise ValueError("labels of the folder's data lie beside its inputs; leave labels out")
        raise ValueError(
            f"x is {str(x)!r}, the name of data that is read with its labels, so labels go with"
            " arrays alone: leave labels out, or read the file yourself and give both"
        )
    return None


def _items_of(loader: Any) -> Any:
    """The data set of a loader, which only batches it."""
    import torch

    if not isinstance(loader.sampler, torch.utils.data.SequentialSampler):
        raise ValueError(
            f"the DataLoader draws its inputs by {type(loader.sampler).__name__}, in an order that"
            " is another each time; give its dataset, or shuffle=False"
        )
    batches = loader.batch_sampler
    if loader.drop_last or type(batches) not in (torch.utils.data.BatchSampler, type(None)):
        raise ValueError(
            "the DataLoader leaves inputs out (drop_last, or a batch_sampler of its own); give its"
            " dataset, or a Subset of it"
        )
    plain = torch.utils.data.default_collate
    if loader.collate_fn is not plain:
        raise ValueError(
            "the DataLoader makes its batches by a collate_fn of its own; do in the dataset what it"
            " does, one input at a time, and give that"
        )
    return loader.dataset


def _refuse(value: Any, name: str, what: str) -> None:
    if value is not None:
        raise ValueError(f"{name} goes with arrays, and x is {what}; leave it out")
