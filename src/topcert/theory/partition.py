"""One partition of the features: the exact radius of a label over ballots
(docs/theory/partition.md).

Every block casts a ballot of w labels, and a changed feature lets the attacker rewrite the one
ballot of its block. N_j blocks name j; D_a = N_l - N_a + [a > l] is what rival a lacks to be shown
before l. Whoever changes m blocks, lambda of which name l and nu_a of which name a, leaves a with
D_a - lambda + nu_a to make up, by new ballots that each name a once at most. m ballots of w labels
can name the k rivals of A so often exactly where

    D_a - lambda + nu_a <= m  for each a,
    and what is positive of these numbers sums to min(k, w) m at most.                          (6)

A block that names l is never a worse choice than one that does not. So the m are of the N_l blocks
that name l, or all of these and some others; and of those only how many there are of each kind, by
which of A they name, is to be chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.design_radius import design_radius, near_rivals, tie_adjusted

Ints = NDArray[np.int64]
Kinds = list[tuple[int, int]]  # which of A (bits) the blocks of a kind name, and how many there are

MOST_STEPS: Final = 20_000  # of one search: less than a second


def ballots_radius(ballots: Ints, label: int, *, classes: int, k: int, num_features: int) -> int:
    """The certified radius of `label` among the top k, in features; ABSTAIN where it is not there.

    `ballots` `(blocks, num_named)` are the labels that each block of one partition names. The
    radius is the exact one, or, where finding it would take more than `MOST_STEPS`, that of
    Theorem E. `num_features` where no attack moves the label.
    """
    blocks = len(ballots)
    try:
        broken_by = _Search(ballots, label, classes=classes, k=k).fewest_blocks()
    except _OutOfStepsError:
        radius = _radius_by_parts(ballots, label, classes=classes, k=k)
        return num_features if radius == blocks else radius
    return num_features if broken_by is None else broken_by - 1


class _OutOfStepsError(Exception):
    """The search was longer than `MOST_STEPS`."""


@final
class _Search:
    """For the fewest blocks whose change puts k rivals before a label. Sets of blocks are bits."""

    def __init__(self, ballots: Ints, label: int, *, classes: int, k: int) -> None:
        """What `ballots` `(blocks, num_named)` say of all rivals."""
        self.blocks, num_named = ballots.shape
        self.naming = [0] * classes
        for block, ballot in enumerate(ballots.tolist()):
            for named in ballot:
                self.naming[named] |= 1 << block
        self.label, self.k, self.share = label, k, min(k, num_named)
        self.won = self.naming[label]
        self.rivals = [rival for rival in range(classes) if rival != label]
        self.steps = MOST_STEPS

    def fewest_blocks(self) -> int | None:
        """How many; None where all are too few."""
        # Of what a rival lacks a changed block brings two: one for the rival, one from the label.
        alone = {rival: max(0, -(-self.deficit(rival) // 2)) for rival in self.rivals}
        order = self.without_duplicates(
            sorted(self.rivals, key=lambda a: (alone[a], self.deficit(a)))
        )
        for changed in range(alone[order[self.k - 1]], self.blocks + 1):
            near = [rival for rival in order if alone[rival] <= changed]
            if any(self.breaks(changed, some) for some in itertools.combinations(near, self.k)):
                return changed
        return None

    def deficit(self, rival: int) -> int:
        """D_a of (6)."""
        return self.won.bit_count() - self.naming[rival].bit_count() + (rival > self.label)

    def without_duplicates(self, order: Iterable[int]) -> list[int]:
        """Of rivals that the same blocks name, on one side of the label, the first k are enough."""
        seen, left = dict[tuple[int, bool], int](), list[int]()
        for rival in order:
            same = self.naming[rival], rival > self.label
            seen[same] = seen.get(same, 0) + 1
            if seen[same] <= self.k:
                left.append(rival)
        return left

    def breaks(self, changed: int, chosen: tuple[int, ...]) -> bool:
        """Whether so many blocks satisfy (6) for the rivals `chosen`."""
        won = self.won.bit_count()
        kinds, number = self.kinds(self.won, chosen), changed
        missing = [self.deficit(rival) - min(changed, won) for rival in chosen]
        if changed > won:  # all that name the label, and some more
            others = (1 << self.blocks) - 1 & ~self.won
            kinds, number = self.kinds(others, chosen), changed - won
            taken = [(self.won & self.naming[rival]).bit_count() for rival in chosen]
            missing = [deficit + lost for deficit, lost in zip(missing, taken, strict=True)]
        return self.leaves(kinds, number, missing, each=changed, all_of_them=self.share * changed)

    def kinds(self, blocks: int, chosen: tuple[int, ...]) -> Kinds:
        """What `blocks` name of `chosen`, the kinds that name the fewest first."""
        kinds = {0: blocks}
        for place, rival in enumerate(chosen):
            split = dict[int, int]()
            for named, some in kinds.items():
                split[named] = some & ~self.naming[rival]
                split[named | 1 << place] = some & self.naming[rival]
            kinds = {named: some for named, some in split.items() if some}
        found = [(named, some.bit_count()) for named, some in kinds.items()]
        return sorted(found, key=lambda kind: (kind[0].bit_count(), kind[0]))

    def leaves(
        self,
        kinds: Kinds,
        number: int,
        missing: list[int],
        *,
        each: int,
        all_of_them: int,
    ) -> bool:
        """Whether some `number` blocks leave no rival missing more than `each`, and in all so much.

        A kind that names more rivals than another is used only where none of the other is left.
        """
        self.steps -= 1
        if self.steps < 0:
            raise _OutOfStepsError
        if max(missing) > each or sum(deficit for deficit in missing if deficit > 0) > all_of_them:
            return False
        if number == 0:
            return True
        if number > sum(count for _, count in kinds):
            return False
        (named, count), rest = kinds[0], kinds[1:]
        members = [place for place in range(len(missing)) if named >> place & 1]
        room = min((each - missing[place] for place in members), default=number)
        for used in range(min(count, number, room), -1, -1):
            left = [deficit + used * (named >> place & 1) for place, deficit in enumerate(missing)]
            others = rest if used == count else [kind for kind in rest if kind[0] & named != named]
            if self.leaves(others, number - used, left, each=each, all_of_them=all_of_them):
                return True
        return False


def _radius_by_parts(ballots: Ints, label: int, *, classes: int, k: int) -> int:
    """Theorem E's radius in blocks, each of which is one feature here."""
    blocks = len(ballots)
    counts = np.bincount(ballots.reshape(-1), minlength=classes)
    order = np.argsort(-tie_adjusted(counts, label), kind="stable")
    rivals = order[order != label]
    near = [label, *rivals[: near_rivals(classes, k)].tolist()]
    return design_radius(
        ballots,
        label,
        rivals,
        counts=counts,
        kept=np.stack([(ballots == named).any(axis=1) for named in near]).astype(np.int64),
        degrees=np.ones(blocks, np.int64),
        k=k,
        round_size=blocks,
    )
