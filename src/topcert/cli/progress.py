"""One progress bar for all long work: share done, rate, time left; a line a minute where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Final, final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

SECONDS_BETWEEN_LINES: Final = 60.0

console = Console(markup=False)  # what is printed may hold brackets, and files of strangers anything
messages = Console(markup=False, stderr=True)


@final
class _RateColumn(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{_short(speed)} {self._unit}/s")


def _short(rate: float) -> str:
    """A rate as a person reads it: whole from 10 on, two digits below, where a step can take seconds."""
    return f"{rate:,.0f}" if rate >= 9.95 else f"{rate:.2g}"


@contextmanager
def stoppable(what_is_kept: str) -> Iterator[None]:
    """On Ctrl-C say what is kept, in one line, and leave with exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        messages.print(f"stopped; {what_is_kept}", soft_wrap=True, highlight=False)
        raise typer.Exit(130) from None


@contextmanager
def progress_bar(title: str, *, unit: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yield `update(done, total, note)`; `unit` names what is counted, such as "passes"."""
    if not messages.is_terminal:
        yield _lines(title, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        _RateColumn(unit),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=messages, speed_estimate_period=60.0, refresh_per_second=4) as progress:
        task = progress.add_task(title, total=None, note="")

        def update(done: int, total: int, note: str) -> None:
            progress.update(task, completed=done, total=total, note=note)

        yield update


@contextmanager
def pairs_bar() -> Iterator[Callable[[int, int], None]]:
    """Yield `update(done, total)` for `derive`: a bar from the first update on, which most methods never make."""
    with ExitStack() as stack:
        shown: list[Callable[[int, int, str], None]] = []

        def update(done: int, total: int) -> None:
            if not shown:
                shown.append(stack.enter_context(progress_bar("pairs of features", unit="inputs")))
            shown[0](done, total, "")

        yield update


def _lines(title: str, unit: str) -> Callable[[int, int, str], None]:
    """For logs: say where things stand once a minute, and at the end."""
    began = last = time.monotonic()
    first = -1

    def update(done: int, total: int, note: str) -> None:
        nonlocal last, first
        now = time.monotonic()
        if first < 0:
            first = done
        if done > first and (done == total or now - last > SECONDS_BETWEEN_LINES):
            last = now
            rate = (done - first) / max(now - began, 1e-9)
            left = timedelta(seconds=int((total - done) / rate))
            text = f"{title}: {done:,} of {total:,} {unit}, {_short(rate)} {unit}/s, {left} left"
            messages.print(f"{text}{', ' + note if note else ''}", highlight=False, soft_wrap=True)

    return update
