"""Inputs that a person holds in memory, in the place of a data set that a name means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.array_dataset import dataset_of, label_range
from topcert.datasets.dataset import Dataset, select_inputs
from topcert.datasets.npz import Arrays, read_arrays
from topcert.datasets.reading import Reading
from topcert.files import first_line
from topcert.modalities.array_values import as_array
from topcert.modalities.ragged import ragged_or_none
from topcert.modalities.raw_input import RawInput
from topcert.theory.scalars import kind_in_words

TRIED: Final = 8  # items that are asked for twice
IN_MEMORY: Final = "in memory"  # the end of what manifests call such data


class DataInMemory(ABC):
    """Inputs in memory; `name` is what manifests and messages call them."""

    name: str

    @abstractmethod
    def all_inputs(self, reading: Reading, *, unit: str | None) -> Dataset:
        """All inputs. Raises ValueError where what they are is in doubt."""

    @final
    def load(self, reading: Reading, *, unit: str | None = None) -> Dataset:
        """The inputs that `reading` takes; its options for folders and files are refused."""
        given = {
            "--data-dir": reading.data_dir,
            "--resize": reading.resize,
            "--crop": reading.crop,
            "--skip-unreadable": reading.skip_unreadable or None,
        }
        for option, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{option} is for files, and the data is {self.name}; leave it out"
                )
        found = self.all_inputs(reading, unit=unit)
        return select_inputs(found, stride=reading.stride, limit=reading.limit)


@final
class ArraysInMemory(DataInMemory):
    """Arrays `(inputs, ...)`, labels `(inputs,)` or None, and training inputs or None; `unit` is
    what a feature is called where nobody says otherwise, None where the arrays must tell.
    """

    def __init__(
        self,
        x: Any,
        labels: Any = None,
        *,
        reference: Any = None,
        raw: RawInput | None = None,
        input_names: Sequence[str] | None = None,
        name: str = f"an array {IN_MEMORY}",
        unit: str | None = None,
    ) -> None:
        self.name, self._unit = name, unit
        ragged = ragged_or_none(x)
        self._arrays: dict[str, Any] = {"x": plain(x) if ragged is None else ragged}
        if labels is not None:
            self._arrays["y"] = plain(labels)
        if reference is not None:
            self._arrays["x_train"] = plain(reference)
        self._raw = raw
        self._input_names = None if input_names is None else tuple(input_names)

    def all_inputs(self, reading: Reading, *, unit: str | None) -> Dataset:
        found = read_arrays(
            self._arrays,
            "",
            unit=unit or self._unit,
            channels=reading.channels,
            value_range=reading.value_range,
            label_name="labels",
        )
        made = dataset_of(found, self.name)
        return replace(made, raw=self._raw, input_names=self._input_names)


@final
class ItemsInMemory(DataInMemory):
    """A torch Dataset: item i is an input, or a tuple of an input and its label.

    Inputs are read one at a time, whenever they are needed, so they need not fit into memory.
    """

    def __init__(self, items: Any, labels: Any = None) -> None:
        self.name = f"a torch Dataset {IN_MEMORY}"
        try:
            self._count = len(items)
        except TypeError as error:
            raise ValueError(
                f"{type(items).__name__} has no length: its inputs are a stream, and votes need"
                " inputs that can be read again; give a Dataset with __getitem__ and __len__"
            ) from error
        if not self._count:
            raise ValueError(f"{type(items).__name__} holds no inputs")
        self._items = items
        self._labels = labels

    def all_inputs(self, reading: Reading, *, unit: str | None) -> Dataset:
        first = self._input(0)
        for position in np.linspace(0, self._count - 1, min(self._count, TRIED)).astype(int):
            self._check_fixed(int(position))
        labels = self._labels
        if labels is None and len(self._item(0)) == 2:
            labels = [self._label(position) for position in range(self._count)]
        arrays = {"x": first[None]} | ({} if labels is None else {"y": plain(labels)[:1]})

        def read(value: NDArray[Any], what: str) -> Arrays:
            return read_arrays(
                arrays | {"x": value[None]},
                what,
                unit=unit,
                channels=reading.channels,
                value_range=reading.value_range,
            )

        example = read(first, "item 0: ")
        whole = read_arrays(
            {"x": np.zeros((self._count, 1))} | ({} if labels is None else {"y": plain(labels)}),
            "",
            label_name="labels",
        )

        def read_one(position: int) -> NDArray[np.floating]:
            value = self._input(position)
            if value.shape != first.shape or value.dtype != first.dtype:
                raise ValueError(
                    f"item {position} is {value.dtype} {value.shape}, item 0 {first.dtype}"
                    f" {first.shape}; all inputs of a run have one shape and one type"
                )
            return np.asarray(read(value, f"item {position}: ").x[0])

        made = dataset_of(example, self.name)
        return replace(
            made,
            indices=np.arange(self._count),
            labels=whole.labels,
            class_names=whole.class_names,
            sorted_names=whole.sorted_names,
            label_range=label_range(whole.labels),
            label_count=0 if whole.class_names or whole.labels is None else self._count,
            read=read_one,
        )

    def _check_fixed(self, position: int) -> None:
        """Raise ValueError where an input is another when it is asked for again."""
        one, again = self._input(position), self._input(position)
        if not np.array_equal(one, again, equal_nan=one.dtype.kind == "f"):
            raise ValueError(
                f"item {position} of {type(self._items).__name__} is another each time that it is"
                " asked for; a certified input must stay the same: switch random transforms off"
            )

    def _input(self, position: int) -> NDArray[Any]:
        return np.asarray(plain(self._item(position)[0]))

    def _label(self, position: int) -> Any:
        item = self._item(position)
        if len(item) < 2:
            raise ValueError(
                f"item 0 of {type(self._items).__name__} has a label and item {position} none; give"
                " labels= beside it, for all inputs"
            )
        return plain(item[1])

    def _item(self, position: int) -> tuple[Any, ...]:
        """An input, and its label where it has one."""
        item = self._items[position]
        if isinstance(item, Mapping):
            parts = f"{kind_in_words(item)} of {', '.join(map(repr, list(item)[:5]))}"
            raise ValueError(
                f"item {position} of {type(self._items).__name__} is {parts},"
                " and must be an input, or (input, label); give a Dataset that returns these of it"
            )
        if not isinstance(item, (tuple, list)):
            return (item,)
        if len(item) not in (1, 2):
            raise ValueError(
                f"item {position} of {type(self._items).__name__} has {len(item)} parts; it must be"
                " an input, or (input, label)"
            )
        return tuple(item)


def plain(values: Any) -> Any:
    """A tensor, wherever it lies, as an array; all else that makes one as that array."""
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = _of_tensor(values)
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise ValueError(
            f"the data is {kind_in_words(values)}, which is sparse; give its toarray()"
        )
    if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
        raise ValueError(
            "the array has masked values, and a certified input has a value everywhere; fill them:"
            " x.filled(value)"
        )
    if isinstance(values, (list, tuple)):
        values = [plain(value) for value in values]
    found = as_array(values, "the data")
    if found.dtype == object and all(isinstance(value, str) for value in found.flat):
        return found.astype(str)  # of pandas
    return found


def _of_tensor(values: Any) -> NDArray[Any]:
    """A tensor as an array. Raises ValueError, naming the fix, for one that NumPy has none of."""
    try:
        return np.asarray(values.detach().cpu().numpy())
    except (TypeError, RuntimeError) as error:
        layout, kind = str(values.layout), str(values.dtype)
        if layout != "torch.strided":
            raise ValueError(f"a tensor is sparse ({layout}); give its to_dense()") from error
        raise ValueError(
            f"a tensor is of {kind}, which NumPy does not have ({first_line(error)}); give its"
            " float()"
        ) from error
