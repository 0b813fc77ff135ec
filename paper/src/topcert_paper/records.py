"""What is kept of a table's votes: enough to draw it again, exactly and in seconds.

DIR/record.json              per setting: network, multiply-adds, accuracy of a single pass, n, n0,
                             seed, ...
DIR/SETTING.csv              votes of each class for each input, and its label
DIR/SETTING.selection.csv    the same of the first sample, which selects labels
DIR/interval.csv             radii of the deterministic row: index, label, radius (empty: nothing
                             certified)
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.counts import read_counts, write_counts
from topcert.files import first_line, replacing
from topcert.theory.certified_radius import ABSTAIN


@final
@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the numbers of a setting come from; None stands for what is not known."""

    network: str
    multiply_adds: int | None = None
    epochs: int | None = None
    training_seconds: float | None = None
    single_pass_accuracy: float | None = None
    num_selection: int = 0
    num_samples: int = 0
    seed: int = 0
    model_fingerprint: str = ""


@final
@dataclass(frozen=True, kw_only=True)
class Counted:
    """Votes of one setting, int64 `(inputs, classes)`, the labels `(inputs,)` and where they come
    from.
    """

    counts: NDArray[np.int64]
    selection: NDArray[np.int64]
    labels: NDArray[np.int64]
    origin: Origin


def write_origin(folder: Path, name: str, origin: Origin) -> None:
    """Add or replace one entry of record.json."""
    found = read_origins(folder)
    entries = {key: asdict(value) for key, value in sorted({**found, name: origin}.items())}
    with replacing(folder / "record.json") as aside:
        aside.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def read_origins(folder: Path) -> dict[str, Origin]:
    """Every entry of record.json; none where there is no such file. Raises ValueError where it is
    damaged.
    """
    path = folder / "record.json"
    if not path.is_file():
        return {}
    names = {field.name for field in fields(Origin)}
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        if any(entry.keys() != names for entry in found.values()):
            raise ValueError(f"its entries must have {', '.join(sorted(names))}")
        return {name: Origin(**entry) for name, entry in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({first_line(error)})") from error


def write_counted(folder: Path, name: str, counted: Counted) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_counts(counted.counts, counted.labels, folder / f"{name}.csv")
    write_counts(counted.selection, counted.labels, folder / f"{name}.selection.csv")
    write_origin(folder, name, counted.origin)


def read_counted(folder: Path, name: str) -> Counted | None:
    """The votes of a setting, or None where it was not measured. Raises ValueError where a file is
    damaged.
    """
    origin = read_origins(folder).get(name)
    if origin is None or not (folder / f"{name}.csv").is_file():
        return None
    counts, labels = read_counts(folder / f"{name}.csv")
    selection, again = read_counts(folder / f"{name}.selection.csv")
    if labels is None or again is None or not np.array_equal(labels, again):
        raise ValueError(f"{folder / name}.csv and its selection must hold the same column `label`")
    for counted, wanted in ((counts, origin.num_samples), (selection, origin.num_selection)):
        if (counted.sum(axis=1) != wanted).any():
            raise ValueError(
                f"{folder / name}.csv: the votes of an input must sum to {wanted}, as record.json"
                " says"
            )
    return Counted(counts=counts, selection=selection, labels=labels, origin=origin)


def write_radii(
    folder: Path, index: NDArray[np.int64], labels: NDArray[np.int64], radii: NDArray[np.int64]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        replacing(folder / "interval.csv") as aside,
        aside.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["index", "label", "radius"])
        for place, label, radius in zip(
            index.tolist(), labels.tolist(), radii.tolist(), strict=True
        ):
            writer.writerow([place, label, "" if radius == ABSTAIN else radius])


def read_radii(folder: Path) -> NDArray[np.int64] | None:
    """Radii of the deterministic row, int64 `(inputs,)` with ABSTAIN, or None where it was not
    measured.
    """
    path = folder / "interval.csv"
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return np.array(
            [int(row["radius"]) if row["radius"] else ABSTAIN for row in rows], np.int64
        )
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error})") from error
