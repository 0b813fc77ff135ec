"""What a person sees while work goes on: a bar on a terminal, lines in a log, JSON for programs,
or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, Protocol, cast, final, get_args

import typer
from rich.console import Console
from rich.text import Text

from topcert.files import printable
from topcert.progress.bars import Bars, Update
from topcert.progress.lines import Lines, ProgressLine, as_object, in_words

Mode = Literal["auto", "bar", "lines", "json", "off"]

_mode: Mode = "auto"


def choose_progress(mode: str | None) -> str | None:
    """Take `--progress`; None leaves what was chosen. Raises ValueError for a mode that there is
    not.
    """
    global _mode
    if mode is not None:
        if mode not in get_args(Mode):
            raise ValueError(f"--progress must be one of {', '.join(get_args(Mode))}, got {mode!r}")
        _mode = cast("Mode", mode)
    return mode


class _Output(Console):
    """What is printed may hold what strangers wrote: no character of it moves the cursor."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*map(_printable, objects), **options)


def _printable(found: Any) -> Any:
    if isinstance(found, str):
        return "\n".join(map(printable, found.split("\n")))
    if isinstance(found, Text):
        found = found.copy()
        found.plain = _printable(found.plain)
    return found


@final
class _Messages(_Output):
    """Standard error: lines for a person, or JSON where a program reads them."""

    def print(self, *objects: Any, **options: Any) -> None:
        if _mode != "json":
            super().print(*objects, **options)
            return
        text = " ".join(one.plain if isinstance(one, Text) else str(one) for one in objects)
        self.print_object({"message": text})

    def print_object(self, found: dict[str, object]) -> None:
        """One JSON object as one line."""
        self.file.write(json.dumps(found) + "\n")
        self.file.flush()


# what is printed may hold brackets, and files of strangers anything
console = _Output(markup=False)
messages = _Messages(markup=False, stderr=True)


@contextmanager
def stoppable(what_is_kept: str | Callable[[], str]) -> Iterator[None]:
    """On Ctrl-C say what is kept, in one line (a function is asked then), and leave with exit code
    130.
    """
    try:
        yield
    except KeyboardInterrupt:
        kept = what_is_kept if isinstance(what_is_kept, str) else what_is_kept()
        messages.print(f"stopped; {kept}", soft_wrap=True, highlight=False)
        raise typer.Exit(130) from None


class Stages(Protocol):
    """Give each stage of some work its own update."""

    def __call__(self, title: str, *, unit: str, ends: bool = True) -> Update:
        """`update(done, total, note)` of a stage; `unit` names what is counted, such as "passes".

        A stage whose `ends` is False says that it is done only where it took a while.
        """


@contextmanager
def progress_stages() -> Iterator[Stages]:
    """Yield what gives the stages of one work, which follow each other, a bar or lines each."""
    mode = _mode if _mode != "auto" else ("bar" if messages.is_terminal else "lines")
    if mode == "off":
        yield lambda _title, *, unit, ends=True: lambda _done, _total, _note: None  # noqa: ARG005
        return
    if mode == "bar":
        with ExitStack() as stack:
            yield Bars(stack, _terminal())
        return
    with Lines(_print_object if mode == "json" else _print_line, eager=mode == "json") as lines:
        yield lines.stage


def _terminal() -> Console:
    """Standard error, as a terminal."""
    if messages.is_terminal:
        return messages
    return Console(markup=False, stderr=True, force_terminal=True)


@contextmanager
def progress_bar(title: str, *, unit: str) -> Iterator[Update]:
    """Yield `update(done, total, note)` of work in one stage; `unit` names what is counted, such as
    "passes".
    """
    with progress_stages() as stage:
        yield stage(title, unit=unit)


@contextmanager
def pairs_bar() -> Iterator[Callable[[int, int], None]]:
    """Yield `update(done, total)` for `derive`: nothing is shown before the first update, which
    most methods never make.
    """
    with progress_bar("pairs of features", unit="inputs") as update:
        yield lambda done, total: update(done, total, "")


def _print_line(line: ProgressLine) -> None:
    messages.print(in_words(line), highlight=False, soft_wrap=True)


def _print_object(line: ProgressLine) -> None:
    messages.print_object(as_object(line))
