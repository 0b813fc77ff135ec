"""Rule 4 of a true certificate: a vote is a function of one row, whatever other rows stand in its batch.

A batch is asked again with half of its rows replaced by others: rows of other inputs, hidden ones, and what an attacker
might write; then with the other half replaced, and with all but a few hidden. In its own place a row must get the same
answer to the bit. Then all rows change places: what a kernel rounds otherwise there is measured and told, as the place is
part of the draw (docs/theory.md, "Rows judged alone").

These are trials. They find a classifier that looks at its batch, and prove nothing of one that hides it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError, are_scores
from topcert.classifiers.classifier import Classifier
from topcert.theory.radius import uses_quanta
from topcert.voting.manifest import FIXED, IID, Manifest
from topcert.voting.voter import Voter

FEW: Final = 4  # rows that are asked one by one
SINGLES: Final = 8  # different rows, where a batch holds one
MATES: Final = 16  # other rows that each half of a batch meets at least, in several rounds where batches are small
ROUNDING: Final = 0.02  # of the spread of scores: what another place or shape may do; bfloat16 rounds by a third of it
DIM: Final = 0.125
HIGH: Final = (255.0, 1e4, 1e30, 3e38)  # what an attacker might write
LOW: Final = (-255.0, -1e6, -3e38)
MILD: Final = (1.0, 0.5)  # and what he might where anything else is refused


class RowsError(ValueError):
    """A vote is no function of its own row: nothing may be certified."""


@final
@dataclass(frozen=True, kw_only=True)
class RowCheck:
    """What was tried: `rows` answers compared in their own place, in `passes` passes; `moved` is the largest difference
    that another place in the batch made to a score."""

    rows: int
    passes: int
    moved: float

    def __add__(self, other: RowCheck) -> RowCheck:
        return RowCheck(rows=self.rows + other.rows, passes=self.passes + other.passes, moved=max(self.moved, other.moved))


def check_rows(voter: Voter, batches: Sequence[tuple[int, int]], *, generator: np.random.Generator) -> RowCheck:
    """Ask the batches `(input, first draw)` again among other rows.

    Raises RowsError where an answer depends on the other rows of its batch, on more than rounding in another place, or on
    what was asked before; ValueError where the model has no answer to any row.
    """
    classifier = voter.classifier
    if voter.batch_size == 1:
        with _quiet():
            return _check_single(voter, batches, generator)
    if classifier.coupling is not None and classifier.coupling.certain:
        raise RowsError(f"{classifier.coupling.text}; {_fix(classifier)}")
    found = RowCheck(rows=0, passes=0, moved=0.0)
    with _quiet():
        for position, start in batches:
            found += _check_batch(voter, position, start, generator)
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of a model on rows that no input has, such as of an overflow."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _check_batch(voter: Voter, position: int, start: int, generator: np.random.Generator) -> RowCheck:
    classifier, size = voter.classifier, voter.batch_size
    batch = voter.batch(position, start)
    ask = _Asker(classifier)
    order = generator.permutation(size)
    half, few = np.isin(np.arange(size), order[: size // 2]), np.isin(np.arange(size), order[: min(FEW, size // 2)])
    batch[few] *= batch.dtype.type(DIM)  # rows that do not themselves set what a batch is scaled by
    first = ask(batch)
    known = ask.known
    if not known.any():
        classifier.answer(voter.batch(position, start))  # raises: it has no answer to any row
    trials = [(half, HIGH), (~half, LOW), (half, MILD)] * max(1, 2 * MATES // size) + [(few, None)]
    rows = 0
    for stays, values in trials:
        mixed = batch.copy()
        mixed[~stays] = 0 if values is None else _mates(voter, int((~stays).sum()), position, generator, values)
        again = ask(mixed, only=stays & known)
        compared = stays & known & ask.known
        if not _same(first[compared], again[compared]).all():
            _refuse(first[known], ask(batch)[known], "when asked again", FORGETS)
            _refuse(first[compared], again[compared], "among other rows of a batch", _mixes(classifier))
        rows += int(compared.sum())
    turn = int(generator.integers(1, size))
    turned = np.roll(ask(np.roll(batch, turn, axis=0)), -turn, axis=0)
    compared = known & np.roll(ask.known, -turn)
    scored = are_scores(first, classifier.num_classes)
    moved = _moved(first[compared], turned[compared], "in another place of the batch", _mixes(classifier), scored=scored)
    if classifier.batch_size is None:
        for place in np.flatnonzero(known)[:FEW].tolist():
            ask.passes += 1
            try:
                alone = classifier.answer(batch[place : place + 1])
            except AnswerError:  # made for batches of one size, say
                break
            _moved(first[place : place + 1], alone, "alone", _mixes(classifier), scored=scored)
    return RowCheck(rows=rows, passes=ask.passes, moved=moved)


def _check_single(voter: Voter, batches: Sequence[tuple[int, int]], generator: np.random.Generator) -> RowCheck:
    """Batches of one row have no mates: what is left to find is a memory of earlier rows."""
    ask = _Asker(voter.classifier)
    drawn = [voter.batch(position, start + step) for position, start in batches for step in range(SINGLES)]
    first = [ask(row) for row in drawn]
    if not ask.answered:
        voter.classifier.answer(drawn[0])  # raises: it has no answer to any row
    for place in generator.permutation(len(drawn)).tolist():
        ask(_mates(voter, 1, batches[0][0], generator, HIGH + LOW))
        _refuse(first[place], ask(drawn[place]), "when asked in another order", FORGETS)
    return RowCheck(rows=len(drawn), passes=ask.passes, moved=0.0)


@final
class _Asker:
    """Asks a classifier for answers, row by row where it fails on a batch; counts what it asked."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.passes = 0
        self.answered = 0
        self.known = np.empty(0, np.bool_)  # which rows of the last batch got an answer

    def __call__(self, batch: NDArray[np.floating], *, only: NDArray[np.bool_] | None = None) -> NDArray[Any]:
        """Answers to the rows of `batch`; where it fails as a whole, to a few (of `only`, if given)."""
        size = len(batch)
        self.passes += size
        self.known = np.ones(size, np.bool_)
        try:
            answers = self._classifier.answer(batch)
        except AnswerError:
            answers = None
        if answers is not None:
            self.answered += size
            return answers
        asked = np.flatnonzero(self.known if only is None else only)[: FEW if size > 1 else 0]
        self.known = np.zeros(size, np.bool_)
        found: NDArray[Any] = np.zeros((size, 1))
        for place in asked:
            self.passes += size
            try:
                own = self._classifier.answer(np.repeat(batch[place : place + 1], size, axis=0))
            except AnswerError:
                continue
            if not self.known.any():
                found = np.zeros(own.shape, own.dtype)
            found[place], self.known[place] = own[place], True
        self.answered += int(self.known.sum())
        return found


def _mates(
    voter: Voter, count: int, position: int, generator: np.random.Generator, values: tuple[float, ...]
) -> NDArray[np.floating]:
    """Other rows: those of another input, nothing, or one of `values` in one or all places of such a row.

    It is the same value in all of them: of two opposite ones each would hide what the other does.
    """
    other = voter.batch((position + 1) % voter.num_inputs, 0)
    mates = other[generator.integers(0, len(other), count)].copy()
    limits = np.finfo(mates.dtype)
    value = np.clip(generator.choice(values), limits.min, limits.max)
    for place, kind in enumerate(generator.permutation(count) % 4):
        row = mates[place].reshape(-1)
        shown = np.flatnonzero(row)
        if kind == 0:  # one value that is kept, as one written pixel would be
            row[generator.choice(shown) if len(shown) else 0] = value
        elif kind == 1:
            row[shown] = value
        elif kind == 2:
            row[:] = 0
    return mates


def check_run(
    voter: Voter, manifest: Manifest, batches: Sequence[tuple[int, int]], *, generator: np.random.Generator
) -> RowCheck:
    """`check_rows` in batches of a run, and `refuse_places` for its certificates. Raises RowsError as both do."""
    found = check_rows(voter, batches, generator=generator)
    refuse_places(
        found,
        law=manifest.law,
        num_features=manifest.num_features,
        num_kept=manifest.num_kept,
        batch_size=manifest.batch_size,
        whole=() if manifest.stopping == FIXED else (manifest.num_selection, manifest.num_samples),
    )
    return found


def refuse_places(
    found: RowCheck,
    *,
    law: str,
    num_features: int,
    num_kept: int | None,
    batch_size: int,
    whole: tuple[int, ...] = (),
) -> None:
    """Raise RowsError where answers depend on the place in the batch, and the certificate may not (docs/theory.md).

    That is under independent masks, where these are few enough for Eq. 4, or where `whole`, the votes of a first sample
    and the most of a stopping rule, are no multiples of `batch_size`.
    """
    if not found.moved or law != IID or num_kept is None:
        return
    why = None
    if uses_quanta(num_features, num_kept):
        why = f"with {num_kept} of {num_features} features kept, shares of labels are multiples of one mask's"
    elif any(votes % batch_size for votes in whole):
        why = f"{' and '.join(map(str, whole))} votes are not whole batches of {batch_size}"
    if why is not None:
        raise RowsError(
            f"a score differs by up to {found.moved:.1g} in another place of the batch, and {why}; "
            "have each row judged alone: --batch-size 1 (batch_size=1 in Python)"
        )


def _refuse(first: NDArray[Any], again: NDArray[Any], when: str, why: str) -> None:
    """Raise RowsError where two answers to the same rows in the same places differ in a bit."""
    differ = int((~_same(first, again)).sum())
    if differ:
        raise RowsError(_told(differ, len(first), when, why))


def _same(first: NDArray[Any], again: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows have the same answer to the bit; NaN is the same as NaN."""
    same = (first == again) | ((first != first) & (again != again))
    return np.asarray(same.reshape(len(first), -1).all(axis=1))


def _moved(first: NDArray[Any], again: NDArray[Any], when: str, why: str, *, scored: bool) -> float:
    """The largest difference of scores; raises RowsError where it is more than rounding, or (not `scored`) labels differ."""
    if not scored or not first.size:
        _refuse(first, again, when, why)
        return 0.0
    finite = np.isfinite(first) & np.isfinite(again)
    gaps = np.where(finite, np.abs(np.where(finite, first, 0.0) - np.where(finite, again, 0.0)), 0.0)
    spread = np.ptp(np.where(np.isfinite(first), first, 0.0), axis=1)
    differ = int(((gaps.max(axis=1) > ROUNDING * spread) | (np.isfinite(first) != np.isfinite(again)).any(axis=1)).sum())
    if differ:
        raise RowsError(_told(differ, len(first), when, why))
    return float(gaps.max())


def _told(differ: int, rows: int, when: str, why: str) -> str:
    return f"{differ} of {rows} rows got another answer {when}; {why}"


def _mixes(classifier: Classifier) -> str:
    """What to say of a classifier whose answer depends on more than the row."""
    cause = CAUSES if classifier.coupling is None else classifier.coupling.text
    return f"a vote must be a function of its own row: {cause}; {_fix(classifier)}"


FORGETS: Final = (
    "the classifier must be deterministic and remember nothing: switch off dropout, sampling, counters and "
    "non-deterministic kernels"
)
CAUSES: Final = "batch statistics, dynamic quantization or a wrapper that looks at the whole batch would do this"


def _fix(classifier: Classifier) -> str:
    if classifier.batch_size in (None, 1):
        return "mend the model, or have each row judged alone: --batch-size 1 (batch_size=1 in Python)"
    return f"mend the model, or export it for batches of 1 instead of {classifier.batch_size}"
