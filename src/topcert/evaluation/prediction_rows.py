"""Predictions as lines of predictions.csv, as earlier releases wrote them too, and as objects for
JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from topcert.methods.ablation import METHOD
from topcert.theory.certified_radius import ABSTAIN

if TYPE_CHECKING:
    from topcert.evaluation.predictions import Predictions

ABSTAINS: Final = "abstains"
# the rank that release 0.1.0 gave to an input of which one label abstained
WHOLE_INPUT: Final = "abstain"
STAY: Final = "stay"
MOVES: Final = "moves"


def table_rows(made: Predictions) -> list[list[str]]:
    """The lines of predictions.csv, its header first."""
    inputs, classes = made.names.inputs, made.names.classes
    named, called = ["name"] * (inputs is not None), ["class"] * bool(classes)
    ballot = ["num_named"] * (made.num_named > 1)
    method = ["method"] * (made.method != METHOD.name)
    moves = [MOVES] * (not made.attacker.rewrites_alone)
    last = ["votes", "radius", STAY, "unit", "alpha", *ballot, *moves, *method]
    stopped = [] if made.num_samples is None else ["samples"]
    lines = [["index", *named, "rank", "label", *called, *last, *stopped]]
    for row, place in enumerate(made.index.tolist()):
        for rank, label in enumerate(made.labels[row].tolist()):
            lines.append(
                [
                    str(place),
                    *([] if inputs is None else [inputs[row]]),
                    str(rank + 1),
                    str(label),
                    *([made.names.of_class(label) or ""] if classes else []),
                    str(made.votes[row, rank]),
                    _in_words(made.radii[row, rank]),
                    _in_words(made.stay[row, rank]),
                    made.unit,
                    repr(made.alpha),
                    *[str(made.num_named) for _ in ballot],
                    *[",".join(made.attacker.moves) for _ in moves],
                    *[made.method for _ in method],
                    *([] if made.num_samples is None else [str(made.num_samples[row])]),
                ]
            )
    return lines


def rows_of_releases(made: Predictions) -> tuple[list[list[str]], ...]:
    """The lines that this release writes, 0.2.0 wrote (they do not say how many labels stay), and
    0.1.0.
    """
    rows = table_rows(made)
    place = rows[0].index(STAY)
    return rows, [[*row[:place], *row[place + 1 :]] for row in rows], older_rows(made)


def older_rows(made: Predictions) -> list[list[str]]:
    """The lines that release 0.1.0 wrote: one for an input of which a label abstains."""
    lines = [["index", "rank", "label", "votes", "radius", "unit", "alpha"]]
    for row, place in enumerate(made.index.tolist()):
        if not made.is_top_k[row]:
            lines.append([str(place), WHOLE_INPUT, "", "", "", made.unit, repr(made.alpha)])
            continue
        for rank, label in enumerate(made.labels[row].tolist()):
            cells = (
                place,
                rank + 1,
                label,
                made.votes[row, rank],
                made.radii[row, rank],
                made.unit,
            )
            lines.append([*map(str, cells), repr(made.alpha)])
    return lines


def objects(made: Predictions) -> Iterator[dict[str, Any]]:
    """One object an input, for JSON; `radius` is None where a label abstains."""
    for row, place in enumerate(made.index.tolist()):
        named = {} if made.names.inputs is None else {"name": made.names.inputs[row]}
        yield {
            "index": place,
            **named,
            "is_top_k": bool(made.is_top_k[row]),
            **({} if made.num_samples is None else {"samples": int(made.num_samples[row])}),
            **({} if made.cut_short is None else {"cut_short": bool(made.cut_short[row])}),
            STAY: [None if r == ABSTAIN else r for r in made.stay[row].tolist()],
            "labels": [
                {
                    "label": label,
                    **({"class": made.names.of_class(label)} if made.names.classes else {}),
                    "votes": int(made.votes[row, rank]),
                    "radius": (
                        None if made.radii[row, rank] == ABSTAIN else int(made.radii[row, rank])
                    ),
                }
                for rank, label in enumerate(made.labels[row].tolist())
            ],
        }


def _in_words(radius: int) -> str:
    return ABSTAINS if radius == ABSTAIN else str(radius)
