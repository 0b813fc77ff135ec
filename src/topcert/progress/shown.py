"""Progress as Python shows it: a bar in a terminal or a notebook, lines in a log, a call of yours,
or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from rich.console import Console

from topcert.progress.bars import Bars, Update
from topcert.progress.lines import Lines, in_words
from topcert.progress.notebook import NotebookBars

Shown = bool | None | Callable[[str, int, int], object]


class Stages(Protocol):
    """Give each stage of some work its own update."""

    def __call__(self, title: str, *, unit: str, ends: bool = True) -> Update:
        """`update(done, total, note)` of a stage; `unit` names what is counted, such as "passes".

        A stage whose `ends` is False says that it is done only where it took a while.
        """


# What shows the stages of one work after another's.
StageContext = Callable[[], AbstractContextManager[Stages]]


@contextmanager
def stages(shown: Shown) -> Iterator[Stages]:
    """Yield what gives the stages of one work, which follow each other, an update each.

    `shown` None or True: a bar where standard error is a terminal or this is a notebook, else lines
    on standard error; False: nothing; a function: it is called with the stage, what is done and the
    total.
    """
    if shown is not None and not isinstance(shown, bool) and not callable(shown):
        raise ValueError(
            "progress must be None, False, or a function of the stage, what is done and the total;"
            f" got {shown!r}"
        )
    if shown is False:
        yield lambda _title, *, unit, ends=True: lambda _done, _total, _note: None  # noqa: ARG005
        return
    if callable(shown):
        yield _calling(shown)
        return
    console = Console(markup=False, stderr=True)
    if console.is_jupyter:
        yield NotebookBars()
        return
    if console.is_terminal:
        with ExitStack() as stack:
            yield Bars(stack, console)
        return

    def show(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    with Lines(lambda line: show(in_words(line)), eager=False) as lines:
        yield lines.stage


def _calling(function: Callable[[str, int, int], object]) -> Stages:
    def stage(title: str, *, unit: str, ends: bool = True) -> Update:  # noqa: ARG001
        def update(done: int, total: int, _note: str) -> None:
            function(title, done, total)

        return update

    return stage
