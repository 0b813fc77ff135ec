"""Counts of votes from a table, where nothing else was kept."""

from __future__ import annotations

from pathlib import Path

from topcert.api.python_words import python_words
from topcert.evaluation.given_counts import Counts, read_given_counts
from topcert.files import path_of
from topcert.theory.scalars import whole_number


def read_counts(path: str | Path, *, num_samples: int | None = None, num_named: int = 1) -> Counts:
    """How often each class is named by the votes of each input, from a table.

    Parameters
    ----------
    path
        CSV or Parquet, or "-" for standard input: a header, one row an input, one integer column a
        class in class order, and where there are any a column `label` (class index from 0, or the
        name of a column), a column `votes` and a first column `name`.
    num_samples
        Votes that every input must have; None where they all have as many, or `votes` says it.
    num_named
        How many labels each vote names; a row sums to n times so many.

    Returns
    -------
    Counts
        What `certify_counts` takes.

    Raises
    ------
    ValueError
        Where the table cannot be read, or it is not sure what it counts: an index, a total, rows
        of different sums.

    Examples
    --------
    >>> from pathlib import Path
    >>> import topcert
    >>> table = "label,cat,dog,fox\\n0,950,30,20\\n1,300,500,200\\n"
    >>> written = Path("counts.csv").write_text(table)
    >>> found = topcert.read_counts("counts.csv")
    >>> found.num_samples, found.labels, found.names.classes
    (1000, array([0, 1]), ('cat', 'dog', 'fox'))
    """
    with python_words():
        return read_given_counts(
            path_of(path, "path"),
            samples=None if num_samples is None else whole_number(num_samples, "num_samples"),
            num_named=whole_number(num_named, "num_named"),
        )
