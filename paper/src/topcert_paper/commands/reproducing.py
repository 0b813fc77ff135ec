"""What the commands under `topcert reproduce` share."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from topcert_paper.tables import Budget

FromCounts = Annotated[
    bool,
    typer.Option("--from-counts", help="Redraw from the vote counts that topcert-paper carries."),
]


def need_torch(network: Path) -> None:
    if not network.is_file() and (find_spec("torch") is None or find_spec("onnxscript") is None):
        raise ValueError(
            "training needs PyTorch and the ONNX exporter; install them with: pip install"
            " 'topcert[torch]'"
        )


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
