"""The columns of counts.csv that name inputs and their labels: `name` before the counts, `class`
after `label`.

They are there where inputs have names, that is files: these are what a person looks for. A first
column `name` of text names inputs; one of numbers is a class that is called so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from topcert.voting.given_names import Names

NAME: Final = "name"
CLASS: Final = "class"


def class_column(names: Names, labels: NDArray[np.int64]) -> list[str]:
    """What each label is called, empty where it has no name."""
    return [names.of_class(label) or "" for label in labels.tolist()]


def without_names(table: pa.Table) -> pa.Table:
    """A table of counts without the columns that only name its rows and labels."""
    columns = table.column_names
    if not _is_named(table):
        return table
    named = [
        place
        for place in range(1, len(columns))
        if columns[place - 1 : place + 1] == ["label", CLASS]
    ]
    return table.select([place for place in range(1, len(columns)) if place not in named[:1]])


def names_of(table: pa.Table, classes: Sequence[str]) -> Names:
    """What a table of counts calls its rows and its classes: by `NAME` and `CLASS`, else by the
    headings of classes.

    Raises ValueError for a row without a name, and where one label has two names.
    """
    columns = table.column_names
    headed = (
        ()
        if list(classes) == [str(label) for label in range(len(classes))]
        else tuple(name.strip() for name in classes)
    )
    if not _is_named(table):
        return Names(classes=headed)
    inputs = table.column(0).to_pylist()
    if bare := [row for row, name in enumerate(inputs) if not name]:
        raise ValueError(
            f"row {bare[0]} has no {NAME}, and others have one; name every row, or leave the"
            " column out"
        )
    called: dict[int, str] = {}
    if not headed and CLASS in columns and pa.types.is_integer(table.column("label").type):
        pairs = zip(
            table.column("label").to_pylist(),
            table.column(CLASS).cast(pa.string()).to_pylist(),
            strict=True,
        )
        for label, name in pairs:
            if name and label is not None and called.setdefault(label, name) != name:
                raise ValueError(
                    f"label {label} has two names in the column {CLASS}, {called[label]!r} and"
                    f" {name!r}"
                )
    given = tuple(called.get(label, "") for label in range(len(classes))) if called else ()
    return Names(inputs=tuple(inputs), classes=headed or given)


def _is_named(table: pa.Table) -> bool:
    columns = table.column_names
    return bool(columns) and columns[0] == NAME and _is_text(table.column(0).type)


def _is_text(kind: pa.DataType) -> bool:
    """Whether cells are text, in any of the ways of Parquet."""
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def check_names(path: Path, names: Names, labels: NDArray[np.int64] | None) -> list[str]:
    """Findings where a counts.csv that can be read names inputs or labels otherwise; it need not
    name them.
    """
    table = pyarrow.csv.read_csv(
        path,
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={NAME: pa.string(), CLASS: pa.string()}
        ),
    )
    findings = []
    if table.column_names[0] == NAME and (
        names.inputs is None or table.column(0).to_pylist() != list(names.inputs)
    ):
        findings.append(f"{path.name} has other names of inputs than the ledger")
    if CLASS in table.column_names[1:] and table.column_names[0] == NAME:
        wanted = None if labels is None else class_column(names, labels)
        if table.column(CLASS).to_pylist() != wanted:
            findings.append(f"{path.name} has other names of classes than the ledger")
    return findings
