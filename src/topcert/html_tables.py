"""Tables as notebooks show them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Final

ROWS_SHOWN: Final = 20


def html_table(
    header: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str, most: int = ROWS_SHOWN
) -> str:
    """A table of the first `most` rows, and how many there are beside them."""

    def line(cells: Sequence[Any], kind: str) -> str:
        inside = "".join(f"<{kind}>{html.escape(str(cell))}</{kind}>" for cell in cells)
        return f"<tr>{inside}</tr>"

    body = "".join(line(row, "td") for row in rows[:most])
    more = len(rows) - most
    rest = f"<p>... and {more:,} more</p>" if more > 0 else ""
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead>{line(header, 'th')}</thead>"
        f"<tbody>{body}</tbody></table>{rest}"
    )
