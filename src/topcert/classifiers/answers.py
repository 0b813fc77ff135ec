"""What counts as an answer of a model, and the total rule that makes labels of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.files import first_line

UNDEFINED_LABEL: Final = 0  # of a row without an answer; of a ballot of w labels 0 .. w - 1


class AnswerError(ValueError):
    """The model raised on a batch, or what it gave is no answer; that may be the fault of one row."""


@final
@dataclass(frozen=True, kw_only=True)
class Judged:
    """The labels of a batch, int64 `(B,)`, and where they are `UNDEFINED_LABEL` for want of an answer, bool `(B,)`."""

    labels: NDArray[np.int64]
    not_finite: NDArray[np.bool_]
    raised: NDArray[np.bool_]
    out_of_range: NDArray[np.bool_]
    reason: str = ""
    label: int | None = None

    @property
    def undefined(self) -> NDArray[np.bool_]:
        return self.not_finite | self.raised | self.out_of_range


def as_array(value: Any) -> NDArray[Any]:
    """A value as NumPy has it, a torch tensor from any device; raises AnswerError where it is no array."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a tensor, which torch need not be imported for
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # NumPy has none
            value = value.float()
    try:
        return np.asarray(value)
    except Exception as error:  # rows of several lengths, say
        raise AnswerError(f"the model gave {described(value)}, which is no array: {first_line(error)}") from error


def described(value: Any) -> str:
    """A value in a few words: its type and shape, and for text, lists and tables what they hold."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} of {', '.join(map(repr, list(value)[:5])) or 'nothing'}"
    if isinstance(value, Sequence):
        kinds = sorted({type(item).__name__ for item in value})
        return f"a {type(value).__name__} of {len(value)} {'/'.join(kinds[:3]) or 'items'}"
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return f"a {type(value).__name__}"
    dtype = str(value.dtype).removeprefix("torch.")
    return f"{'text' if isinstance(value, np.ndarray) and _is_text(value) else dtype} {tuple(value.shape)}"


def _is_text(array: NDArray[Any]) -> bool:
    """Whether an array holds strings, in whichever of the two ways."""
    return array.dtype.kind in "USO" and array.size > 0 and isinstance(array.reshape(-1)[0], (str, bytes))


def checked_answer(output: Any, *, batch_size: int, num_classes: int | None = None) -> NDArray[Any]:
    """The output as an array: scores `(B, num_classes)` or integer labels `(B,)`, of whatever values.

    Labels may stand in a column `(B, 1)`; booleans are the labels 0 and 1. Without `num_classes` scores may have any width.
    Raises AnswerError where it is anything else, and says what.
    """
    found = as_array(output)
    classes = "classes" if num_classes is None else str(num_classes)
    wanted = f"expected scores ({batch_size}, {classes}) or integer labels ({batch_size},)"
    if found.dtype.kind in "iub" and found.shape in ((batch_size,), (batch_size, 1)):
        labels = found.reshape(-1)
        return labels.astype(np.int64) if found.dtype.kind == "b" else labels
    if found.dtype.kind == "f" and found.shape in ((batch_size,), (batch_size, 1)):
        raise AnswerError(
            f"the model gave one number for each input, {described(found)}: a sigmoid or a regression? {wanted}; give each "
            "class a score, as [1 - p, p], or labels as integers, as (p > 0.5), with --classes 2"
        )
    if found.ndim == 2 and found.dtype.kind in "fiu":
        if len(found) != batch_size or num_classes not in (None, found.shape[1]):
            raise AnswerError(
                f"the model gave scores of shape {found.shape} for a batch of {batch_size} "
                f"and {classes} classes; expected ({batch_size}, {classes})"
            )
        return found
    if _is_text(found):
        raise AnswerError(
            f"the model gave text such as {str(found.reshape(-1)[0])!r}; {wanted}: number its "
            "classes 0, 1, ... and return the numbers"
        )
    if output is None:
        raise AnswerError(f"the model gave nothing (None); {wanted}: does its function return them?")
    told = described(output) if found.dtype.kind == "O" else described(found)
    raise AnswerError(f"the model gave {told} for a batch of {batch_size}; {wanted}")


def judge_answer(answer: NDArray[Any], *, num_classes: int) -> Judged:
    """The total rule on an answer: scores `(B, num_classes)` or integer labels `(B,)`."""
    nowhere = np.zeros(len(answer), np.bool_)
    if answer.ndim == 2:
        wrong = ~np.isfinite(answer).all(axis=1)
        labels = np.where(wrong, UNDEFINED_LABEL, answer.argmax(axis=1)).astype(np.int64)
        return Judged(labels=labels, not_finite=wrong, raised=nowhere, out_of_range=nowhere)
    wrong = (answer < 0) | (answer >= num_classes)  # in its own type, where nothing wraps around
    labels = np.where(wrong, UNDEFINED_LABEL, answer).astype(np.int64)
    first = int(answer[wrong][0]) if wrong.any() else None
    return Judged(labels=labels, not_finite=nowhere, raised=nowhere, out_of_range=wrong, label=first)


def out_of_range(label: int, num_classes: int) -> str:
    """What to say of a label that is none of 0 .. num_classes - 1."""
    hint = "; where it counts from 1, subtract 1" if label == num_classes else ""
    return f"the model gave the label {label}; with {num_classes} classes labels are 0 .. {num_classes - 1}{hint}"
