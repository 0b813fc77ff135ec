"""Which of a model's outputs is its answer: by a rule that takes no features, no sorted scores and
no column for scores.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError, checked_answer, described

# Names of outputs by which scores, labels and neither of them go, the best scores first.
_SCORES: Final = tuple(
    re.compile(rf"(output|class|cls|pred|prediction)?_?{name}(_output)?")
    for name in (
        "logits?",
        "scores?",
        "log_?(prob(s|abilit(y|ies))?|softmax)",
        "(prob(a|s|abilit(y|ies))?|softmax)",
    )
)
_LABELS: Final = re.compile(
    r"(output|pred|predicted|class)?_?(labels?|class(es)?|arg_?max|class_?i(d|dx|ndex))(_output)?"
)
_NEITHER: Final = re.compile(
    r"(.*_)?(features?|embeddings?|embeds?|hidden(_states?)?|latents?|pool(ed|er)(_output)?|attentions?|loss|values?|"
    r"ind(ex|ices)|ids?|top_?k.*)"
)


@final
@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which output is the answer: by its name, or (None) the one thing that the model gives. `note`
    says so to a person.
    """

    name: str | None = None
    note: str = ""

    def of(self, output: Any) -> Any:
        """The chosen part of what the model gave; raises AnswerError where it is not there."""
        if self.name is None:
            return output
        parts = _parts(output)
        if self.name not in parts:
            raise AnswerError(f"the model gave {described(output)}, without the output {self.name}")
        return parts[self.name]


WHOLE: Final = Choice()
_BEST: Final = (
    "all of its rows are sorted, largest first, as the best scores are that no longer tell their"
    " classes"
)


def choose_output(output: Any, *, rows: int, asked: str | None = None) -> Choice:
    """The choice among what a model gave for some real ablated rows.

    `asked` names an output, by its name or its place. Without it, one output is taken, whatever it
    is called unless that is what features or indices are called. Of several: the scores `(rows,
    classes)` that are called logits, scores, probabilities or the like; where there are more of
    them, they must put the same class first in every row. Where none is called so: the only scores
    beside outputs that are called features or the like, or beside labels which they agree with;
    else the only labels. Never taken unasked are scores that stand beside indices of their shape or
    beside the scores of which they are the sorted ones, scores that are sorted in every row, and
    scores that contradict the labels beside them. Raises ValueError, with all outputs and their
    shapes, in doubt.
    """
    several = _is_several(output, rows)
    parts = _parts(output) if several else {"": output}
    if asked is not None:
        if not several:
            raise ValueError(
                f"--output {asked}: the model gives {described(output)} alone; leave --output out"
            )
        if asked not in parts:
            raise ValueError(
                f"--output {asked}: the model has no such output; it gives {_listed(parts)}"
            )
        return Choice(name=asked, note=f"of the model's outputs {_listed(parts)}, {asked} is taken")
    if not several:
        return Choice(note=_BEST if _only_best(_answer(output, rows)) else "")
    if len(parts) == 1:
        (name,) = parts
        if _only_best(_answer(parts[name], rows)):
            raise ValueError(
                f"the model's only output is {name}, {described(parts[name])}: {_BEST}; name a"
                f" model that gives a score for each class, or say --output {name} (output= in"
                " Python)"
            )
        if _NEITHER.fullmatch(name.lower()):
            raise ValueError(
                f"the model's only output is called {name}, {described(parts[name])}, which is not"
                f" what scores are called; name the model that gives scores, or say --output {name}"
                " (output= in Python)"
            )
        return Choice(name=name)
    arrays = {
        name: found for name, value in parts.items() if (found := _answer(value, rows)) is not None
    }
    best = _by_rule(parts, arrays)
    if best in parts:
        return Choice(name=best, note=f"of the model's outputs {_listed(parts)}, {best} is taken")
    raise ValueError(
        f"the model has several outputs, {_listed(parts)}; {best}, so say which is the answer:"
        " --output NAME (output= in Python)"
    )


def _by_rule(parts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> str:
    """The name of the answer, or why it is in doubt: that is no name of an output."""
    scores = {
        name: array for name, array in arrays.items() if array.ndim == 2 and array.dtype.kind == "f"
    }
    labels = {name: array for name, array in arrays.items() if array.ndim == 1}
    named = sorted((name for name in scores if _rank(name) < len(_SCORES)), key=_rank)
    likely = [name for name in scores if not _NEITHER.fullmatch(name.lower())]
    if named:
        best = named[0]
        if any(not _agree(scores[best], scores[other]) for other in named[1:]):
            return f"{' and '.join(named)} do not put the same classes first"
    elif len(likely) == 1:
        best = likely[0]
        others = [name for name in parts if name != best and not _NEITHER.fullmatch(name.lower())]
        if not all(name in labels and _follows_from(scores[best], labels[name]) for name in others):
            return f"it is not certain that {best} holds scores"
    elif likely or scores:
        return "which of them holds scores is not certain"
    else:
        wanted = [name for name in labels if _LABELS.fullmatch(name.lower())] or list(labels)
        rest = [name for name in parts if name not in labels]
        if len(wanted) != 1 or not all(
            _is_map(parts[name]) or _LABELS.fullmatch(wanted[0].lower()) for name in rest
        ):
            return "none of them is certain to hold scores or labels"
        return wanted[0]
    return _ambiguous(best, scores, labels, arrays) or best


def _ambiguous(
    best: str,
    scores: dict[str, NDArray[Any]],
    labels: dict[str, NDArray[Any]],
    arrays: dict[str, NDArray[Any]],
) -> str:
    """Why the best scores are not to be taken unasked."""
    found = scores[best]
    is_sorted = bool((np.diff(found, axis=1) <= 0).all()) and bool(
        (np.ptp(found, axis=1) > 0).any()
    )
    for name, array in arrays.items():
        if name != best and array.dtype.kind in "iu" and array.shape == found.shape:
            return f"{best} may be the sorted scores of the classes in {name}"
    for name, array in scores.items():
        if (
            name != best
            and is_sorted
            and array.shape[1] >= found.shape[1]
            and not _agree(array, found)
        ):
            return f"{best} is sorted, largest first, and may be that of {name}"
    if is_sorted and found.shape[1] > 3:
        return f"{best} is sorted, largest first, in every row"
    for name, array in labels.items():
        if _LABELS.fullmatch(name.lower()) and not np.array_equal(found.argmax(axis=1), array):
            return (
                f"the largest of {best} does not stand at the place that {name} names (do its"
                " classes count from 0?)"
            )
    return ""


def _only_best(found: NDArray[Any] | None) -> bool:
    """Whether scores look like the best of others: several different rows, each of eight or more in
    falling order.
    """
    if found is None or found.ndim != 2 or found.shape[1] < 8:
        return False
    return (
        bool((np.diff(found.astype(np.float64), axis=1) <= 0).all())
        and len(np.unique(found, axis=0)) > 1
    )


def _rank(name: str) -> int:
    """How early a name stands among those of scores; their number where it is none."""
    return next(
        (place for place, known in enumerate(_SCORES) if known.fullmatch(name.lower())),
        len(_SCORES),
    )


def _agree(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and np.array_equal(one.argmax(axis=1), other.argmax(axis=1))


def _follows_from(scores: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Whether labels are the places of the largest scores; that all rows have the same one tells
    nothing.
    """
    return np.array_equal(scores.argmax(axis=1), labels) and len(np.unique(labels)) > 1


def _answer(value: Any, rows: int) -> NDArray[Any] | None:
    try:
        return checked_answer(value, batch_size=rows)
    except AnswerError:
        return None


def _is_map(value: Any) -> bool:
    """A table of scores by class for each row, as converters write it (ZipMap)."""
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


def _is_several(output: Any, rows: int) -> bool:
    """Whether it is a set of outputs, and not one array or its rows."""
    if isinstance(output, Mapping) or _is_record(output):
        return True
    if isinstance(output, tuple):
        return any(np.ndim(_shaped(item)) for item in output) or hasattr(output, "_fields")
    if isinstance(output, list):
        ranks = [len(item.shape) for item in output if hasattr(item, "shape")]
        return bool(ranks) and (max(ranks) > 1 or (max(ranks) == 1 and len(output) != rows))
    return False


def _shaped(value: Any) -> Any:
    """Something of as many dimensions; a list counts as one of one."""
    return (
        np.empty((0,) * len(value.shape))
        if hasattr(value, "shape")
        else np.empty(0 if isinstance(value, list) else ())
    )


def _is_record(output: Any) -> bool:
    return (
        dataclasses.is_dataclass(output)
        and not isinstance(output, type)
        and not hasattr(output, "__array__")
    )


def _parts(output: Any) -> dict[str, Any]:
    """The outputs by name, or by place where they have none; what is None is left out."""
    if isinstance(output, Mapping):
        named = {str(name): value for name, value in output.items()}
    elif _is_record(output):
        named = {part.name: getattr(output, part.name) for part in dataclasses.fields(output)}
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        named = dict(zip(output._fields, output, strict=True))
    elif isinstance(output, (list, tuple)):
        named = {str(place): value for place, value in enumerate(output)}
    else:
        named = {}
    return {name: value for name, value in named.items() if value is not None}


def _listed(parts: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {described(value)}" for name, value in parts.items()) or "nothing"
