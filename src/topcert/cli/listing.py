"""Certificates input by input, for data whose inputs a person knows by name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from rich.table import Table

from topcert.cli.progress import console
from topcert.files import printable
from topcert.methods.certificate_table import CertificateTable
from topcert.theory.certified_radius import ABSTAIN

ROWS_SHOWN: Final = 20


def print_inputs(certificates: CertificateTable, folder: Path) -> None:
    """A table of the first certificates, one row an input and label; nothing where inputs have no
    names.
    """
    if certificates.names is None:
        return
    ks = np.unique(certificates.k).tolist()
    rows: dict[tuple[int, int], dict[int, int]] = {}  # the row of each k
    for row, (place, label, k) in enumerate(
        zip(
            certificates.index.tolist(),
            certificates.label.tolist(),
            certificates.k.tolist(),
            strict=True,
        )
    ):
        rows.setdefault((place, label), {})[k] = row
    table = Table("input", "label")
    for k in ks:
        table.add_column(f"radius, top {k}", justify="right")
    for radii in list(rows.values())[:ROWS_SHOWN]:
        first = next(iter(radii.values()))
        called = None if certificates.class_names is None else certificates.class_names[first]
        cells = [_radius(certificates, radii.get(k)) for k in ks]
        shown = (certificates.names[first], called or str(certificates.label[first]))
        table.add_row(*map(printable, shown), *cells)
    console.print(table)
    if len(rows) > ROWS_SHOWN:
        console.print(
            f"... and {len(rows) - ROWS_SHOWN} more in {folder / 'certificates.parquet'}",
            highlight=False,
        )


def _radius(certificates: CertificateTable, row: int | None) -> str:
    if row is None:
        return ""
    return "abstains" if certificates.radius[row] == ABSTAIN else str(certificates.radius[row])
