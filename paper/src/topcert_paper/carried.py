"""The vote counts that this distribution carries, and tables from them: no network is asked."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import cast, get_args

from topcert_paper.cells import Cell, all_cells
from topcert_paper.tables import TABLE1, Budget


def table1_cells(budget: str = "small") -> list[Cell]:
    """Table 1 and Appendix D's row, as `topcert reproduce table1 --from-counts` draws them.

    Parameters
    ----------
    budget
        "small" or "paper": the network, and n = 10,000 or 100,000.

    Returns
    -------
    list of Cell
        By row and radius; `topcert_paper.rendering.write_table` writes them.

    Raises
    ------
    ValueError
        For another budget, or one that nobody measured.

    Examples
    --------
    >>> from topcert_paper.carried import table1_cells
    >>> table1_cells("large")
    Traceback (most recent call last):
    ValueError: --budget must be one of small, paper, got 'large'
    """
    return all_cells(TABLE1, table1_counts(read_budget(budget)))


def table1_counts(budget: Budget) -> Path:
    """The counts of Table 1 at a budget. Raises ValueError where nobody measured it."""
    return carried_counts(f"{TABLE1.name}-{budget}", f"{TABLE1.name} at --budget {budget}")


def read_budget(name: str) -> Budget:
    for budget in get_args(Budget):
        if name == budget:
            return cast("Budget", budget)
    raise ValueError(f"--budget must be one of {', '.join(get_args(Budget))}, got {name!r}")


def carried_counts(name: str, what: str) -> Path:
    """The folder `name` of counts inside the package; raises ValueError, saying of `what`, where
    there is none.
    """
    folder = Path(str(files("topcert_paper").joinpath("votes", name)))
    if not folder.is_dir():
        raise ValueError(f"topcert-paper carries no vote counts of {what}: nobody measured it yet")
    return folder
