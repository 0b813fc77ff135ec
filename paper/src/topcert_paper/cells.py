"""From votes to the cells of a table: each row at the best of its settings, for each radius."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.accuracy import accuracy_curves
from topcert.methods.certify import certify
from topcert.methods.registered_methods import find_vote_method
from topcert.theory.certified_radius import ABSTAIN
from topcert_paper.records import Origin, read_counted, read_origins, read_radii
from topcert_paper.tables import ALPHA, RADII, PaperTable, Row, Setting


@final
@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number and the paper's: `certified` of `total` inputs in `setting`, or None where nothing
    was measured.

    `setting` is empty where no setting certifies anything.
    """

    k: int
    method: str
    title: str
    radius: int
    paper: str
    certified: int | None
    total: int
    setting: str
    alpha: float
    origin: Origin | None


def all_cells(table: PaperTable, folder: Path) -> list[Cell]:
    """Every cell of the table from the records in `folder`, row by row, then by radius."""
    cells: list[Cell] = []
    if table.interval_title is not None:
        cells += _interval_cells(table, folder)
    for row in table.rows:
        curves = {setting: _hits(table, row, setting, folder) for setting in row.settings}
        measured = {setting: found for setting, found in curves.items() if found is not None}
        if len({total for _, total, _ in measured.values()}) > 1:
            raise ValueError(
                f"{folder}: the settings of {row.title} were measured on different numbers of"
                " inputs"
            )
        for column, radius in enumerate(RADII):
            best = max(measured, key=lambda setting: measured[setting][0][column], default=None)
            hits, total, origin = (None, 0, None) if best is None else measured[best]
            cells.append(
                Cell(
                    k=row.k,
                    method=row.method,
                    title=row.title,
                    radius=radius,
                    paper=row.paper[column],
                    certified=None if hits is None else int(hits[column]),
                    total=total,
                    setting=(
                        best.in_words()
                        if best is not None and hits is not None and hits[column]
                        else ""
                    ),
                    alpha=ALPHA,
                    origin=origin,
                )
            )
    return cells


def _hits(
    table: PaperTable, row: Row, setting: Setting, folder: Path
) -> tuple[NDArray[np.int64], int, Origin] | None:
    """Inputs whose true label is certified at each of RADII, and their number."""
    counted = read_counted(folder, setting.name)
    if counted is None:
        return None
    method = find_vote_method(row.method)
    certificates = certify(
        method,
        counted.counts,
        smoothing=table.smoothing(setting),
        labels=counted.labels,
        selection=counted.selection,
        label_choice="selected" if method.selects else "given",
        ks=[row.k],
        alpha=ALPHA,
    )
    (curve,) = accuracy_curves(certificates, dict(enumerate(counted.labels.tolist())))
    beyond = len(curve.certified)
    hits = np.array([curve.certified[r] if r < beyond else 0 for r in RADII], np.int64)
    return hits, curve.total, counted.origin


def _interval_cells(table: PaperTable, folder: Path) -> list[Cell]:
    radii = read_radii(folder)
    return [
        Cell(
            k=1,
            method="chiang",
            title=table.interval_title or "",
            radius=radius,
            paper=table.interval_paper[column],
            certified=(
                None if radii is None else int(((radii != ABSTAIN) & (radii >= radius)).sum())
            ),
            total=0 if radii is None else len(radii),
            setting="",
            alpha=0.0,
            origin=None if radii is None else read_origins(folder).get("interval"),
        )
        for column, radius in enumerate(RADII)
    ]
