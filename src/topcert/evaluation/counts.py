"""counts.csv: vote counts as a table, one row an input, one integer column a class, and an optional column `label`.

Where the votes are no fixed number of independent ones, a last column says what they are instead: `stopping` (a rule) or
`law` (a design). Bounds for ordinary votes would be wrong there, so nothing reads such counts as those of others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topcert.evaluation.naming import CLASS, NAME, class_column, without_names
from topcert.files import first_line, replacing
from topcert.theory.confidence import MAX_SAMPLES
from topcert.voting.manifest import FIXED, IID, Manifest
from topcert.voting.names import NAMELESS, Names

Mark = tuple[str, str]  # name of the last column, and what stands in each of its rows
MARKS: Final = ("stopping", "law")


def mark_of(manifest: Manifest) -> Mark | None:
    """How the counts of votes under a manifest are marked; None where these are ordinary ones."""
    if manifest.stopping != FIXED:
        return "stopping", manifest.stopping
    return None if manifest.law == IID else ("law", manifest.law)


def write_counts(
    counts: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    path: Path,
    *,
    mark: Mark | None = None,
    names: Names = NAMELESS,
) -> None:
    """Columns `0`, `1`, ... in class order, then `label` where there are labels, then a mark where there is one.

    Where inputs have names, `name` comes before all and `class` after `label`.
    """
    columns: dict[str, NDArray[np.int64] | list[str]] = {str(j): counts[:, j] for j in range(counts.shape[1])}
    if names.inputs is not None:
        columns = {NAME: list(names.inputs), **columns}
    if labels is not None:
        columns["label"] = labels
        if names.inputs is not None and names.classes:
            columns[CLASS] = class_column(names, labels)
    if mark is not None:
        columns[mark[0]] = [mark[1]] * len(counts)
    with replacing(path) as aside:
        pyarrow.csv.write_csv(pa.table(columns), aside)


def read_counts(path: Path, *, mark: Mark | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Counts int64 `(inputs, classes)` and labels int64 `(inputs,)` or None, from CSV or Parquet.

    Raises ValueError where the file is missing or unreadable, is marked otherwise than `mark`, a cell is not a non-negative
    integer, there are fewer than two classes or no rows, or a label is no class.
    """
    if not path.is_file():
        raise ValueError(f"{path} is not a file; give a CSV or Parquet table of counts, such as the counts.csv of a run")
    try:
        table = pq.read_table(path) if path.suffix.lower() in (".parquet", ".pq") else pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} cannot be read as counts: {first_line(error)}") from error
    _check_mark(path, table, mark)
    table = without_names(table.drop_columns([name for name in MARKS if name in table.column_names]))
    names = table.column_names
    if len(set(names)) != len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path} has two columns named {doubled!r}; name each class once")
    _check_header(path, names)
    if table.num_rows == 0:
        raise ValueError(f"{path} holds no rows; one row an input is needed, under a header")
    arrays = {}
    for name in names:
        column = table.column(name)
        if column.null_count:
            raise ValueError(f"{path}: column {name!r} has empty cells; every input needs every count")
        if not pa.types.is_integer(column.type):
            raise ValueError(f"{path}: column {name!r} holds {column.type}, counts are integers")
        values = column.to_numpy()
        if values.max() > MAX_SAMPLES:
            raise ValueError(f"{path}: column {name!r} holds {values.max()}; counts go up to {MAX_SAMPLES:,}")
        arrays[name] = values.astype(np.int64)
    labels = arrays.pop("label", None)
    if len(arrays) < 2:
        raise ValueError(f"{path} has {len(arrays)} class columns; at least 2 are needed")
    counts = np.stack(list(arrays.values()), axis=1)
    if counts.min() < 0:
        row, column = np.argwhere(counts < 0)[0]
        raise ValueError(f"{path}: count {counts[row, column]} in row {row} is negative")
    if labels is not None and not (labels.min() >= 0 and labels.max() < counts.shape[1]):
        bad = labels[(labels < 0) | (labels >= counts.shape[1])][0]
        raise ValueError(f"{path}: label {bad} is out of range; there are {counts.shape[1]} classes, from 0")
    return counts, labels


def _check_mark(path: Path, table: pa.Table, mark: Mark | None) -> None:
    found = next(((name, table.column(name).to_pylist()) for name in MARKS if name in table.column_names), None)
    if mark is None and found is not None:
        shown = next(iter(found[1]), "")
        raise ValueError(
            f"{path}: these counts are of votes with {found[0]} {shown!r}, and bounds for a fixed number of independent "
            "votes do not hold for them; certify from the folder of the run with evaluate"
        )
    if mark is not None and (found is None or found[0] != mark[0] or set(found[1]) != {mark[1]}):
        raise ValueError(f"{path}: its rows must say {mark[0]} {mark[1]!r}, as the manifest does; the file has been changed")


def _check_header(path: Path, names: list[str]) -> None:
    """Refuse headers that can only be a mistake: numbers out of class order (or data), and near misses of `label`."""
    classes = [name for name in names if name != "label"]
    numbers = [name for name in classes if name.strip().lstrip("+-").isdecimal()]
    if numbers and classes != [str(j) for j in range(len(classes))]:
        raise ValueError(
            f"{path}: the first line must name the classes; numbers must be 0 .. {len(classes) - 1} in order, got "
            f"{', '.join(classes)[:80]}"
        )
    for name in classes:
        if name.strip().lower() in ("label", "index"):
            raise ValueError(f"{path}: a column is named {name!r}; call the labels `label`, and leave an index out")
