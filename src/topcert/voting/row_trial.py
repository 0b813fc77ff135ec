"""A batch of rows, asked again among other rows and in other places: each must get the same
answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError, are_scores
from topcert.classifiers.classifier import Classifier
from topcert.voting.other_rows import (
    FEW,
    HIGH,
    LADDER,
    LOW,
    MILD,
    SLACK,
    RowwiseClassifier,
    clipped,
    other_rows,
)
from topcert.voting.voter import Voter

# of the spread of scores: what another place or shape may do; bfloat16 rounds by a third of it
ROUNDING: Final = 0.02


class RowsError(ValueError):
    """A vote is no function of its own row: nothing may be certified."""


@final
@dataclass(frozen=True, kw_only=True)
class RowCheck:
    """What was tried: `rows` answers compared in their own place, in `passes` passes; `moved` is
    the largest difference that another place in the batch made to a score.
    """

    rows: int
    passes: int
    moved: float

    def __add__(self, other: RowCheck) -> RowCheck:
        return RowCheck(
            rows=self.rows + other.rows,
            passes=self.passes + other.passes,
            moved=max(self.moved, other.moved),
        )


@final
class Trial:
    """A batch and its answers, which it must get again among other rows."""

    def __init__(
        self,
        voter: Voter,
        batch: NDArray[np.floating],
        position: int,
        generator: np.random.Generator,
        *,
        limits: dict[bool, float] | None = None,
    ) -> None:
        self._voter, self._batch, self._position, self._generator = (
            voter,
            batch,
            position,
            generator,
        )
        self._ask = RowwiseClassifier(voter.classifier)
        self.first = self._ask(batch)
        self.known = self._ask.known
        self._scored = are_scores(self.first, voter.classifier.num_classes)
        # how far above and below 0 the model goes, where it refuses more
        self.limits = {} if limits is None else limits
        self.rows, self.moved = 0, 0.0

    def try_all(self, half: NDArray[np.bool_], few: NDArray[np.bool_]) -> None:
        """All kinds of other rows, in batches of this shape."""
        for stays, values in ((half, HIGH), (~half, LOW), (half, MILD)):
            self.ask_among(stays, float(self._generator.choice(values)))
        self.ask_among(few, None)

    def ask_each_value(self, few: NDArray[np.bool_]) -> None:
        """Each value of the ladder by itself, in one half and the other; then few rows among hidden
        ones; places.
        """
        size = len(self._batch)
        order = self._generator.permutation(size)
        half = np.isin(np.arange(size), order[: size // 2])
        for step, value in enumerate(LADDER):
            self.ask_among(half if step % 2 else ~half, value, every=step % 4 > 1)
        self.ask_among(few, None)
        self.ask_in_other_places()

    def ask_among(
        self,
        stays: NDArray[np.bool_],
        value: float | None,
        *,
        every: bool = False,
        spot: float | None = None,
    ) -> None:
        """The rows that stay, among others that hold `value`; None: hidden ones, of which one holds
        the value `spot`.
        """
        gone = int((~stays).sum())
        if value is not None:
            value = self._within(value)
            others = other_rows(
                self._voter, gone, self._position, self._generator, value, every=every
            )
        else:
            others = np.zeros((gone, *self._batch.shape[1:]), self._batch.dtype)
            if spot is not None:
                others[0].reshape(-1)[0] = clipped(self._within(spot), others.dtype)
        mixed = self._batch.copy()
        mixed[~stays] = others
        self._compare(mixed, stays)
        extreme = value if value is not None else spot
        if self._ask.failed and extreme and abs(extreme) > 1 and (extreme > 0) not in self.limits:
            # it refuses what is so large: what of less?
            self.limits[extreme > 0] = self._ask.farthest(self._batch, extreme)
            self.ask_among(stays, value, every=every, spot=spot)

    def _within(self, value: float) -> float:
        limit = self.limits.get(value > 0, value)
        return limit if abs(value) > abs(limit) * SLACK else value

    def _compare(self, mixed: NDArray[np.floating], stays: NDArray[np.bool_]) -> None:
        again = self._ask(mixed, only=stays & self.known)
        compared = stays & self.known & self._ask.known
        if not compared.any():
            return
        classifier = self._voter.classifier
        if again.shape != self.first.shape:
            count = int(compared.sum())
            raise RowsError(
                differing_rows(
                    count,
                    count,
                    "of another shape among other rows of a batch",
                    cause_and_fix(classifier),
                )
            )
        if not same(self.first[compared], again[compared]).all():
            repeated = self._ask(self._batch)
            refuse(self.first[self.known], repeated[self.known], "when asked again", FORGETS)
            refuse(
                self.first[compared],
                again[compared],
                "among other rows of a batch",
                cause_and_fix(classifier),
            )
        self.rows += int(compared.sum())

    def ask_in_other_places(self) -> None:
        """All rows in other places."""
        shift = int(self._generator.integers(1, len(self._batch)))
        turned = np.roll(self._ask(np.roll(self._batch, shift, axis=0)), -shift, axis=0)
        compared = self.known & np.roll(self._ask.known, -shift)
        if compared.any():
            why = cause_and_fix(self._voter.classifier)
            gap = moved_by(
                self.first[compared],
                turned[compared],
                "in another place of the batch",
                why,
                scored=self._scored,
            )
            self.moved = max(self.moved, gap)

    def alone(self) -> None:
        """A few rows in batches of one."""
        classifier = self._voter.classifier
        for place in np.flatnonzero(self.known)[:FEW].tolist():
            self._ask.passes += 1
            try:
                found = classifier.answer(self._batch[place : place + 1])
            except AnswerError:  # made for batches of one size, say
                return
            moved_by(
                self.first[place : place + 1],
                found,
                "alone",
                cause_and_fix(classifier),
                scored=self._scored,
            )

    def result(self) -> RowCheck:
        return RowCheck(rows=self.rows, passes=self._ask.passes, moved=self.moved)


def refuse(first: NDArray[Any], again: NDArray[Any], when: str, why: str) -> None:
    """Raise RowsError where two answers to the same rows in the same places differ in a bit."""
    differ = int((~same(first, again)).sum())
    if differ:
        raise RowsError(differing_rows(differ, len(first), when, why))


def same(first: NDArray[Any], again: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows have the same answer to the bit; NaN is the same as NaN."""
    if first.shape != again.shape:  # scores here and labels there
        return np.zeros(len(first), np.bool_)
    same = (first == again) | ((first != first) & (again != again))
    return np.asarray(same.all(axis=tuple(range(1, same.ndim))))


def moved_by(
    first: NDArray[Any], again: NDArray[Any], when: str, why: str, *, scored: bool
) -> float:
    """The largest difference of scores; raises RowsError where it is more than rounding, or (not
    `scored`) labels differ.
    """
    if not scored or not first.size or first.shape != again.shape:
        refuse(first, again, when, why)
        return 0.0
    finite = np.isfinite(first) & np.isfinite(again)
    gaps = np.where(
        finite, np.abs(np.where(finite, first, 0.0) - np.where(finite, again, 0.0)), 0.0
    )
    spread = np.ptp(np.where(np.isfinite(first), first, 0.0), axis=1)
    differ = int(
        (
            (gaps.max(axis=1) > ROUNDING * spread)
            | (np.isfinite(first) != np.isfinite(again)).any(axis=1)
        ).sum()
    )
    if differ:
        raise RowsError(differing_rows(differ, len(first), when, why))
    return float(gaps.max())


def differing_rows(differ: int, rows: int, when: str, why: str) -> str:
    return f"{differ} of {rows} rows got another answer {when}; {why}"


def cause_and_fix(classifier: Classifier) -> str:
    """What to say of a classifier whose answer depends on more than the row."""
    cause = CAUSES if classifier.row_mixing is None else classifier.row_mixing.text
    return f"a vote must be a function of its own row: {cause}; {fix_in_words(classifier)}"


FORGETS: Final = (
    "the classifier must be deterministic and remember nothing: switch off dropout, sampling,"
    " counters and non-deterministic kernels"
)
CAUSES: Final = (
    "batch statistics, dynamic quantization or a wrapper that looks at the whole batch would do"
    " this"
)


def fix_in_words(classifier: Classifier) -> str:
    if classifier.batch_size in (None, 1):
        return (
            "mend the model, or have each row judged alone: --batch-size 1 (batch_size=1 in Python)"
        )
    return f"mend the model, or export it for batches of 1 instead of {classifier.batch_size}"
