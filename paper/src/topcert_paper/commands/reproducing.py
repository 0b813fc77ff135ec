"""What the commands under `topcert reproduce` share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, final

import typer

from topcert.cli.progress import console, messages, progress_bar, stoppable
from topcert.progress.bars import Update
from topcert_paper.reproduce.steps import Steps

FromCounts = Annotated[
    bool,
    typer.Option("--from-counts", help="Redraw from the vote counts that topcert-paper carries."),
]


@final
class PrintedSteps(Steps):
    """Steps as the command shows them; on Ctrl-C it says what `out` keeps."""

    def __init__(self, out: Path) -> None:
        self._kept = f"what is finished is kept in {out}: repeat the command"

    def tell(self, line: str) -> None:
        messages.print(line, highlight=False, soft_wrap=True)

    @contextmanager
    def work(self, title: str, *, unit: str) -> Iterator[Update]:
        with stoppable(self._kept), progress_bar(title, unit=unit) as update:
            yield update


def print_written(paths: Iterable[Path]) -> None:
    """Name the files."""
    for path in paths:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
