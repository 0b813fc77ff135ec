"""How long work tells how far it is: each step under a name, with an update of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import final

from rich.console import Console

from topcert.progress.bars import Update
from topcert.progress.shown import Shown, stages


class Steps(ABC):
    """Who is told of each step."""

    @abstractmethod
    def tell(self, line: str) -> None:
        """What is done next."""

    @abstractmethod
    def work(self, title: str, *, unit: str) -> AbstractContextManager[Update]:
        """Enter a step; `update(done, total, note)` of it, `unit` names what is counted."""


Progress = Shown | Steps


@final
class ShownSteps(Steps):
    """As Python shows progress."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def tell(self, line: str) -> None:
        if self._shown is None or self._shown is True:
            Console(markup=False, stderr=True).print(line, highlight=False, soft_wrap=True)

    @contextmanager
    def work(self, title: str, *, unit: str) -> Iterator[Update]:
        with stages(self._shown) as stage:
            yield stage(title, unit=unit)


def steps_of(progress: Progress) -> Steps:
    """Who is told, of what a person passes as `progress`."""
    return progress if isinstance(progress, Steps) else ShownSteps(progress)
