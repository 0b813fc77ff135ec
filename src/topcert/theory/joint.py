"""Who is named with whom: how ballots of w labels name a label together with its strongest rivals.

A bet on a label l against a set Y of t rivals goes by X = t [l named] - #(labels of Y named),
ballot by ballot. How often each X comes up does not follow from how often each label is named. So
it is counted, for every part Y of the *near* rivals (all of 10 classes). Of the others, the *far*
ones, the counts are known alone: they are taken to have been named where that does the bet the most
harm.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.surviving_votes import by_votes

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_NEAR: Final = 9  # rivals; ballots are counted by which of these and the label they name
MOST_PARTS: Final = 512  # that are looked at for one input


@final
@dataclass(frozen=True, kw_only=True)
class Joint:
    """How often the ballots of some inputs name which of a label and its near rivals.

    `patterns` `(inputs, 2 ** (near + 1))`: bit 0 is the label, bit j its j-th most named rival.
    `far` `(inputs, far)`: namings of the most named other rivals, in falling order; `trials`
    `(inputs,)` all ballots.
    """

    trials: Ints
    patterns: Ints
    far: Ints

    def of(self, rows: slice | Ints) -> Joint:
        """The same of some inputs."""
        return Joint(trials=self.trials[rows], patterns=self.patterns[rows], far=self.far[rows])

    @property
    def own(self) -> Ints:
        """Ballots that name the label, `(inputs,)`."""
        return np.asarray(self.patterns[:, 1::2].sum(axis=1))


@final
@dataclass(frozen=True, kw_only=True)
class Group:
    """Parts of `near` chosen near rivals each, `(parts, near)`, and of `far` far ones."""

    near: int
    far: int
    chosen: Ints

    @property
    def size(self) -> int:
        return self.near + self.far


@final
class Parts:
    """Which parts of which sets of k rivals are bet on, for ballots of `num_named` labels.

    A bet on t rivals of w or fewer says nothing that its best single rival does not say, with true
    shares, unless every ballot must name some of the t. So `sizes` are 1 and what is left.
    """

    def __init__(self, *, k: int, num_named: int, num_classes: int) -> None:
        """Raises ValueError where k or `num_named` lie outside 1 .. num_classes - 1."""
        for name, value in (("k", k), ("num_named", num_named)):
            if not 1 <= value < num_classes:
                raise ValueError(
                    f"{name} must lie in 1 .. classes - 1 = {num_classes - 1}, got {value}"
                )
        self.k, self.num_named, self.num_classes = k, num_named, num_classes
        self.sizes = tuple(
            t for t in range(1, k + 1) if t == 1 or t > num_named or t > num_classes - num_named
        )
        rivals = num_classes - 1
        self.near = min(rivals, MOST_NEAR)
        while self.near > 1 and self._count(self.near) > MOST_PARTS:
            self.near -= 1
        self.far = min(k, rivals - self.near)
        self.groups = list(self._groups(self.near))
        self.sets = self._sets()

    def forced(self, size: int) -> int:
        """How many of any `size` rivals every ballot must name."""
        return max(0, self.num_named - self.num_classes + size)

    def _count(self, near: int) -> int:
        far = min(self.k, self.num_classes - 1 - near)
        return sum(
            math.comb(near, size - some)
            for size in self.sizes
            for some in range(min(size, far) + 1)
        )

    def _groups(self, near: int) -> Iterator[Group]:
        for size in self.sizes:
            for far in range(min(size, self.far) + 1):
                if size - far <= near:
                    rows = list(itertools.combinations(range(near), size - far))
                    yield Group(
                        near=size - far,
                        far=far,
                        chosen=np.array(rows, np.int64).reshape(len(rows), size - far),
                    )

    def _sets(self) -> Floats:
        """How many parts of each kind each set of k rivals has, `(sets, parts)`.

        A set is some near rivals and some far ones; parts stand in the order of `groups`, and those
        of far rivals differ by how many these are.
        """
        rows = []
        for far in range(max(0, self.k - self.near), self.far + 1):
            for chosen in itertools.combinations(range(self.near), self.k - far):
                rows.append(
                    np.concatenate(
                        [
                            math.comb(far, group.far) * np.isin(group.chosen, chosen).all(axis=1)
                            for group in self.groups
                        ]
                    )
                )
        return np.array(rows, np.float64)

    def joint(self, counts: Ints, labels: Ints, ballots: Iterable[NDArray[np.integer]]) -> Joint:
        """Count the `ballots` `(votes, num_named)` of each input in turn.

        `counts` `(inputs, classes)` are how often they name each label, `labels` `(inputs,)` those
        in question. Raises ValueError where the counts are not those of the ballots.
        """
        order = by_votes(counts, labels)
        place = np.full(counts.shape, self.near + 1)  # a bit that is dropped
        np.put_along_axis(place, order[:, : self.near + 1], np.arange(self.near + 1), axis=1)
        patterns = np.zeros((len(counts), 1 << (self.near + 1)), np.int64)
        trials = np.zeros(len(counts), np.int64)
        for row, cast in enumerate(ballots):
            named = np.bincount(cast.reshape(-1), minlength=counts.shape[1])
            if cast.shape[1:] != (self.num_named,) or not np.array_equal(named, counts[row]):
                raise ValueError(
                    f"input {row}: its ballots of {self.num_named} are not those counted"
                )
            bits = np.left_shift(1, place[row][cast]).sum(axis=1) & (patterns.shape[1] - 1)
            patterns[row] = np.bincount(bits, minlength=patterns.shape[1])
            trials[row] = len(cast)
        far = order[:, self.near + 1 : self.near + 1 + self.far]
        return Joint(trials=trials, patterns=patterns, far=np.take_along_axis(counts, far, axis=1))

    def tables(self, group: Group, joint: Joint) -> Floats:
        """How often l is named or not beside a of the near rivals of each part.

        Float64 `(inputs, parts, 2, a)`, a = 0 .. min(near, num_named).
        """
        most = min(group.near, self.num_named)
        bits = np.arange(joint.patterns.shape[1])
        named_bits = (bits[:, None] >> np.arange(1, self.near + 1)) & 1
        a = named_bits[:, group.chosen].sum(axis=2)  # patterns, parts
        cell = (bits & 1)[:, None] * (most + 1) + np.minimum(a, most)
        present = np.flatnonzero(joint.patterns.any(axis=0))
        one = (cell[present, :, None] == np.arange(2 * (most + 1))).astype(np.float64)
        found = joint.patterns[:, present].astype(np.float64) @ one.reshape(len(present), -1)
        return np.asarray(found.reshape(len(found), len(group.chosen), 2, most + 1))

    def outcomes(self, group: Group, joint: Joint) -> Floats:
        """How often each X = -min(t, w) .. t comes up for each part, float64 `(inputs, parts, X)`.

        Far rivals are named as often as the most named ones, where it does the most harm: a bet's
        gain is concave in X, so on ballots with the lowest X, and all that these can hold. Those
        without the label come first, and of equal ones those that name the most of Y.
        """
        tables = self.tables(group, joint)
        lowest = min(group.size, self.num_named)
        found = np.zeros((*tables.shape[:2], lowest + group.size + 1))
        left = joint.far[:, : group.far].sum(axis=1, dtype=np.float64)[:, None]
        left = np.broadcast_to(left, tables.shape[:2]).copy()
        for label in (0, 1):
            for a in reversed(range(tables.shape[3])):
                room = min(group.far, self.num_named - label - a)
                there, x = tables[:, :, label, a], group.size * label - a + lowest
                if room > 0:
                    hit = np.minimum(there, left / room)
                    left -= hit * room
                    found[:, :, x - room] += hit
                    there = there - hit
                found[:, :, x] += there
        return found
