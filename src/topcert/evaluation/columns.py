"""Which columns of somebody's table are classes: an index, a name of the inputs or a total never is
one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LABEL: Final = "label"
VOTES: Final = "votes"

# Names in lower case, their words apart by spaces. Of one letter they are refused where other
# classes have longer names.
_LABELS: Final = frozenset(
    [
        *(
            "labels",
            "target",
            "targets",
            "truth",
            "ground truth",
            "gt",
            "true label",
            "true class",
            "class",
            "classes",
        ),
        *("category", "y", "y true", "label id", "label idx", "class id", "class idx", LABEL),
    ]
)
_PLACES: Final = frozenset(
    [
        *(
            "",
            "index",
            "idx",
            "indices",
            "id",
            "ids",
            "uid",
            "uuid",
            "row",
            "rows",
            "row num",
            "rownum",
            "row name",
        ),
        *(
            "row names",
            "rownames",
            "number",
            "no",
            "nr",
            "num",
            "position",
            "pos",
            "i",
            "name",
            "names",
            "level 0",
        ),
        *(
            "image",
            "images",
            "img",
            "picture",
            "photo",
            "file",
            "files",
            "filename",
            "file name",
            "path",
            "filepath",
        ),
        *(
            "file path",
            "input",
            "inputs",
            "example",
            "sample",
            "instance",
            "datapoint",
            "url",
            "rowid",
        ),
    ]
)
_TOTALS: Final = frozenset(
    [
        *(
            "n",
            "count",
            "counts",
            "total",
            "totals",
            "sum",
            "sums",
            "all",
            "votes",
            "vote",
            "samples",
            "trials",
            "draws",
        ),
        *(
            "num votes",
            "n votes",
            "nvotes",
            "num samples",
            "n samples",
            "nsamples",
            "rowsum",
            "rowsums",
        ),
    ]
)
_OTHERS: Final = frozenset(
    [
        *(
            "prediction",
            "predictions",
            "predicted",
            "pred",
            "argmax",
            "top 1",
            "top1",
            "predicted label",
            "pred label",
        ),
        *(
            "predicted class",
            "k",
            "radius",
            "alpha",
            "seed",
            "fold",
            "epoch",
            "batch",
            "rank",
            "correct",
        ),
        *(
            "confidence",
            "conf",
            "score",
            "prob",
            "probability",
            "share",
            "percent",
            "percentage",
            "pct",
            "margin",
        ),
        *(
            "accuracy",
            "acc",
            "entropy",
            "loss",
            "mean",
            "std",
            "median",
            "max",
            "min",
            "lower",
            "upper",
            "weight",
        ),
    ]
)
_PLACE: Final = re.compile(
    r"unnamed( \d+)*|index level \d+|(.* )?(id|idx|index|number)|(index|id) .*"
)
_TOTAL: Final = re.compile(r"(total|sum) .*|.* (total|sum)")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def class_columns(names: Sequence[str], *, source: str, index: Sequence[str] = ()) -> list[str]:
    """The names of the classes among the columns of a table, in their order: all but `label` and
    `votes`.

    `index` names the columns that the table itself calls its index. Raises ValueError, which names
    `source` and the column, for numbers that are not 0, 1, ... in order (or data in the place of
    names), for two columns of one name, and for a column that is no class by its name.
    """
    classes = [name for name in names if name not in (LABEL, VOTES)]
    if len(names) == 1 and (separator := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise ValueError(
            f"{source}: its columns are separated by {separator!r}; separate them by commas"
        )
    if all(_NUMBER.fullmatch(name.strip()) for name in names) and classes != _in_order(classes):
        # said first: numbers in the place of names may also repeat
        raise ValueError(_misnumbered(source, classes))
    spelled = [name.strip() for name in names]
    for name in spelled:
        if spelled.count(name) > 1 and name:
            raise ValueError(
                f"{source} has two columns named {name!r}; name each class once, and keep one of"
                " the others"
            )
        if not name.isprintable():
            raise ValueError(
                f"{source}: column {name[:60]!r} holds characters that cannot be shown; rename it"
            )
    short = all(len(name) == 1 for name in classes)
    for name in classes:
        what = "is the table's index" if name in index else _no_class(name, letters=short)
        if what is not None:
            shown = (
                repr(name[:60]) if name.strip() else f"{names.index(name) + 1}, which has no name,"
            )
            raise ValueError(
                f"{source}: column {shown} {what} (a class of that name? then head the classes 0,"
                " 1, ...)"
            )
    if any(_NUMBER.fullmatch(name.strip()) for name in classes) and classes != _in_order(classes):
        raise ValueError(_misnumbered(source, classes))
    return classes


def hint_of_extra_column(
    counts: NDArray[np.int64], names: Sequence[str], *, wanted: int | None = None
) -> str:
    """What to say of the one column without which all rows have as many votes (`wanted`, if given);
    else nothing.
    """
    sums = counts.sum(axis=1)
    for column, name in enumerate(names):
        rest = sums - counts[:, column]
        if counts.shape[1] > 2 and (rest == (rest[0] if wanted is None else wanted)).all():
            return f" (without column {name!r} every row has {rest[0]}: is it a class?)"
    return ""


def total_column(counts: NDArray[np.int64], names: Sequence[str]) -> str | None:
    """The column that is the sum of all others in every row, as a total is; None where there is
    none.

    A single row of numbered classes tells nothing: half of its votes may well be for one class.
    """
    if len(counts) == 1 and list(names) == _in_order(names):
        return None
    same = (2 * counts == counts.sum(axis=1, keepdims=True)).all(axis=0)
    return names[int(same.argmax())] if same.any() else None


def _in_order(classes: Sequence[str]) -> list[str]:
    return [str(j) for j in range(len(classes))]


def _misnumbered(source: str, classes: Sequence[str]) -> str:
    return (
        f"{source}: the first line must name the classes; numbers must be 0 .. {len(classes) - 1}"
        f" in order, got {', '.join(classes)[:80]}"
    )


def _no_class(name: str, *, letters: bool) -> str | None:
    """What a column of this name is, and the fix; None for a class. One letter is a class among
    `letters`.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = " ".join(re.findall(r"\w+", spaced.replace("_", " "))).lower()
    if not words and not name.isascii():  # a picture of a cat, say
        return None
    if len(name) == 1 and name.isalpha() and letters:
        return None
    if words in _LABELS:
        return f"is no class; call the true labels `{LABEL}`, numbers from 0"
    if words in _TOTALS or _TOTAL.fullmatch(words):
        return f"is no class but a number of votes; leave it out, or call it `{VOTES}`"
    if words in _PLACES or _PLACE.fullmatch(words):
        return "is no class but an index or a name of the inputs; leave it out"
    return "is no class; leave it out" if words in _OTHERS else None
