"""Rows of a DataFrame as arrays, each row by itself.

pandas infers types over all rows: one text among numbers makes a whole column text, and the code of
a category may depend on which others occur. A certificate of one row must not depend on another
row, so each cell is cast by its own column's rule, which is fixed beforehand.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.data_in_memory import ArraysInMemory
from topcert.modalities.raw_input import RawInput
from topcert.modalities.table import DATA_FRAME, ROW
from topcert.theory.scalars import kind_in_words


@final
@dataclass(frozen=True, kw_only=True)
class ColumnCast:
    """How the cells of one column become numbers.

    Parameters
    ----------
    name
        The column.
    categories
        Its categories, whose places 0, 1, ... are the numbers; None where it holds numbers or
        booleans.
    """

    name: str
    categories: tuple[Any, ...] | None = None

    def __call__(self, cell: Any) -> float:
        """One cell as a number. Raises ValueError, naming it, where it has none."""
        if self.categories is not None:
            if cell not in self.categories:
                raise ValueError(
                    f"column {self.name!r} holds {cell!r}, which is none of its categories"
                    f" {', '.join(map(repr, self.categories[:5]))}"
                )
            return float(self.categories.index(cell))
        if isinstance(cell, (str, bytes)) or cell is None:
            raise ValueError(f"column {self.name!r} holds {cell!r}, which is no number")
        try:
            value = float(cell)
        except (TypeError, ValueError) as error:
            raise ValueError(f"column {self.name!r} holds {cell!r}, which is no number") from error
        if isinstance(cell, (int, np.integer)) and int(value) != int(cell):
            raise ValueError(
                f"column {self.name!r} holds {cell}, which no double is; scale it down"
            )
        return value

    def in_words(self) -> str:
        """One line on what becomes of a cell."""
        if self.categories is None:
            return f"{self.name}: the number itself"
        shown = ", ".join(f"{value} is {place}" for place, value in enumerate(self.categories[:4]))
        return f"{self.name}: {shown}{', ...' if len(self.categories) > 4 else ''}"


@final
@dataclass(frozen=True, kw_only=True)
class RowCast:
    """How a DataFrame becomes an array, row by row: one number a column.

    Parameters
    ----------
    columns
        How the cells of each column are cast, in the order of the array; `RowCast.of` makes them
        from the types of a DataFrame.

    Examples
    --------
    >>> cast = RowCast(columns=(ColumnCast(name="age"),
    ...                         ColumnCast(name="colour", categories=("red", "blue"))))
    >>> print(cast.raw.in_words(unit="column"))  # doctest: +ELLIPSIS
    of a row of a DataFrame, one changed column moves 1 column of the certified array; not ...
    """

    columns: tuple[ColumnCast, ...]

    @staticmethod
    def of(frame: Any, *, categories: Mapping[str, Sequence[Any]] | None = None) -> RowCast:
        """The cast that the types of a DataFrame's columns say.

        Parameters
        ----------
        frame
            A pandas DataFrame. Numbers and booleans are cast as they are, columns of a
            `CategoricalDtype` to the places of their categories.
        categories
            The categories of columns that hold text, in order, by the column's name.

        Returns
        -------
        RowCast

        Raises
        ------
        ValueError
            For a column of text or objects whose categories nobody names: its codes would depend on
            the other rows.
        """
        pandas = sys.modules.get("pandas")
        if pandas is None or not isinstance(frame, pandas.DataFrame):
            raise ValueError(f"frame must be a pandas DataFrame, got {kind_in_words(frame)}")
        check_columns(frame)
        named = dict(categories or {})
        made = []
        for name in frame.columns:
            kind = frame[name].dtype
            if name in named:
                made.append(ColumnCast(name=str(name), categories=tuple(named.pop(name))))
            elif isinstance(kind, pandas.CategoricalDtype):
                made.append(ColumnCast(name=str(name), categories=tuple(kind.categories)))
            elif pandas.api.types.is_bool_dtype(kind) or (
                pandas.api.types.is_numeric_dtype(kind)
                and not pandas.api.types.is_complex_dtype(kind)
            ):
                made.append(ColumnCast(name=str(name)))
            else:
                raise ValueError(
                    f"column {name!r} holds {kind}: the code of a value would depend on the other"
                    f" rows; name its categories: topcert.RowCast.of(frame, categories={{{name!r}:"
                    " [...]}), or leave the column out"
                )
        if named:
            raise ValueError(f"there is no column {next(iter(named))!r} in the DataFrame")
        return RowCast(columns=tuple(made))

    def __call__(self, frame: Any) -> NDArray[np.float64]:
        """The rows of a DataFrame as float64 `(rows, columns)`.

        Raises ValueError, naming row and column, where a cell has no number, or a column is
        missing.
        """
        check_columns(frame)
        by_name = {str(name): name for name in frame.columns}
        cast = np.empty((len(frame), len(self.columns)))
        for place, column in enumerate(self.columns):
            if column.name not in by_name:
                raise ValueError(f"there is no column {column.name!r} in the DataFrame")
            for row, cell in enumerate(frame[by_name[column.name]].tolist()):
                try:
                    cast[row, place] = column(cell)
                except ValueError as error:
                    raise ValueError(f"row {row}: {error}") from error
        return cast

    @property
    def raw(self) -> RawInput:
        """What an attacker of a row can do to the array."""
        return ROW

    def in_memory(self, frame: Any, labels: Any = None, *, reference: Any = None) -> ArraysInMemory:
        """The rows of a DataFrame with their labels, as `SmoothedClassifier.vote` takes them.

        Parameters
        ----------
        frame
            A pandas DataFrame with these columns.
        labels
            True labels `(rows,)`, or the name of a column of `frame`.
        reference
            Training rows, for the encodings "mean" and "median": a DataFrame or an array.

        Returns
        -------
        ArraysInMemory

        Raises
        ------
        ValueError
            Where a cell has no number, or a column is missing.
        """
        check_columns(frame, label=labels if isinstance(labels, str) else None)
        if isinstance(labels, str):
            labels = frame[labels]
        if labels is not None:
            labels = np.asarray(labels)
            if labels.dtype == object and all(isinstance(label, str) for label in labels):
                labels = labels.astype(str)
        pandas = sys.modules["pandas"]
        if isinstance(reference, pandas.DataFrame):
            reference = self(reference)
        return ArraysInMemory(
            self(frame), labels, reference=reference, raw=self.raw, name=DATA_FRAME
        )

    def in_words(self) -> str:
        """A line for each column, and one on what an attacker of a row can do."""
        lines = [column.in_words() for column in self.columns]
        return "\n".join([*lines, self.raw.in_words(unit="column")])


def check_columns(frame: Any, *, label: str | None = None) -> None:
    """Raise ValueError where two columns of a DataFrame have one name, or none is `label`."""
    names = list(map(str, frame.columns))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            f"the DataFrame has {names.count(twice)} columns {twice!r}, and columns go by their"
            " names; rename one"
        )
    if label is not None and label not in frame.columns:
        raise ValueError(
            f"there is no column {label!r} in the DataFrame to take labels of; it has"
            f" {', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}"
        )
