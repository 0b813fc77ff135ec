"""Columns of a table of records: CSV, TSV, JSON lines and Parquet, as text."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

SUFFIXES: Final = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_columns(path: Path, wanted: Mapping[str, str]) -> dict[str, list[Any]]:
    """Some columns of a file of records.

    Parameters
    ----------
    path
        A .csv or .tsv file with a header, .jsonl or .ndjson with an object a line, or .parquet.
    wanted
        What a column is for, such as "text", and its name.

    Returns
    -------
    dict[str, list]
        The values of each by what it is for: text of CSV and TSV, else what the file holds.

    Raises
    ------
    ValueError
        Where the file is of none of these kinds, lacks a column or has it twice, and where a record
        lacks a value or a label, or has more values than there are columns.
    """
    suffix = path.suffix.lower()
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{path} is none of {', '.join(SUFFIXES)}, which hold records; convert it to one"
        )
    if not path.is_file():
        raise ValueError(f"{path} is no plain file; copy it to one")
    found = _READERS[suffix](path, wanted)
    for purpose, values in found.items():
        for place, value in enumerate(values):
            blank = purpose == "label" and isinstance(value, str) and not value.strip()
            if value is None or blank:  # an empty text is one, an empty label is none
                raise ValueError(
                    f"record {place} of {path} has no {wanted[purpose]!r}; leave it out, or give it"
                    " one"
                )
    if not all(found.values()):
        raise ValueError(f"{path} holds no records")
    return found


def _read_csv(path: Path, wanted: Mapping[str, str]) -> dict[str, list[Any]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # texts are long
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter, strict=True)
        _check(path, wanted, list(rows.fieldnames or []))
        found: dict[str, list[Any]] = {purpose: [] for purpose in wanted}
        for number, row in enumerate(rows):
            if None in row:
                raise ValueError(
                    f"record {number} of {path} has more values than the header has columns; put"
                    f" text that holds {delimiter!r} between quotes"
                )
            for purpose, column in wanted.items():
                found[purpose].append(row[column])
    return found


def _read_json(path: Path, wanted: Mapping[str, str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {purpose: [] for purpose in wanted}
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            record = json.loads(line, object_pairs_hook=_once_each)
            if not isinstance(record, dict):
                raise ValueError(f"line {number + 1} is no JSON object")
            _check(path, wanted, list(record), f", line {number + 1},")
            for purpose, column in wanted.items():
                found[purpose].append(record[column])
    return found


def _read_parquet(path: Path, wanted: Mapping[str, str]) -> dict[str, list[Any]]:
    import pyarrow.parquet as pq

    _check(path, wanted, pq.read_schema(path).names)
    table = pq.read_table(path, columns=list(dict.fromkeys(wanted.values())))
    return {purpose: table.column(column).to_pylist() for purpose, column in wanted.items()}


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises ValueError where it names one thing twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names {twice!r} twice, and which one counts is in doubt")
    return found


def _check(path: Path, wanted: Mapping[str, str], there: list[str], where: str = "") -> None:
    for purpose, column in wanted.items():
        if column not in there:
            raise ValueError(
                f"{path}{where} has no column {column!r}; it has {', '.join(there)[:200]}; name the"
                f" one that holds what is wanted with --{purpose}-column"
            )
        if there.count(column) > 1:
            raise ValueError(
                f"{path}{where} has {there.count(column)} columns {column!r}, and which one is"
                " meant is in doubt; rename the others"
            )


_READERS: Final = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".parquet": _read_parquet,
}
