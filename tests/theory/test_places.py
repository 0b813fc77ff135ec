"""Votes whose chances differ from place to place of a batch: bounds and evidence hold for the mean
chance.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.confidence import lower_bound, simultaneous_bounds, upper_bound
from topcert.theory.evidence import evidence, make_bets

CHANCES = (0.0, 0.02, 0.3, 0.6, 0.97, 1.0)


def law_of_count(chances: tuple[float, ...]) -> np.ndarray:
    """The exact law of how many of some independent votes come for a label."""
    law = np.ones(1)
    for chance in chances:
        law = np.convolve(law, [1 - chance, chance])
    return law


@pytest.mark.parametrize("alpha", [0.25, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("votes", [3, 4])
def test_bounds_hold_for_the_mean_whatever_the_places_do(votes: int, alpha: float) -> None:
    counts = np.arange(votes + 1)
    lower = lower_bound(counts, np.full(votes + 1, votes), np.full(votes + 1, alpha))
    upper = upper_bound(counts, np.full(votes + 1, votes), np.full(votes + 1, alpha))
    worst = 0.0
    for chances in itertools.combinations_with_replacement(CHANCES, votes):
        law, mean = law_of_count(chances), sum(chances) / votes
        above = law[(lower > mean + 1e-12) & (counts >= 2)].sum()
        below = law[(upper < mean - 1e-12) & (counts <= votes - 2)].sum()
        worst = max(worst, above, below)
    assert worst <= alpha * (1 + 1e-9)
    assert worst > 0 or alpha < 0.01  # the test can fail


def test_the_one_count_that_is_left_out_may_err_and_certifies_nothing() -> None:
    """One vote in three from one place alone: the bound errs more often than it says, by half of
    alpha squared.
    """
    alpha = 0.2
    chance = 3 * float(lower_bound(np.array([1]), np.array([3]), np.array([alpha]))[0]) - 1e-9
    assert law_of_count((chance, 0.0, 0.0))[1] > alpha
    label = np.array([0])
    for votes, classes in itertools.product((2, 3, 5, 50, 1000), (2, 3, 5)):
        for second in {0, (votes - 1) // 2} if classes > 2 else {0}:
            counts = np.zeros((1, classes), np.int64)
            counts[0, :2] = 1, votes - 1 - second
            counts[0, -1] += second
            bounds = simultaneous_bounds(counts, alpha=0.25, labels=label)
            for k in range(1, classes):
                found = certified_radius(*bounds, label, k=k, num_features=1024, num_kept=50)
                assert found[0] == ABSTAIN, (counts, k)


@pytest.mark.parametrize(
    "chances", [((0.85, 0.1), (0.1, 0.9)), ((0.95, 0.05), (0.0, 1.0)), ((0.6, 0.4), (0.4, 0.6))]
)
def test_evidence_never_expects_to_grow_over_whole_batches(
    chances: tuple[tuple[float, float], ...],
) -> None:
    """Two places, two labels: of each place the chance of the label and of its rival. On average
    the label does not win.

    The expected evidence after 1, 2, 3 batches, over all outcomes, is at most 1 at r = 0, where h =
    0.
    """
    assert np.mean(chances, axis=0)[0] <= np.mean(chances, axis=0)[1]
    bets = make_bets(k=1, num_features=30, num_kept=1, max_votes=100)
    for batches in (1, 2, 3):
        order = chances * batches
        expected = 0.0
        for outcome in itertools.product((0, 1), repeat=len(order)):
            chance = np.prod([place[vote] for place, vote in zip(order, outcome, strict=True)])
            own = np.array([outcome.count(0)])
            rivals = np.array([[outcome.count(1)]])
            expected += chance * np.exp(evidence(bets, own, rivals, np.array([len(order)]))[0, 0])
        assert expected <= 1 + 1e-9


def test_a_part_of_a_batch_would_not_do() -> None:
    """Why a last batch that is not full is refused: the first place alone may favour the label."""
    bets = make_bets(k=1, num_features=30, num_kept=1, max_votes=100)
    expected = sum(
        chance * np.exp(evidence(bets, np.array([own]), np.array([[1 - own]]), np.array([1]))[0, 0])
        for own, chance in ((1, 0.9), (0, 0.1))
    )
    assert expected > 1
