"""A second instance of the model is asked some of the recorded votes, in another order.

A model that remembers what it answered, by less than the whole row (by the mask, say, or by a sum),
gives the same answers whenever it is asked again: only an instance that met other rows first can
tell. So the second one is asked rows like the recorded ones before these: the same masks over other
values, the same values in other places, one value changed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError, are_scores
from topcert.classifiers.classifier import Classifier
from topcert.classifiers.second_instance import SecondInstance
from topcert.voting.checks import SecondCheck
from topcert.voting.row_trial import RowsError
from topcert.voting.rows import quiet
from topcert.voting.voter import Voter, trial_size

SINGLES: Final = 8  # rows, where a batch holds one
LOADED: Final = 4  # rows that a second instance is loaded with
NEAR: Final = 1 / 64  # of the way to another value
# of the spread of scores: what another instance may round otherwise on a processor
ROUNDING_CPU: Final = 1e-3
ROUNDING: Final = 1e-2  # and on a GPU, where it may choose other kernels


def rows_to_load(voter: Voter, position: int, start: int) -> NDArray[np.floating]:
    """A few rows of the batch `(position, start)` to load a second instance with, which
    `check_second` hardly compares.

    Not those of another input: the first instance met these before, and the second is to meet
    others first.
    """
    return np.concatenate([voter.batch(position, start + step)[:1] for step in range(LOADED)])


def check_second(voter: Voter, again: SecondInstance, position: int, start: int) -> SecondCheck:
    """Ask the second instance `again` rows of the batch `(position, start)`, after others that are
    like them.

    Raises RowsError where an answer differs by more than rounding.
    """
    first, second = voter.classifier, again.classifier
    if second is None:
        return SecondCheck(rows=0, passes=0, how=again.how)
    second.limit_threads(first.threads)
    rows, changed = (_drawn(voter, position, start, changed=changed) for changed in (False, True))
    size = _asked_at_once(voter)
    passes = 2 * len(rows)
    with quiet():
        for others in _like(rows, changed, mixed=first.batch_size not in (None, 1)):
            passes += len(others)
            with suppress(AnswerError):  # it may refuse what no input holds
                _asked(second, others, size)
        _compare(first, _either(first, rows, size), _either(second, rows, size), again.how)
    return SecondCheck(rows=len(rows), passes=passes, how=again.how)


def _asked_at_once(voter: Voter) -> int:
    """The batch in which rows are asked: a small one where the model takes any."""
    return (
        voter.batch_size
        if voter.classifier.batch_size is not None
        else min(voter.batch_size, _few(voter))
    )


def _few(voter: Voter) -> int:
    return trial_size(voter.batch(0, 0)[0].size)


def _drawn(
    voter: Voter, position: int, start: int, *, changed: bool = False
) -> NDArray[np.floating]:
    """The last rows of a batch, or of several where it holds one; `changed`: of an input with other
    values.
    """
    if voter.batch_size > 1:
        return voter.batch(position, start, changed=changed)[-_asked_at_once(voter) :]
    steps = range(start + LOADED, start + LOADED + SINGLES)
    return np.concatenate([voter.batch(position, step, changed=changed) for step in steps])


def _like(
    rows: NDArray[np.floating], changed: NDArray[np.floating], *, mixed: bool
) -> list[NDArray[np.floating]]:
    """Rows that agree with `rows` in something: the mask, the kept values, all but one value, and
    nearly in all.

    `changed` are those of an input whose values are all others. One batch for each kind, the least
    alike first; or (`mixed`) one of all kinds.
    """
    moved, one, near = rows.copy(), rows.copy(), rows.copy()
    for place, (row, other) in enumerate(
        zip(rows.reshape(len(rows), -1), changed.reshape(len(rows), -1), strict=True)
    ):
        kept = np.flatnonzero(row != other)
        if not len(kept):
            continue
        moved[place].reshape(-1)[kept] = row[kept][::-1]
        one[place].reshape(-1)[kept[len(kept) // 2]] = other[kept[len(kept) // 2]]
        near[place].reshape(-1)[kept] += ((other[kept] - row[kept]) * NEAR).astype(rows.dtype)
    kinds = [changed, moved, one, near]
    if not mixed:
        return kinds
    together = rows.copy()
    for place in range(len(rows)):
        together[place] = kinds[place % len(kinds)][place]
    return [together]


def _asked(classifier: Classifier, rows: NDArray[np.floating], size: int) -> NDArray[Any]:
    return np.concatenate(
        [classifier.answer(rows[start : start + size]) for start in range(0, len(rows), size)]
    )


def _either(classifier: Classifier, rows: NDArray[np.floating], size: int) -> NDArray[Any]:
    """Answers, or labels by the total rule where it raises."""
    try:
        return _asked(classifier, rows, size)
    except AnswerError:
        parts = [
            classifier.read(rows[start : start + size]).ballots
            for start in range(0, len(rows), size)
        ]
        return np.concatenate(parts)


def _compare(classifier: Classifier, first: NDArray[Any], again: NDArray[Any], how: str) -> None:
    """Raise RowsError where two instances differ: in a label, or in a score by more than
    rounding.
    """
    if first.shape != again.shape:
        differ = len(first)
    elif not are_scores(first, classifier.num_classes):
        differ = int((first != again).any(axis=tuple(range(1, first.ndim))).sum())
    else:
        finite = np.isfinite(first)
        spread = np.ptp(np.where(finite, first, 0.0), axis=1, keepdims=True)
        usual = ROUNDING_CPU if ", cpu" in classifier.runtime else ROUNDING
        options = classifier.torch_options
        allowed = (usual if options is None else max(usual, options.rounding)) * spread
        gaps = np.abs(np.where(finite, first, 0.0) - np.where(finite, again, 0.0))
        differ = int(((gaps > allowed) | (finite != np.isfinite(again))).any(axis=1).sum())
    if differ:
        raise RowsError(
            f"{differ} of {len(first)} rows got another answer of a second instance of the model"
            f" ({how}), which had been asked other rows before; a vote must be a function of its"
            " own row: a memory of earlier rows by less than the whole row, or weights drawn at"
            " random when the model is loaded, would do this; mend the model"
        )
