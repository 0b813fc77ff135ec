"""How long votes may be cast under a stopping rule."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

from topcert.theory.scalars import real


@final
class TimeBudget:
    """Seconds from when it is made until a run is to be over: its votes, and the check after them.

    What is proven under a stopping rule holds at any moment, so that it may be any clock that ends
    it. Raises ValueError for what is no positive number of seconds.
    """

    def __init__(self, seconds: float) -> None:
        if not 0 < real(seconds, "--max-seconds") < math.inf:
            raise ValueError(f"--max-seconds must be a positive number of seconds, got {seconds}")
        self.seconds = float(seconds)
        self._end = time.monotonic() + seconds
        self._began = self._end

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Within it the model is checked, which will take as long again after the last vote."""
        before = time.monotonic()
        yield
        self._end -= time.monotonic() - before

    def begin(self) -> None:
        """The first vote is cast now."""
        self._began = time.monotonic()

    def allows(self, votes: int, *, done: int) -> bool:
        """Whether so many votes more would be there in time, if they take as long as the `done`
        ones took.
        """
        now = time.monotonic()
        return now + votes * (now - self._began) / done <= self._end
