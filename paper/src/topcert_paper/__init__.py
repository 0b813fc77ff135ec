"""The paper's tables, figures and protocols, and what goes past them, from kept votes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topcert_paper.carried import table1_cells
    from topcert_paper.reproduce.beyond import reproduce_beyond
    from topcert_paper.reproduce.figure import ImagenetPanel, reproduce_figure
    from topcert_paper.reproduce.infill import reproduce_infill
    from topcert_paper.reproduce.points import reproduce_points
    from topcert_paper.reproduce.table1 import reproduce_table1
    from topcert_paper.reproduce.table2 import reproduce_table2

__all__ = [
    "ImagenetPanel",
    "reproduce_beyond",
    "reproduce_figure",
    "reproduce_infill",
    "reproduce_points",
    "reproduce_table1",
    "reproduce_table2",
    "table1_cells",
]

_LATER = {
    "ImagenetPanel": "topcert_paper.reproduce.figure",
    "reproduce_beyond": "topcert_paper.reproduce.beyond",
    "reproduce_figure": "topcert_paper.reproduce.figure",
    "reproduce_infill": "topcert_paper.reproduce.infill",
    "reproduce_points": "topcert_paper.reproduce.points",
    "reproduce_table1": "topcert_paper.reproduce.table1",
    "reproduce_table2": "topcert_paper.reproduce.table2",
    "table1_cells": "topcert_paper.carried",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'topcert_paper' has no attribute {name!r}")
    found = getattr(import_module(_LATER[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
