"""counts.csv: vote counts as a table, one row an input, one integer column a class, optional ones
`label` and `votes`.

Where each vote is a ballot of several labels, a column `num_named` says of how many: a row then
sums to as many times its votes, and is not read as votes that name one label each.

Where the votes are no fixed number of independent ones, a last column says what they are instead:
`stopping` (a rule) or `law` (a design). Bounds for ordinary votes would be wrong there, so nothing
reads such counts as those of others.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from topcert.evaluation.columns import (
    LABEL,
    VOTES,
    class_columns,
)
from topcert.evaluation.naming import CLASS, NAME, class_column, names_of, without_names
from topcert.evaluation.tables import decoded, index_columns, name_of, read_table, whole_numbers
from topcert.files import first_line, replacing
from topcert.noise.law import IID
from topcert.voting.given_names import NAMELESS, Names
from topcert.voting.manifest import FIXED, Manifest

Mark = tuple[str, str]  # name of the last column, and what stands in each of its rows
MARKS: Final = ("stopping", "law")
NAMED: Final = "num_named"


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
    num_named: int = 1,
) -> None:
    """Columns `0`, `1`, ... in class order, then `label` where there are labels, `num_named` where
    that is more than 1, then a mark where there is one.

    Where inputs have names, `name` comes before all and `class` after `label`.
    """
    columns: dict[str, NDArray[np.int64] | list[str]] = {
        str(j): counts[:, j] for j in range(counts.shape[1])
    }
    if names.inputs is not None:
        columns = {NAME: list(names.inputs), **columns}
    if labels is not None:
        columns["label"] = labels
        if names.inputs is not None and names.classes:
            columns[CLASS] = class_column(names, labels)
    if num_named > 1:
        columns[NAMED] = np.full(len(counts), num_named)
    if mark is not None:
        columns[mark[0]] = [mark[1]] * len(counts)
    with replacing(path) as aside:
        pyarrow.csv.write_csv(pa.table(columns), aside)


def count_columns(
    num_classes: int,
    *,
    has_labels: bool,
    mark: Mark | None,
    names: Names = NAMELESS,
    num_named: int = 1,
) -> list[str]:
    """The header that `write_counts` writes."""
    named = names.inputs is not None
    labels = ["label", *([CLASS] if named and names.classes else [])] if has_labels else []
    last = [*([NAMED] if num_named > 1 else []), *([] if mark is None else [mark[0]])]
    return [*([NAME] if named else []), *map(str, range(num_classes)), *labels, *last]


def read_header(path: Path) -> list[str]:
    """The names in the first line of a CSV that `read_counts` reads."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as counts: {first_line(error)}") from error


def read_counts(
    path: Path, *, mark: Mark | None = None, num_named: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Counts int64 `(inputs, classes)` and labels int64 `(inputs,)` or None, from CSV or Parquet.

    Raises ValueError where the file is missing or unreadable, is marked otherwise than `mark`, says
    that each vote names another number of labels than `num_named`, has a column that is no class, a
    cell is not a non-negative integer, there are fewer than two classes or no rows, a label is no
    class, or a column `votes` is not the number of votes of each row.
    """
    found = read_table_of_counts(path, mark, num_named)
    return found.counts, found.labels


@final
@dataclass(frozen=True, kw_only=True)
class CountTable:
    """What a table of counts holds: `classes` are the headings of its counts."""

    classes: list[str]
    counts: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    names: Names
    has_vote_column: bool


def read_table_of_counts(
    path: Path, mark: Mark | None, num_named: int = 1, *, asked: bool = False
) -> CountTable:
    """All of such a table. `asked`: a person says by --ballot what its votes name.

    Raises ValueError as `read_counts`.
    """
    table, source = read_table(path), name_of(path)
    _check_mark(source, table, mark)
    _check_named(source, table, num_named, asked=asked)
    whole = table.drop_columns([name for name in (NAMED, *MARKS) if name in table.column_names])
    table = without_names(whole)
    names = table.column_names
    classes = class_columns(names, source=source, index=index_columns(table))
    if table.num_rows == 0:
        raise ValueError(f"{source} holds no rows; one row an input is needed, under a header")
    if len(classes) < 2:
        raise ValueError(f"{source} has {len(classes)} class columns; at least 2 are needed")
    counts = np.stack(
        [whole_numbers(table.column(name), name, source=source) for name in classes], axis=1
    )
    if counts.min() < 0:
        row, column = np.argwhere(counts < 0)[0]
        raise ValueError(f"{source}: count {counts[row, column]} in row {row} is negative")
    if VOTES in names:
        votes, sums = whole_numbers(table.column(VOTES), VOTES, source=source), counts.sum(axis=1)
        if (votes * num_named != sums).any():
            row = int((votes * num_named != sums).argmax())
            times = "" if num_named == 1 else f", of {num_named} labels each"
            raise ValueError(
                f"{source}: the counts of row {row} sum to {sums[row]}, but its `{VOTES}` say"
                f" {votes[row]}{times}"
            )
    labels = _labels(table.column(LABEL), classes, source) if LABEL in names else None
    try:
        called = names_of(whole, classes)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return CountTable(
        classes=classes, counts=counts, labels=labels, names=called, has_vote_column=VOTES in names
    )


def _labels(column: pa.ChunkedArray, classes: list[str], source: str) -> NDArray[np.int64]:
    """Class indices from 0, or names of classes, as int64 `(rows,)`."""
    column = decoded(column)
    if not column.null_count and (
        pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    ):
        places = {name: place for place, name in enumerate(classes)}
        stated = column.to_pylist()
        if unknown := [name for name in stated if name not in places]:
            raise ValueError(
                f"{source}: label {unknown[0][:60]!r} is no class; label by index from 0, or by a"
                " column's name"
            )
        return np.array([places[name] for name in stated], np.int64)
    labels = whole_numbers(column, LABEL, source=source)
    if not (labels.min() >= 0 and labels.max() < len(classes)):
        bad = labels[(labels < 0) | (labels >= len(classes))][0]
        raise ValueError(
            f"{source}: label {bad} is out of range; there are {len(classes)} classes, from 0"
        )
    return labels


def _check_mark(source: str, table: pa.Table, mark: Mark | None) -> None:
    found = next(
        ((name, table.column(name).to_pylist()) for name in MARKS if name in table.column_names),
        None,
    )
    if mark is None and found is not None:
        shown = next(iter(found[1]), "")
        raise ValueError(
            f"{source}: these counts are of votes with {found[0]} {shown!r}, and bounds for a fixed"
            " number of independent votes do not hold for them; certify from the folder of the run"
            " with evaluate"
        )
    if mark is not None and (found is None or found[0] != mark[0] or set(found[1]) != {mark[1]}):
        raise ValueError(
            f"{source}: its rows must say {mark[0]} {mark[1]!r}, as the manifest does; the file has"
            " been changed"
        )


def _check_named(source: str, table: pa.Table, num_named: int, *, asked: bool) -> None:
    """Counts of ballots say so themselves where topcert wrote them: then nothing reads them as
    others.

    `asked`: a person says what they are by --ballot; else the certificates beside them do.
    """
    if NAMED not in table.column_names:
        return
    stated = sorted(set(whole_numbers(table.column(NAMED), NAMED, source=source).tolist()))
    if stated != [num_named]:
        fix = (
            f"say --ballot {stated[0]} where that is meant"
            if asked
            else "one of the files has been changed"
        )
        raise ValueError(
            f"{source}: its column `{NAMED}` says that each vote names"
            f" {' or '.join(map(str, stated))} labels, and it is read as of votes that name"
            f" {num_named}; {fix}"
        )
