"""What counts as an answer of a model, and the total rule that makes ballots of it.

A ballot is the labels that one ablated input names, ranked, the best first; of depth 1 it is the
one label of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.files import first_line
from topcert.theory.scalars import kind_in_words

UNDEFINED_LABEL: Final = 0  # of a row without an answer; of a ballot of w labels 0 .. w - 1
_ROWS: Final = 1 << 22  # ranks times ranks of the rows that are mended at a time


class AnswerError(ValueError):
    """The model raised on a batch, or what it gave is no answer; that may be the fault of one
    row.
    """


@final
@dataclass(frozen=True, kw_only=True)
class ReadAnswer:
    """The ballots of a batch, int64 `(B, depth)`, and where they are not the model's own for want
    of an answer, bool `(B,)`.

    A row has one reason at most. `label` is the first that was out of range, `reason` what the
    model raised.
    """

    ballots: NDArray[np.int64]
    not_finite: NDArray[np.bool_]
    raised: NDArray[np.bool_]
    out_of_range: NDArray[np.bool_]
    repeated: NDArray[np.bool_]  # a label twice in a ballot
    reason: str = ""
    label: int | None = None

    @property
    def undefined(self) -> NDArray[np.bool_]:
        return self.not_finite | self.raised | self.out_of_range | self.repeated


def as_array(value: Any) -> NDArray[Any]:
    """A value as NumPy has it, a torch tensor from any device; raises AnswerError where it is no
    array.
    """
    # a tensor, which torch need not be imported for
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # NumPy has none
            value = value.float()
    try:
        return np.asarray(value)
    except Exception as error:  # rows of several lengths, say
        raise AnswerError(
            f"the model gave {described(value)}, which is no array: {first_line(error)}"
        ) from error


def described(value: Any) -> str:
    """A value in a few words: its type and shape, and for text, lists and tables what they hold."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return f"{kind_in_words(value)} of {', '.join(map(repr, list(value)[:5])) or 'nothing'}"
    if isinstance(value, Sequence):
        kinds = sorted({type(item).__name__ for item in value})
        return f"{kind_in_words(value)} of {len(value)} {'/'.join(kinds[:3]) or 'items'}"
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return kind_in_words(value)
    dtype = str(value.dtype).removeprefix("torch.")
    return (
        f"{'text' if isinstance(value, np.ndarray) and _is_text(value) else dtype}"
        f" {tuple(value.shape)}"
    )


def _is_text(array: NDArray[Any]) -> bool:
    """Whether an array holds strings, in whichever of the two ways."""
    return (
        array.dtype.kind in "USO"
        and array.size > 0
        and isinstance(array.reshape(-1)[0], (str, bytes))
    )


def checked_answer(
    output: Any, *, batch_size: int, num_classes: int | None = None, depth: int = 1
) -> NDArray[Any]:
    """The output as an array: scores `(B, num_classes)`, integer labels `(B,)`, or ranked labels
    `(B, depth)` where `depth` is more than 1; of whatever values.

    Labels may stand in a column `(B, 1)`; booleans are the labels 0 and 1. Without `num_classes`
    scores may have any width. For ballots of more than one label: one label is none; integers
    `(B, depth)` are ranked labels, as there are always more classes than `depth`; integers of
    another width are scores only where `num_classes` says so, since they may as well be labels.
    Raises AnswerError where it is anything else, and says what.
    """
    found = as_array(output)
    classes = "classes" if num_classes is None else str(num_classes)
    labels_shape = f"({batch_size},)" if depth == 1 else f"({batch_size}, {depth}), the best first"
    wanted = f"expected scores ({batch_size}, {classes}) or integer labels {labels_shape}"
    if found.dtype.kind in "iub" and found.shape in ((batch_size,), (batch_size, 1)):
        if depth > 1:
            raise AnswerError(
                f"the model gave one label for each input, {described(found)}, and a ballot has "
                f"{depth}; {wanted}, or ask for --ballot 1"
            )
        labels = found.reshape(-1)
        return labels.astype(np.int64) if found.dtype.kind == "b" else labels
    if found.dtype.kind == "f" and found.shape in ((batch_size,), (batch_size, 1)):
        raise AnswerError(
            f"the model gave one number for each input, {described(found)}: a sigmoid or a"
            f" regression? {wanted}; give each class a score, as [1 - p, p], or labels as integers,"
            " as (p > 0.5), with --classes 2"
        )
    if depth > 1 and found.dtype.kind in "iu" and found.shape == (batch_size, depth):
        return found
    if found.ndim == 2 and found.dtype.kind in "fiu":
        if depth > 1 and num_classes is None and found.shape[1] <= depth:
            raise AnswerError(
                f"the model gave {described(found)}, and a ballot has {depth}: scores are of more"
                f" classes than that, and ranked labels are integers {labels_shape}; lower"
                " --ballot, or mend the model"
            )
        if depth > 1 and num_classes is None and found.dtype.kind in "iu":
            raise AnswerError(
                f"the model gave integers {found.shape}, which may be scores or ranked labels;"
                f" {wanted}: for labels return the first {depth}, for scores say --classes"
                f" {found.shape[1]}"
            )
        if len(found) != batch_size or num_classes not in (None, found.shape[1]):
            if depth > 1:
                raise AnswerError(
                    f"the model gave {described(found)} for a batch of {batch_size} and {classes}"
                    f" classes; {wanted}"
                )
            raise AnswerError(
                f"the model gave scores of shape {found.shape} for a batch of {batch_size} "
                f"and {classes} classes; expected ({batch_size}, {classes})"
            )
        return found
    if _is_text(found):
        raise AnswerError(
            f"the model gave text such as {str(found.reshape(-1)[0])!r}; {wanted}: number its "
            "classes 0, 1, ... and return the numbers, or name all of them in an attribute"
            " `classes` of the function"
        )
    if output is None:
        raise AnswerError(
            f"the model gave nothing (None); {wanted}: does its function return them?"
        )
    words = described(output) if found.dtype.kind == "O" else described(found)
    raise AnswerError(f"the model gave {words} for a batch of {batch_size}; {wanted}")


def are_scores(answer: NDArray[Any], num_classes: int) -> bool:
    """Whether a checked answer holds a score for each class; ballots name fewer labels."""
    return answer.ndim == 2 and answer.shape[1] == num_classes


def best_labels(scores: NDArray[Any], depth: int) -> NDArray[np.int64]:
    """The `depth` labels of the largest scores, the best first, of equal ones the lower first.

    `scores` is `(B, classes)`, all finite; returns int64 `(B, depth)`.
    """
    if depth == 1:
        return np.asarray(scores.argmax(axis=1)[:, None], np.int64)
    # turned about, so that a stable rising order has the lower of equal ones last
    last = scores.shape[1] - 1
    return np.asarray(
        last - np.argsort(scores[:, ::-1], axis=1, kind="stable")[:, : -depth - 1 : -1], np.int64
    )


def read_answer(answer: NDArray[Any], *, num_classes: int, depth: int = 1) -> ReadAnswer:
    """The total rule on an answer: scores `(B, num_classes)`, labels `(B,)` or ranked
    `(B, depth)`.

    Of ranked labels those before the first fault (a label out of range, or one that stands before
    it) are kept, and the lowest that are not among them follow. So the first w labels of a ballot
    depend on nothing but the first w that were given: they are the ballot of a run that asks for w.

    >>> read_answer(np.array([[3, 3, 1], [2, 0, 9]]), num_classes=4, depth=3).ballots.tolist()
    [[3, 0, 1], [2, 0, 1]]
    """
    nowhere = np.zeros(len(answer), np.bool_)
    fixed = np.arange(depth)
    if are_scores(answer, num_classes):
        wrong = ~np.isfinite(answer).all(axis=1)
        ballots = best_labels(answer, depth)
        ballots[wrong] = fixed
        return ReadAnswer(
            ballots=ballots,
            not_finite=wrong,
            raised=nowhere,
            out_of_range=nowhere,
            repeated=nowhere,
        )
    named = answer.reshape(len(answer), depth)
    outside = (named < 0) | (named >= num_classes)  # in its own type, where nothing wraps around
    wrong = np.asarray(outside.any(axis=1))
    repeated = ~wrong & (np.diff(np.sort(named, axis=1), axis=1) == 0).any(axis=1)
    ballots = named.astype(np.int64)
    broken = np.flatnonzero(wrong | repeated)
    for rows in np.array_split(broken, -(-len(broken) * depth**2 // _ROWS)) if len(broken) else ():
        ballots[rows] = _without_faults(ballots[rows], outside[rows])
    first = int(named[outside][0]) if wrong.any() else None
    return ReadAnswer(
        ballots=ballots,
        not_finite=nowhere,
        raised=nowhere,
        out_of_range=wrong,
        repeated=repeated,
        label=first,
    )


def _without_faults(named: NDArray[np.int64], outside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Ballots `(rows, depth)` with the labels before the first fault, then the lowest others."""
    depth = named.shape[1]
    ranks = np.arange(depth)
    before = np.tri(depth, k=-1, dtype=np.bool_)  # of rank r: the ranks above it
    faults = outside | ((named[:, :, None] == named[:, None, :]) & before).any(axis=2)
    kept = np.where(faults.any(axis=1), faults.argmax(axis=1), depth)[:, None]
    right = ranks < kept
    # of the depth lowest labels those that are not kept come first, in order
    taken = ((named[:, :, None] == ranks) & right[:, :, None]).any(axis=1)
    lowest = np.argsort(taken, axis=1, kind="stable")
    return np.where(right, named, np.take_along_axis(lowest, np.maximum(ranks - kept, 0), axis=1))


def out_of_range(label: int, num_classes: int) -> str:
    """What to say of a label that is none of 0 .. num_classes - 1."""
    hint = "; where it counts from 1, subtract 1" if label == num_classes else ""
    return (
        f"the model gave the label {label}; with {num_classes} classes labels are 0 .."
        f" {num_classes - 1}{hint}"
    )
