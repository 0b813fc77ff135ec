"""What the commands under `topcert reproduce` share."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

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
