"""A table of the paper as it was measured again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from topcert.data_frames import to_frame
from topcert_paper.cells import Cell, all_cells
from topcert_paper.collecting import useful_settings
from topcert_paper.rendering import COLUMNS, values_of, write_table
from topcert_paper.tables import PaperTable, Setting


@final
@dataclass(frozen=True, kw_only=True)
class MadeTable:
    """Ours beside the paper's.

    Attributes
    ----------
    table
        The paper's.
    cells
        By row and radius.
    num_samples
        Votes of an input (n).
    useless
        Settings under which no votes could certify a pixel.
    paths
        What was written: CSV, Markdown and LaTeX.
    rehearsed
        Cells that were rehearsed with untrained networks and are not in the table; None where
        nothing was.
    """

    table: PaperTable
    cells: tuple[Cell, ...]
    num_samples: int
    useless: tuple[Setting, ...]
    paths: tuple[Path, ...]
    rehearsed: int | None = None

    def rows(self) -> list[dict[str, Any]]:
        """The cells as the CSV has them."""
        return [dict(zip(COLUMNS, values_of(cell), strict=True)) for cell in self.cells]

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = self.rows()
        return to_frame({name: [row[name] for row in rows] for name in COLUMNS})


def draw_table(
    table: PaperTable, counts: Path, out: Path, *, num_samples: int, rehearsed: int | None = None
) -> MadeTable:
    """The table from the counts in a folder, written into `out`."""
    cells = all_cells(table, counts)
    useful = useful_settings(table, num_samples=num_samples)
    return MadeTable(
        table=table,
        cells=tuple(cells),
        num_samples=num_samples,
        useless=tuple(setting for setting in table.settings if setting not in useful),
        paths=tuple(write_table(cells, out / table.name, caption=table.caption)),
        rehearsed=rehearsed,
    )
