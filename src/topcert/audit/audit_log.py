"""What an audit says as it goes: line by line, and what of it stays open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from topcert.files import printable


def silent(_line: str) -> None:
    """Say nothing."""


@final
@dataclass(kw_only=True)
class AuditLog:
    """What was said; of that, what was not checked and what only a reader can judge.

    `on_line` is given each line as soon as it is known, whatever a stranger wrote into it, and
    `on_note` what a person should know of how data and model are read.
    """

    on_line: Callable[[str], None] = silent
    on_note: Callable[[str], None] = silent
    lines: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    to_judge: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """One line."""
        self.lines.append(printable(text))
        self.on_line(self.lines[-1])

    def not_checked_because(self, text: str) -> None:
        """Say what was not checked, and keep it."""
        self.not_checked.append(printable(text))
        self.add(f"not checked: {text}")

    def for_the_reader(self, text: str) -> None:
        """Say what only a reader can judge, and keep it."""
        self.to_judge.append(printable(text))
        self.add(f"for you to judge: {text}")

    def note(self, text: str) -> None:
        """What a person should know of how data or model is read."""
        self.on_note(printable(text))
