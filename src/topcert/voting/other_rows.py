"""Other rows to put beside a row, such as an attacker might write, and how a model is asked that
may refuse them.
"""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError
from topcert.classifiers.classifier import Classifier
from topcert.voting.voter import Voter

FEW: Final = 4  # rows that are asked one by one
HIGH: Final = (255.0, 1e4, 1e30, 3e38)  # what an attacker might write
LOW: Final = (-255.0, -1e6, -3e38)
MIDDLE: Final = (2.0, 20.0)
MILD: Final = (1.0, 0.5)  # and what he might where anything else is refused
# each tried by itself
LADDER: Final = (3e38, 1e4, 1e3, 255.0, 20.0, 2.0, 1.0, 0.5, -1.0, -20.0, -255.0, -3e38)
STEPS: Final = 12  # halvings to find how far a model goes: to 2 per cent of it
SLACK: Final = 1.05  # what is so near to the limit that was found is tried as it is
LEAST: Final = 0.5


@final
class RowwiseClassifier:
    """Asks a classifier for answers, row by row where it fails on a batch; counts what it asked."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.passes = 0
        self.answered = 0
        self.failed = False  # on the last batch as a whole
        self.known = np.empty(0, np.bool_)  # which rows of the last batch got an answer

    def __call__(
        self, batch: NDArray[np.floating], *, only: NDArray[np.bool_] | None = None
    ) -> NDArray[Any]:
        """Answers to the rows of `batch`; where it fails as a whole, to a few (of `only`, if
        given).
        """
        size = len(batch)
        answers = self._answer(batch)
        self.failed = answers is None
        self.known = np.ones(size, np.bool_)
        if answers is not None:
            self.answered += size
            return answers
        asked = np.flatnonzero(self.known if only is None else only)[: FEW if size > 1 else 0]
        self.known = np.zeros(size, np.bool_)
        found: NDArray[Any] = np.zeros((size, 1))
        for place in asked:
            own = self._answer(np.repeat(batch[place : place + 1], size, axis=0))
            if own is None or (self.known.any() and own.shape != found.shape):
                continue
            if not self.known.any():
                found = np.zeros(own.shape, own.dtype)
            found[place], self.known[place] = own[place], True
        self.answered += int(self.known.sum())
        return found

    def farthest(self, batch: NDArray[np.floating], value: float) -> float:
        """The largest part of `value` that the model takes in a row of `batch`, or nearly; 0 where
        it takes none.
        """

        def takes(part: float) -> bool:
            tried = batch.copy()
            tried[0].reshape(-1)[:1] = part
            return self._answer(tried) is not None

        sign = np.sign(value)
        if abs(value) <= LEAST or not takes(sign * LEAST):
            return 0.0
        low, high = np.log2(LEAST), np.log2(abs(value))
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if takes(sign * 2.0**middle) else (low, middle)
        return float(sign * 2.0**low)

    def _answer(self, batch: NDArray[np.floating]) -> NDArray[Any] | None:
        self.passes += len(batch)
        try:
            return self._classifier.answer(batch)
        except AnswerError:
            return None


def other_rows(
    voter: Voter,
    count: int,
    position: int,
    generator: np.random.Generator,
    value: float,
    *,
    every: bool = False,
) -> NDArray[np.floating]:
    """`count` other rows: those of another input, nothing, or `value` in one or all places of such
    a row (`every`: all of them have it).

    It is the same value in all of them: of two opposite ones each would hide what the other does.
    """
    other = voter.batch((position + 1) % voter.num_inputs, 0)
    others = other[generator.integers(0, len(other), count)].copy()
    for place, kind in enumerate(generator.permutation(count) % (2 if every else 4)):
        row = others[place].reshape(-1)
        shown = np.flatnonzero(row)
        if kind == 0:  # one value that is kept, as one written pixel would be
            row[generator.choice(shown) if len(shown) else 0] = clipped(value, others.dtype)
        elif kind == 1:
            row[shown] = clipped(value, others.dtype)
        elif kind == 2:
            row[:] = 0
    return others


def clipped(value: float, dtype: np.dtype[np.floating]) -> float:
    """The value, or the nearest that `dtype` holds."""
    limits = np.finfo(dtype)
    return float(np.clip(value, limits.min, limits.max))
