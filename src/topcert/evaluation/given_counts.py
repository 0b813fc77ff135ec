"""Counts that anybody made: a table of votes with nothing beside it, read so that it is sure how
many votes each row holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.class_order import lacks_label_zero
from topcert.evaluation.columns import VOTES, hint_of_extra_column, total_column
from topcert.evaluation.counts import read_table_of_counts
from topcert.evaluation.tables import name_of
from topcert.theory.confidence import trials_of
from topcert.voting.given_names import NAMELESS, Names


@final
@dataclass(frozen=True, kw_only=True)
class Counts:
    """How often each class is named by the votes of each input, as a table holds it.

    Attributes
    ----------
    counts
        int64 `(inputs, classes)`.
    labels
        True labels, int64 `(inputs,)`, or None.
    num_named
        How many labels each vote names: a row sums to so many times its votes.
    names
        What inputs and classes are called, where they have names.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> topcert.Counts(counts=np.array([[90, 10, 0]]), labels=None).num_samples
    100
    """

    counts: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    num_named: int = 1
    names: Names = field(default=NAMELESS)

    @property
    def num_samples(self) -> int:
        """The votes of the input that has most."""
        return int(self.counts.sum(axis=1).max()) // self.num_named

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of them, a line each."""
        labels, classes = self.labels, self.counts.shape[1]
        if labels is None or not lacks_label_zero(int(labels.min()), len(labels), classes):
            return ()
        return (
            f"none of the {len(labels):,} labels is 0, the lowest is {labels.min()}, and there are"
            f" {classes} classes, from 0; if they count from 1, subtract 1",
        )


def read_given_counts(path: Path, *, samples: int | None, num_named: int = 1) -> Counts:
    """As `read_counts`, of a table that anybody made; `-` is standard input. Every row has votes,
    and how many is sure.

    All rows sum to `samples`; or, where that is None, to their cell of a column `votes`; or,
    without one, to one number: `num_named` times that, where each vote names so many labels. Raises
    ValueError else, where no such votes give a row, and where a column is the sum of all others
    while nothing says how many votes there are.
    """
    if samples is not None and samples < 1:
        raise ValueError(f"--samples must be at least 1, got {samples}")
    found = read_table_of_counts(path, None, num_named, asked=True)
    source = name_of(path)
    counts, sums = found.counts, found.counts.sum(axis=1)
    if (sums == 0).any():
        raise ValueError(f"{source}: row {int((sums == 0).argmax())} holds no votes")
    if not 1 <= num_named < counts.shape[1]:
        most = counts.shape[1] - 1
        raise ValueError(
            f"--ballot must lie in 1 .. {most}, one less than the {most + 1} classes of {source};"
            f" got {num_named}"
        )
    wanted = None if samples is None else samples * num_named
    if wanted is not None and (sums != wanted).any():
        row = int((sums != wanted).argmax())
        hint = hint_of_extra_column(counts, found.classes, wanted=wanted)
        times = "" if num_named == 1 else f" times --ballot {num_named}"
        raise ValueError(
            f"{source}: the counts of row {row} sum to {sums[row]}, not to --samples"
            f" {samples}{times}{hint}"
        )
    try:
        trials_of(counts, num_named)
    except ValueError as error:
        raise ValueError(
            f"{source}: {error}; give --ballot the number that was counted of each vote"
        ) from error
    made = Counts(counts=counts, labels=found.labels, num_named=num_named, names=found.names)
    if samples is not None or found.has_vote_column:
        return made
    if (sums != sums[0]).any():
        row = int((sums != sums[0]).argmax())
        raise ValueError(
            f"{source}: the counts of row 0 sum to {sums[0]}, those of row {row} to"
            f" {sums[row]}{hint_of_extra_column(counts, found.classes)}; leave out what is no"
            f" class, or say in a column `{VOTES}` how many votes each row has"
        )
    total = total_column(counts, found.classes)
    if total is not None:
        raise ValueError(
            f"{source}: column {total!r} is the sum of all others in every row, as a total is;"
            f" leave it out, or call it `{VOTES}`, or, where it is a class, say with --samples that"
            f" every input has {sums[0] // num_named} votes"
        )
    return made
