"""Where long work stands, as bars on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, final

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from topcert.progress.lines import short

Update = Callable[[int, int, str], None]


@final
class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{short(speed)} {task.fields['unit']}/s")


@final
class Bars:
    """One bar a stage, from its first update on."""

    SHOWN: Final = 20  # characters of a bar

    def __init__(self, stack: ExitStack, console: Console) -> None:
        self._stack, self._console = stack, console
        self._progress: Progress | None = None
        self._passing: list[TaskID] = []  # shown until the next stage begins

    def __call__(self, title: str, *, unit: str, ends: bool = True) -> Update:
        task: TaskID | None = None

        def update(done: int, total: int, note: str) -> None:
            nonlocal task
            progress = self._started()
            if task is None:
                for passed in self._passing:
                    progress.update(passed, visible=False)
                task = progress.add_task(title, total=None, note="", unit=unit)
                self._passing = [] if ends else [task]
            progress.update(task, completed=done, total=total, note=note)

        return update

    def _started(self) -> Progress:
        if self._progress is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=self.SHOWN),
                TaskProgressColumn(),
                _RateColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            bars = Progress(
                *columns, console=self._console, speed_estimate_period=60.0, refresh_per_second=4
            )
            self._progress = self._stack.enter_context(bars)
        return self._progress
