"""What every page of help must be like."""

from __future__ import annotations

import re
from collections.abc import Sequence


def assert_reads_well(page: str) -> None:
    """At 80 columns, in words, with the texts beside the options in a wide column."""
    lines = page.splitlines()
    assert max(map(len, lines)) <= 80
    assert not re.search(
        r"<=|>=|<int|<str|<path|range>|\.\.\.$", "\n".join(lines[1:]), re.MULTILINE
    )
    beside = [len(line) - len(line.lstrip()) for line in lines if line.startswith(" " * 12)]
    assert max(beside, default=0) <= 34, "a narrow column of help"


def assert_usage_is_in_capitals(page: str, command: Sequence[str]) -> None:
    """And no word of the page is broken, nor any outside of ASCII."""
    usage, *lines = page.splitlines()
    named = usage.partition(f"topcert {' '.join(command)} ")[2].split()
    assert named
    assert named == [word.upper() for word in named], usage
    assert not [line for line in lines if line.endswith("-")], page
    assert page.isascii()
