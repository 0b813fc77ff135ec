"""What is kept of a figure's votes: the counts after n/100, n/10 and all n of them, and where they
come from.

DIR/record.json        per setting: network, accuracy of a single pass, n, seed, ... (as a table's)
DIR/SETTING.nN.csv     votes of each class for each input among the first N, and its label
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.counts import read_counts, write_counts
from topcert_paper.records import Origin, read_origins, write_origin


@final
@dataclass(frozen=True, kw_only=True)
class PrefixCounts:
    """Votes of one setting: `counts[n]` int64 `(inputs, classes)` of the first n, and the labels
    int64 `(inputs,)`.
    """

    counts: dict[int, NDArray[np.int64]]
    labels: NDArray[np.int64]
    origin: Origin


def prefix_sizes(num_samples: int) -> tuple[int, ...]:
    """A hundredth, a tenth and all of the votes, each at least one and none twice, ascending."""
    return tuple(sorted({max(1, num_samples // part) for part in (100, 10, 1)}))


def write_prefixes(folder: Path, name: str, kept: PrefixCounts) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for size, counts in kept.counts.items():
        write_counts(counts, kept.labels, _path(folder, name, size))
    write_origin(folder, name, kept.origin)  # last: a setting without its entry was not measured


def read_prefixes(folder: Path, name: str) -> PrefixCounts | None:
    """The votes of a setting, or None where it was not measured.

    Raises ValueError where a file is missing or damaged, or the counts cannot be those of one
    growing sample.
    """
    origin = read_origins(folder).get(name)
    if origin is None or not any(folder.glob(f"{name}.n*.csv")):
        return None
    sizes = prefix_sizes(origin.num_samples)
    found = {size: read_counts(_path(folder, name, size)) for size in sizes}
    counts = {size: counted for size, (counted, _) in found.items()}
    labels = found[sizes[-1]][1]
    if labels is None:
        raise ValueError(
            f"{_path(folder, name, sizes[-1])} has no column `label`; certified accuracy needs true"
            " labels"
        )
    for size, (_, same) in found.items():
        if same is None or not np.array_equal(same, labels):
            raise ValueError(
                f"{_path(folder, name, size)} must hold the column `label` of"
                f" {name}.n{sizes[-1]}.csv"
            )
    _check_growth(folder, name, counts)
    return PrefixCounts(counts=counts, labels=labels, origin=origin)


def _check_growth(folder: Path, name: str, counts: dict[int, NDArray[np.int64]]) -> None:
    before: tuple[int, NDArray[np.int64]] | None = None
    for size, counted in counts.items():
        sums = counted.sum(axis=1)
        if (sums != size).any():
            row = int(np.flatnonzero(sums != size)[0])
            raise ValueError(
                f"{_path(folder, name, size)}: the votes of input {row} sum to {sums[row]}, not to"
                f" n = {size}; restore the file, or measure again"
            )
        if before is not None:
            fewer, earlier = before
            if earlier.shape != counted.shape:
                raise ValueError(
                    f"{_path(folder, name, size)} has other classes than {name}.n{fewer}.csv"
                )
            if (earlier > counted).any():
                row, label = (int(place) for place in np.argwhere(earlier > counted)[0])
                raise ValueError(
                    f"{_path(folder, name, size)}: input {row} has {counted[row, label]} votes for"
                    f" class {label}, fewer than the {earlier[row, label]} among its first {fewer};"
                    " restore the file, or measure again"
                )
        before = size, counted


def _path(folder: Path, name: str, size: int) -> Path:
    return folder / f"{name}.n{size}.csv"
