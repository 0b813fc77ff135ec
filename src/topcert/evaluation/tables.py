"""Reading a table of whole numbers that somebody made: CSV or Parquet, from a file, a pipe or
standard input.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topcert.files import first_line
from topcert.theory.confidence import MAX_SAMPLES

STANDARD_INPUT: Final = Path("-")


def name_of(path: Path) -> str:
    """What messages call the table."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def read_table(path: Path) -> pa.Table:
    """The table as it stands, with nothing left out; `-` is standard input. What begins as Parquet
    is read as Parquet.

    Raises ValueError where there is no such file, or what it holds is no table.
    """
    if path != STANDARD_INPUT and (path.is_dir() or not path.exists()):
        raise ValueError(
            f"{path} is not a file; give a CSV or Parquet table of counts, such as the counts.csv"
            " of a run"
        )
    content = b""
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
        table = _parsed(content, path)
        table.column_names  # noqa: B018
    except (OSError, pa.ArrowException, ValueError) as error:
        why = first_line(error).removeprefix("CSV parse error: ")
        raise ValueError(
            f"{name_of(path)} cannot be read as counts: {why}; {_fix(content)}"
        ) from error
    return table


_KINDS: Final = {
    b"PK": "it is a zip archive, as .xlsx is: export it as CSV",
    b"\xd0\xcf": "it is an Office file: export it as CSV",
    b"\xff\xfe": "it is UTF-16: save it as UTF-8",
    b"\xfe\xff": "it is UTF-16: save it as UTF-8",
    b"\x1f\x8b": "it is compressed: let its name end in .gz",
    b"\x93NUMPY": "it is an .npy array: write it as CSV with a header",
    b"[": "it seems to be JSON: write it as CSV",
    b"{": "it seems to be JSON: write it as CSV",
    b"<": "it seems to be HTML or XML: export it as CSV",
}


def _fix(content: bytes) -> str:
    """What to do with a file that is no table, by how it begins."""
    kind = next(
        (fix for start, fix in _KINDS.items() if content.lstrip(b" \r\n").startswith(start)), None
    )
    if kind is not None:
        return kind
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "save it as UTF-8"
    return "give a CSV in UTF-8 with one header and commas, as many cells in every row, or Parquet"


def _parsed(content: bytes, path: Path) -> pa.Table:
    if content[:4] == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
        return pq.ParquetFile(io.BytesIO(content)).read()
    opened: Any = pa.BufferReader(content)
    if path.suffix.lower() in (".gz", ".bz2", ".zst"):
        opened = pa.CompressedInputStream(opened, pa.Codec.detect(str(path)).name)
    # Names of classes are text, 007 too; a number is never called so.
    return pyarrow.csv.read_csv(
        opened, convert_options=pyarrow.csv.ConvertOptions(column_types={"class": pa.string()})
    )


def index_columns(table: pa.Table) -> list[str]:
    """The columns that pandas wrote as the index of its rows."""
    stated = (table.schema.metadata or {}).get(b"pandas")
    try:
        named = json.loads(stated)["index_columns"] if stated else []
    except (ValueError, TypeError, KeyError):
        return []
    return [str(name) for name in named if isinstance(name, str)]


def whole_numbers(column: pa.ChunkedArray, name: str, *, source: str) -> NDArray[np.int64]:
    """A column as int64 `(rows,)`. Raises ValueError for empty cells, what is no integer, and
    beyond `MAX_SAMPLES`.
    """
    column = decoded(column)
    if column.null_count:
        row = next(row for row, cell in enumerate(column) if not cell.is_valid)
        needed = (
            "label every input, or leave the column out"
            if name == "label"
            else "every input needs every count"
        )
        raise ValueError(
            f"{source}: column {name!r} has empty cells, the first in row {row}; {needed}"
        )
    if not pa.types.is_integer(column.type):
        first = str(column[0].as_py())[:40]
        what = (
            "labels are headings of columns, or places from 0"
            if name == "label"
            else "counts are integers"
        )
        raise ValueError(
            f"{source}: column {name!r} holds {str(column.type)[:60]}, such as {first!r}; {what},"
            " written in digits alone"
        )
    values = column.to_numpy()
    if values.max() > MAX_SAMPLES:
        raise ValueError(
            f"{source}: column {name!r} holds {values.max()}; counts go up to {MAX_SAMPLES:,}"
        )
    return np.asarray(values, np.int64)


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The cells themselves, where a column numbers its distinct ones."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
