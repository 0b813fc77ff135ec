"""Fixed designs: the vote over n published masks is the classifier, so counts are the truth
(docs/theory/theorem-e.md).

Mask s casts a ballot b_s of w labels (one, v_s, as in the paper, where nothing else is said).
Changing the features of R rewrites the ballots of the masks that meet R, those that keep some of
it, and no others. N_j masks name j; M_j = N_j - [j > l] is what that is worth beside l, as a tie
goes to the lower index. l leaves the top k under a change of R exactly if there are k rivals A such
that every part Y of A, of t labels, has

    t N_l - sum of M_j over Y  <=  F_Y(R),                                                     (3)
    F_Y(R) = sum over masks s that meet R of (t [l in b_s] + min(t, w) - |b_s in Y|).

So l is certified at r if each A has a part Y whose left side exceeds F_Y(R) for every R of r
features. With w_i(j) masks that keep feature i and name j, deg_i masks in all, F_Y(R) is at most
either of

    the sum of the r largest  min(t, w) deg_i + t w_i(l) - sum of w_i(j) over Y;               (4)
    over all rounds, the r largest terms of (3) in it: of a round, r features meet r masks.    (5)

Everything here is a whole number; nothing is left to chance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.certified_radius import ABSTAIN

Ints = NDArray[np.int64]

MOST_PARTS: Final = 256  # that are looked at for one input, label and k
MOST_NEAR: Final = 8  # near rivals beyond k


def tie_adjusted(counts: Ints, label: int) -> Ints:
    """M_j of all labels, int64 like `counts` `(classes,)`: j is shown before `label` where M_j >=
    N_label.
    """
    return counts - (np.arange(len(counts)) > label)


def most_named(labels: int, num_named: int) -> int:
    """How many of so many labels a ballot of `num_named` labels can name."""
    return min(labels, num_named)


def near_rivals(classes: int, k: int) -> int:
    """Of how many of the strongest rivals the parts are looked at one by one: all, where
    `MOST_PARTS` allow it.
    """
    most = min(classes - 1, k + MOST_NEAR)
    while most and _count_parts(most, classes - 1, k) > MOST_PARTS:
        most -= 1
    return most


def _count_parts(near: int, rivals: int, k: int) -> int:
    """How many different `parts_of` the `rival_sets` have."""
    found = sum(math.comb(near, t) for t in range(1, k + 1))
    for far in range(max(0, k - near), min(k, rivals - near) + 1):
        found += far * sum(math.comb(near, t) for t in range(k - far + 1))
    return found


def design_radius(
    ballots: Ints,
    label: int,
    rivals: Ints,
    *,
    counts: Ints,
    kept: Ints,
    degrees: Ints,
    k: int,
    round_size: int,
) -> int:
    """The certified radius of `label` among the top k, in features; ABSTAIN where it is not among
    them at all.

    `ballots` int `(masks, num_named)` are the labels that each mask names, `counts` `(classes,)`
    how many masks name each. `rivals` are the other labels by `tie_adjusted`, the largest first:
    the first ones are near, as many as `kept` `(1 + near, num_features)` has rows after that of the
    label: masks that name each and keep feature i. `degrees` `(num_features,)` are all masks that
    keep i. Masks 0 .. round_size - 1 share no feature, nor do the next so many, and so on. The
    guarantee is exact: l is in the top k (ties: lower index first) of the vote over these masks
    under every change of so many features.
    """
    value = tie_adjusted(counts, label)
    won, near, reaches = int(counts[label]), len(kept) - 1, dict[tuple[int, ...], int]()
    rounds = _by_round(ballots, round_size)
    names_label, names_none = (rounds == label).any(axis=2), (rounds < 0).all(axis=2)

    def reach(part: tuple[int, ...]) -> int:
        """The largest r at which this part fails (3) for all R; votes of rivals that are not near
        are not subtracted.
        """
        if part not in reaches:
            t, spare = len(part), len(part) * won - int(value[rivals[list(part)]].sum())
            known = [place for place in part if place < near]
            gained = most_named(t, ballots.shape[1])
            weights = (
                gained * degrees + t * kept[0] - kept[[1 + place for place in known]].sum(axis=0)
            )
            by_feature = np.cumsum(np.sort(weights)[::-1])
            of_mask = gained + t * names_label - np.isin(rounds, rivals[known]).sum(axis=2)
            of_mask[names_none] = 0
            by_round = np.cumsum(np.sort(of_mask, axis=1)[:, ::-1].sum(axis=0))
            most = np.minimum(
                by_feature, by_round[np.minimum(np.arange(len(by_feature)), len(by_round) - 1)]
            )
            reaches[part] = int((most < spare).sum()) if spare > 0 else ABSTAIN
        return reaches[part]

    return min(
        max(reach(part) for part in parts_of(chosen, near))
        for chosen in rival_sets(near, len(rivals), k)
    )


def rival_sets(near: int, rivals: int, k: int) -> Iterator[tuple[int, ...]]:
    """Sets of k places among `rivals`, the strongest first, one of which is in the attacker's reach
    if any set is.

    Of rivals that are not near only their worth is looked at: of these a set has the strongest.
    """
    for far in range(max(0, k - near), min(k, rivals - near) + 1):
        for chosen in itertools.combinations(range(near), k - far):
            yield (*chosen, *range(near, near + far))


def parts_of(chosen: tuple[int, ...], near: int) -> Iterator[tuple[int, ...]]:
    """The parts of a set of rivals that may be its best: of rivals that are not near, the weakest
    ones.
    """
    num_near = sum(place < near for place in chosen)
    for t in range(num_near + 1):
        for some in itertools.combinations(chosen[:num_near], t):
            for start in range(num_near, len(chosen) + 1):
                if some or start < len(chosen):
                    yield (*some, *chosen[start:])


def _by_round(ballots: Ints, round_size: int) -> Ints:
    """Ballots `(rounds, round_size, num_named)`; -1 where the last round has no mask."""
    rounds, num_named = -(-len(ballots) // round_size), ballots.shape[1]
    padded = np.full((rounds * round_size, num_named), -1)
    padded[: len(ballots)] = ballots
    return padded.reshape(rounds, round_size, num_named)


def partition_radius(counts: Ints, label: int, *, k: int, num_features: int) -> int:
    """The same for the votes `(classes,)` of the blocks of one partition (Hammoudeh & Lowd 2024): m
    features move m votes.

    The fewest that break the label are taken from it and given to the k rivals that need the
    fewest. At k = 1 that is floor((N_l - N_a - [a < l]) / 2) for the strongest rival a.
    """
    value = tie_adjusted(counts, label)
    strongest = np.sort(np.delete(value, label))[-k:]
    for moved in range(int(counts.sum()) + 1):
        if np.maximum(max(int(counts[label]) - moved, 0) - strongest, 0).sum() <= moved:
            return moved - 1
    return num_features
