"""Where long work stands, as bars in a notebook, drawn again in their place, without widgets."""

from __future__ import annotations

import html
import time
from importlib import import_module
from typing import Any, Final, final

from topcert.progress.bars import Update
from topcert.progress.lines import ProgressLine, Stage, in_words

EVERY: Final = 0.25  # seconds between two drawings


@final
class NotebookBars:
    """One bar a stage, from its first update on; of a stage whose `ends` is False the next takes
    the place.
    """

    def __init__(self) -> None:
        self._display: Any = import_module("IPython.display").display
        self._place: Any = None  # of a bar that may be drawn over

    def __call__(self, title: str, *, unit: str, ends: bool = True) -> Update:
        stage: Stage | None = None
        place: Any = None
        drawn = 0.0

        def update(done: int, total: int, note: str) -> None:
            nonlocal stage, place, drawn
            now = time.monotonic()
            if stage is None:
                stage = Stage(title, unit, ends=ends, now=now)
                stage.first = done
            stage.done, stage.total, stage.note = done, total, note
            if place is not None and done < total and now < drawn + EVERY:
                return
            drawn = now
            shown = _drawn(stage.at(now))
            if place is not None:
                place.update(shown, raw=True)
            elif self._place is not None:
                place = self._place
                place.update(shown, raw=True)
            else:
                place = self._display(shown, raw=True, display_id=True)
            self._place = None if ends else place

        return update


def _drawn(line: ProgressLine) -> dict[str, str]:
    """A bar and its words, in the forms that a notebook may show."""
    words = in_words(line)
    bar = f'<progress value="{line.done}" max="{max(line.total, 1)}"></progress>'
    return {"text/plain": words, "text/html": f"{bar} {html.escape(words)}"}
