"""The run-off: its winner by hand, and its radii against every change of every ballot, on whole
small spaces.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.theory.runoff_radius import pairwise_preference, rounds_radius, runoff_radius, winner

Ballot = tuple[int, ...]


def winner_by_hand(ballots: tuple[Ballot, ...], classes: int) -> int:
    firsts = [sum(ballot[0] == j for ballot in ballots) for j in range(classes)]
    one, other = sorted(range(classes), key=lambda j: (-firsts[j], j))[:2]
    score = 0
    for ballot in ballots:
        for label in ballot:  # the first of the two that it names
            if label in (one, other):
                score += 1 if label == one else -1
                break
    return one if score > 0 or (score == 0 and one < other) else other


@lru_cache(maxsize=2)
def space(classes: int, ranks: int, masks: int) -> tuple[list[Ballot], NDArray[np.int64]]:
    """All ballots, and the winner under each ballot of each mask, `(ballots,) * masks`."""
    every = list(itertools.permutations(range(classes), ranks))
    found = [winner_by_hand(chosen, classes) for chosen in itertools.product(every, repeat=masks)]
    return every, np.array(found).reshape((len(every),) * masks)


def losses(table: NDArray[np.int64], label: int, met: list[tuple[int, ...]]) -> NDArray[np.bool_]:
    """Whether `label` can lose where all masks of one of the sets `met` may say anything, for every
    state.
    """
    lost = table != label
    found = np.zeros(table.shape, np.bool_)
    for masks in met:
        found |= lost.any(axis=masks, keepdims=True)
    return found


SPACES = [(2, 1, 5), (3, 1, 6), (3, 2, 4), (4, 1, 5), (4, 2, 3), (4, 3, 3), (5, 1, 4), (5, 2, 3)]


@pytest.mark.parametrize(("classes", "ranks", "masks"), SPACES)
def test_radii_over_one_partition_are_exact(classes: int, ranks: int, masks: int) -> None:
    every, table = space(classes, ranks, masks)
    generator = np.random.default_rng(classes)
    states = generator.integers(0, len(every), (200, masks))
    for label in range(classes):
        truth = np.full(table.shape, -1)
        for moved in range(masks + 1):
            met = list(itertools.combinations(range(masks), moved))
            truth[~losses(table, label, met)] = moved
        for state in states:
            ballots = np.array([every[i] for i in state])
            assert winner(ballots, classes) == table[tuple(state)]
            found = runoff_radius(ballots, label, classes=classes, num_features=99)
            assert found == truth[tuple(state)], (ballots.tolist(), label)
            below = rounds_radius(
                ballots, label, classes=classes, num_features=99, round_size=masks
            )
            assert below <= found
            assert (below >= 0) == (found >= 0)


# The masks that each feature is in, in rounds of so many.
PAIRS = list(itertools.product(range(3), range(3)))
ROUNDS = [
    (3, [(i, 3 + j) for i, j in PAIRS]),
    (3, [(i, 3 + j) if j < 2 else (i,) for i, j in PAIRS]),  # the second round is not whole
    (2, [(0, 2, 4), (0, 3, 5), (1, 2, 5), (1, 3, 4)]),
]


@pytest.mark.parametrize(("size", "of_feature"), ROUNDS)
@pytest.mark.parametrize(("classes", "ranks"), [(3, 1), (3, 2), (4, 1)])
def test_no_radius_over_rounds_exceeds_the_truth(
    size: int, of_feature: list[tuple[int, ...]], classes: int, ranks: int
) -> None:
    features, masks = len(of_feature), max(map(max, of_feature)) + 1
    every, table = space(classes, ranks, masks)
    generator = np.random.default_rng(size)
    states = generator.integers(0, len(every), (200, masks))
    # most masks agree
    states = np.where(generator.random(states.shape) < 0.6, states[:, :1], states)
    truths = []
    for label in range(classes):
        truth = np.full(table.shape, -1)
        for r in range(features + 1):
            chosen = itertools.combinations(of_feature, r)
            truth[
                ~losses(
                    table, label, sorted({tuple(sorted(set().union(*some))) for some in chosen})
                )
            ] = r
        truths.append(truth)
    reached = 0
    for state in states:
        ballots = np.array([every[i] for i in state])
        for label, truth in enumerate(truths):
            found = rounds_radius(
                ballots, label, classes=classes, num_features=features, round_size=size
            )
            assert found <= truth[tuple(state)], (ballots.tolist(), label)
            assert (found >= 0) == (truth[tuple(state)] >= 0)
            reached += found > 0
    assert reached > 0


def test_a_mask_is_for_the_label_that_it_names_first_or_alone() -> None:
    ballots = np.array([[0, 1], [1, 0], [0, 2], [2, 1], [2, 3], [3, 0]])
    assert pairwise_preference(ballots, 0, 1).tolist() == [1, -1, 1, -1, 0, 1]
    assert pairwise_preference(ballots, 1, 0).tolist() == [-1, 1, -1, 1, 0, -1]


def test_ties_go_to_the_lower_index_in_both_rounds() -> None:
    assert winner(np.array([[2], [1], [0]]), 3) == 0  # finalists 0 and 1, a vote each
    # 0 and 1 are finalists; one each in the duel
    assert winner(np.array([[2, 3], [1, 2], [0, 2], [3, 2]]), 4) == 0
    assert winner(np.array([[2, 1], [1, 2], [0, 1], [3, 1]]), 4) == 1
    assert winner(np.array([[3, 2], [3, 1], [2, 1]]), 4) == 3
    assert winner(np.array([[1], [1], [0], [0]]), 3) == 0


def test_the_winner_need_not_be_the_most_named_or_the_first() -> None:
    ballots = np.array([[0, 2, 1]] * 4 + [[1, 2, 0]] * 3 + [[3, 1, 2]] * 2 + [[2, 1, 0]] * 2)
    assert winner(ballots, 4) == 1  # 0 has the most first places, and all name 2
    # Two masks: those that rank 3 first would come before 1 with one place more; the duel is won by
    # 7 to 4.
    assert runoff_radius(ballots, 1, classes=4, num_features=50) == 0
    assert runoff_radius(ballots, 0, classes=4, num_features=50) == -1


def test_a_duel_that_needs_two_steps_a_block_holds_longer_than_plurality() -> None:
    ballots = np.array([[1, 0, 2]] * 7 + [[0, 1, 2]] * 4 + [[2, 1, 0]] * 4)
    assert runoff_radius(ballots, 1, classes=3, num_features=50) == 2
    # By plurality 7 votes to 4 hold one changed block.
    assert (7 - 4 - 1) // 2 == 1
