"""ledger/inputs.parquet: which inputs a run is about, one row each: index, label (or null),
SHA-256, and perhaps a name.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topcert.files import first_line, local
from topcert.voting.given_names import NAMELESS, Names

COLUMNS: Final = {"index": pa.int64(), "label": pa.int64(), "sha256": pa.string()}
NAME: Final = "name"  # after these, where inputs have names
SIZE: Final = "num_features"  # the last column, where inputs may differ in it
FEW_ROWS: Final = 1 << 20  # which any machine holds
MOST_BYTES: Final = 1 << 30
MOST_PACKED: Final = 100  # times smaller than unpacked
_CLASS_NAMES: Final = b"class_names"


class Inputs(NamedTuple):
    """Places in the data, ascending; true labels or None; digests of what was certified."""

    indices: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    hashes: list[str]


class InputsFile(NamedTuple):
    """All that an inputs table tells; `sizes` int64 `(inputs,)` where inputs may differ in their
    numbers of features, else None.
    """

    inputs: Inputs
    names: Names
    sizes: NDArray[np.int64] | None = None


def inputs_table(
    indices: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    hashes: list[str],
    names: Names = NAMELESS,
    sizes: NDArray[np.int64] | None = None,
) -> pa.Table:
    """One row an input: index, label (null where there are none), SHA-256, its name where inputs
    have names, and how many features it has where they may differ in that (`sizes`).

    Names of classes stand in the metadata.
    """
    given = pa.nulls(len(indices), pa.int64()) if labels is None else pa.array(labels, pa.int64())
    columns = {
        "index": pa.array(indices, pa.int64()),
        "label": given,
        "sha256": pa.array(hashes, pa.string()),
    }
    if names.inputs is not None:
        columns[NAME] = pa.array(names.inputs, pa.string())
    if sizes is not None:
        columns[SIZE] = pa.array(sizes, pa.int64())
    table = pa.table(columns)
    return (
        table.replace_schema_metadata({_CLASS_NAMES: json.dumps(names.classes)})
        if names.classes
        else table
    )


def check_size(path: Path, rows: int) -> None:
    """Raise ValueError where a Parquet file says that it holds more than `rows`, or much more than
    its size: small files can unpack to more than any memory holds. What cannot be read is left to
    whoever reads it.
    """
    try:
        footer = pq.read_metadata(local(path))
    except (OSError, pa.ArrowException):
        return
    unpacked = sum(
        footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)
    )
    if footer.num_rows > max(rows, FEW_ROWS) or unpacked > max(
        MOST_BYTES, MOST_PACKED * path.stat().st_size
    ):
        raise ValueError(
            f"{path} says that it holds {footer.num_rows:,} rows in {unpacked:,} bytes, which no"
            " run writes; it is not read"
        )


def fingerprint_inputs(table: pa.Table) -> str:
    """SHA-256 over the rows of an inputs table, names of inputs included; what classes are called
    is no part of it.
    """
    more = [name for name in (NAME, SIZE) if name in table.column_names]
    columns = (table.column(name).to_pylist() for name in (*COLUMNS, *more))
    return hashlib.sha256(
        "\n".join(str(row) for row in zip(*columns, strict=True)).encode()
    ).hexdigest()


def as_recorded(table: pa.Table, fingerprint: str, *, first: int | None = None) -> pa.Table:
    """An inputs table as a run with that fingerprint has it: runs of release 0.1.0 know no names of
    inputs.

    `first`: the run has only so many of them.
    """
    if NAME not in table.column_names:
        return table
    nameless = table.drop_columns([NAME])
    return nameless if fingerprint_inputs(nameless.slice(0, first)) == fingerprint else table


def read_inputs_file(
    path: Path,
    *,
    fingerprint: str,
    num_inputs: int,
    num_classes: int,
    sizes: tuple[int, int] | None = None,
) -> InputsFile:
    """Raises ValueError where the file is missing, damaged, not that of `fingerprint`, or holds
    what no run writes.

    `sizes` are the fewest and the most features that an input may have, where inputs may differ in
    that. What no run writes is: other columns, an index that is null, negative,
    repeated or out of order, some labels but not all, or a label that is none of 0 .. num_classes -
    1.
    """
    check_size(path, num_inputs)
    try:
        table = pq.read_table(local(path))
        named_column = [(NAME, pa.string())] if NAME in table.column_names else []
        size_column = [] if sizes is None else [(SIZE, pa.int64())]
        wanted = pa.schema([*COLUMNS.items(), *named_column, *size_column])
        if not table.schema.equals(wanted):
            raise ValueError(
                f"its columns are {_in_words(table.schema)}; a run writes {_in_words(wanted)}"
            )
        digest = fingerprint_inputs(table)
        names = _read_names(table)
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing; go on with certify --resume") from error
    except (OSError, pa.ArrowException, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({first_line(error)})") from error
    if digest != fingerprint or table.num_rows != num_inputs:
        raise ValueError(
            f"{path} has been changed: it does not match the manifest's data_fingerprint"
        )
    index, labels, hashes = (table.column(name) for name in COLUMNS)
    if index.null_count or hashes.null_count:
        raise ValueError(f"{path} is damaged: an input has no index or no sha256")
    if labels.null_count not in (0, table.num_rows):
        raise ValueError(
            f"{path} is damaged: {labels.null_count} of {table.num_rows} inputs have no label; all"
            " have, or none"
        )
    places = index.to_numpy().astype(np.int64)
    if places[0] < 0:
        raise ValueError(f"{path} is damaged: index {places[0]} is negative")
    for row in np.flatnonzero(np.diff(places) <= 0):
        what = (
            "stands there twice"
            if places[row] in places[row + 1 :]
            else f"comes before {places[row + 1]}"
        )
        raise ValueError(
            f"{path} is damaged: index {places[row]} {what}; a run counts each input once, in"
            " ascending order"
        )
    named = None if labels.null_count else labels.to_numpy().astype(np.int64)
    if named is not None and (named.min() < 0 or named.max() >= num_classes):
        bad = named[(named < 0) | (named >= num_classes)][0]
        raise ValueError(
            f"{path} is damaged: label {bad} is out of range; there are {num_classes} classes,"
            " from 0"
        )
    if unknown := sorted((table.schema.metadata or {}).keys() - {_CLASS_NAMES}):
        raise ValueError(
            f"{path} says of itself what no run writes:"
            f" {unknown[0].decode('ascii', 'replace')[:60]!r}"
        )
    if names.classes and len(names.classes) != num_classes:
        raise ValueError(
            f"{path} is damaged: it names {len(names.classes)} classes, and there are {num_classes}"
        )
    found = None if sizes is None else _read_sizes(table, sizes, path)
    return InputsFile(Inputs(places, named, hashes.to_pylist()), names, found)


def _read_sizes(table: pa.Table, sizes: tuple[int, int], path: Path) -> NDArray[np.int64]:
    column = table.column(SIZE)
    found = np.asarray(column.fill_null(0).to_numpy(), np.int64)
    least, most = sizes
    if column.null_count or found.min() < least or found.max() > most:
        raise ValueError(
            f"{path} is damaged: {SIZE} must lie in {least} .. {most}, what a mask keeps and what"
            f" the longest input of the data has, got {found.min()} .. {found.max()}"
        )
    return found


def _read_names(table: pa.Table) -> Names:
    classes = json.loads((table.schema.metadata or {}).get(_CLASS_NAMES, b"[]"))
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError("its class names are no list of text")
    named = table.column(NAME) if NAME in table.column_names else None
    if named is not None and named.null_count:
        raise ValueError("an input has no name, and others have one")
    return Names(inputs=None if named is None else tuple(named.to_pylist()), classes=tuple(classes))


def _in_words(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
