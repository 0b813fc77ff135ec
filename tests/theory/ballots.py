"""Ballots of several labels whose label 0 is exactly broken, named with others so as to hurt."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.counting import survival

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CLASSES: Final = 5
SPACE: Final = {"num_features": 64, "num_kept": 8}


def all_ballots(num_named: int, classes: int = CLASSES) -> Ints:
    """Every set of `num_named` labels, `(ballots, num_named)`."""
    return np.array(list(itertools.combinations(range(classes), num_named)))


def named(ballots: Ints, classes: int = CLASSES) -> NDArray[np.bool_]:
    """Which labels each ballot names, `(ballots, classes)`."""
    return (ballots[:, :, None] == np.arange(classes)).any(axis=1)


def holds(p: Floats, *, k: int, num_named: int, gone: float) -> bool:
    """Theorem 1 for ballots, of label 0: `gone` is 1 - beta(r)."""
    w, classes = num_named, len(p)
    rivals = np.sort(p[1:])[-k:]
    for t in range(1, k + 1):
        forced, most = max(0, w - classes + t), min(t, w)
        taken = min(rivals[:t].sum() - forced * gone, w - p[0] - (w - 1) * gone)
        if t * (p[0] - gone) > taken + most * gone + 1e-12:
            return True
    return False


def designs(num_named: int) -> dict[str, tuple[Floats, Floats]]:
    """Weights of all ballots: of those with label 0, and of those without, for each design.

    "even": any. "one": label 0 comes without 1, and 1 wherever label 0 is not. "together": label 0
    comes with 1, 2, ..; without it come the same and the next. "apart": it comes with the last
    labels, without it come the first. "beside": 1 comes with label 0 alone, and half the time.
    """
    ballots = all_ballots(num_named)
    named_labels = named(ballots)
    with_it, without = named_labels[:, 0], ~named_labels[:, 0]
    first = (named_labels[:, 1:] * np.arange(CLASSES - 1, 0, -1)).sum(axis=1) + 0.0
    beside = with_it * (
        named_labels[:, 1] / max(1, (with_it & named_labels[:, 1]).sum())
        + ~named_labels[:, 1] / max(1, (with_it & ~named_labels[:, 1]).sum())
    )
    lone = without & ~named_labels[:, 1]
    every = {
        "even": (np.ones(len(ballots)), np.ones(len(ballots))),
        "together": (first == first[with_it].max(), first == first[without].max()),
        "apart": (first == first[with_it].min(), first == first[without].max()),
        "one": (~named_labels[:, 1], named_labels[:, 1]),
        "beside": (beside, lone),
    }
    return {
        name: tuple(
            part * side / (part * side).sum()
            for part, side in zip(pair, (with_it, without), strict=True)
        )
        for name, pair in every.items()
    }


def at_the_edge(radius: int, *, k: int, num_named: int, design: str) -> Floats:
    """Chances of all ballots whose label 0 has not quite that radius."""
    gone = 1 - float(survival(**SPACE).floats[radius])
    with_it, without = designs(num_named)[design]
    named_labels = named(all_ballots(num_named))
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        p = (middle * with_it + (1 - middle) * without) @ named_labels
        low, high = (
            (low, middle) if holds(p, k=k, num_named=num_named, gone=gone) else (middle, high)
        )
    return low * with_it + (1 - low) * without
