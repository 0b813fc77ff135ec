"""Where long work stands, line by line: soon at first, then at growing distances: a log is neither
mute nor flooded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Final, final

FIRST: Final = 2.0  # seconds from the first update to the first line
GAPS: Final = (5.0, 10.0, 20.0, 40.0)  # between the lines that follow
LAST_GAP: Final = 60.0  # between all after these
# how often it is looked whether a line is due, however long one step of the work takes
TICK: Final = 0.5


@final
@dataclass(frozen=True, kw_only=True)
class ProgressLine:
    """Where a stage stands: `done` of `total` `unit`s, so many a second (None where none is known
    yet).
    """

    title: str
    unit: str
    done: int
    total: int
    rate: float | None
    note: str

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.rate if self.rate else None


def short(rate: float) -> str:
    """A rate as a person reads it: whole from 10 on, two digits below, where a step can take
    seconds.
    """
    return f"{rate:,.0f}" if rate >= 9.95 else f"{rate:.2g}"


def in_words(line: ProgressLine) -> str:
    """A line for a person."""
    parts = [f"{line.title}: {line.done:,} of {line.total:,} {line.unit}"]
    if line.rate is not None and line.seconds_left is not None:
        parts += [
            f"{short(line.rate)} {line.unit}/s",
            f"{timedelta(seconds=int(line.seconds_left))} left",
        ]
    return ", ".join([*parts, *([line.note] if line.note else [])])


def as_object(line: ProgressLine) -> dict[str, object]:
    """A line for a program."""
    return {
        "task": line.title,
        "done": line.done,
        "total": line.total,
        "unit": line.unit,
        "rate": line.rate,
        "seconds_left": line.seconds_left,
        "note": line.note,
    }


@final
class Stage:
    """What is known of one stage; what a resumed run finds done counts for no rate."""

    def __init__(self, title: str, unit: str, *, ends: bool, now: float) -> None:
        self.title, self.unit, self.ends, self.began = title, unit, ends, now
        self.first = self.done = self.total = 0
        self.note = ""
        self.shown_at: int | None = None  # how much was done when it was last shown,
        self.shown_note = ""  # and beside what note

    def at(self, now: float) -> ProgressLine:
        rate = (
            (self.done - self.first) / max(now - self.began, 1e-9)
            if self.done > self.first
            else None
        )
        return ProgressLine(
            title=self.title,
            unit=self.unit,
            done=self.done,
            total=self.total,
            rate=rate,
            note=self.note,
        )


@final
class Lines:
    """Tells of stages that follow each other; a thread tells where one step of the work takes
    longer than a line may wait.

    `eager` tells the first state of each stage at once, and the last of all.
    """

    def __init__(self, show: Callable[[ProgressLine], None], *, eager: bool) -> None:
        self._show, self._eager = show, eager
        self._lock = threading.Lock()
        self._current: Stage | None = None
        self._due: float | None = None
        self._gaps = iter(GAPS)
        self._over = threading.Event()

    def __enter__(self) -> Lines:
        threading.Thread(target=self._watch, daemon=True, name="topcert-progress").start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def stage(self, title: str, *, unit: str, ends: bool = True) -> Callable[[int, int, str], None]:
        """The update of a stage, which begins at its first call."""
        own: Stage | None = None

        def update(done: int, total: int, note: str) -> None:
            nonlocal own
            now = time.monotonic()
            with self._lock:
                if own is None:
                    own = self._current = Stage(title, unit, ends=ends, now=now)
                    own.first = done
                    self._due = now + FIRST if self._due is None else self._due
                    own.done, own.total, own.note = done, total, note
                    if self._eager:
                        self._emit(own, now)
                    return
                own.done, own.total, own.note = done, total, note
                ended = done == total and own.shown_at != done
                if (
                    ended
                    and done > own.first
                    and (self._eager or own.ends or own.shown_at is not None)
                ):
                    self._emit(own, now)
                elif self._due is not None and now >= self._due and own.shown_at != done:
                    self._emit_due(own, now)

        return update

    def tick(self) -> None:
        """Tell where things stand if a line is due."""
        now = time.monotonic()
        with self._lock:
            stage = self._current
            if stage is None or self._due is None or now < self._due:
                return
            # the last line stands there once
            if (stage.shown_at, stage.shown_note) != (stage.total, stage.note):
                self._emit_due(stage, now)

    def _emit_due(self, stage: Stage, now: float) -> None:
        self._due = now + next(self._gaps, LAST_GAP)
        self._emit(stage, now)

    def _emit(self, stage: Stage, now: float) -> None:
        stage.shown_at, stage.shown_note = stage.done, stage.note
        self._show(stage.at(now))

    def _watch(self) -> None:
        while not self._over.wait(TICK):
            with suppress(OSError, ValueError):  # standard error is closed: the work goes on
                self.tick()
