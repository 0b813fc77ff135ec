"""A bound is computed once for each count, and kept: it is the same whoever asks, and when."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from topcert.theory import count_bounds
from topcert.theory.confidence import lower_bound, one_sided, simultaneous, upper_bound
from topcert.theory.count_bounds import CountBounds, by_table

COUNTS = np.array([[6, 3, 1, 0], [10, 0, 0, 0], [2, 2, 3, 3]])
TEN = np.full(3, 10)


@pytest.fixture
def asked() -> Iterator[list[list[int]]]:
    """A list of the counts of which `counting` was asked the bounds."""
    del calls[:]
    count_bounds._table.cache_clear()
    yield calls
    count_bounds._table.cache_clear()


calls: list[list[int]] = []


def counting(successes: ArrayLike, trials: ArrayLike, error: ArrayLike) -> NDArray[np.float64]:
    calls.append(np.asarray(successes).tolist())
    return lower_bound(successes, trials, error)


def test_a_count_is_bounded_once_at_each_chance_of_error(asked: list[list[int]]) -> None:
    found = by_table(COUNTS[:2], TEN[:2], 0.01, counting)
    assert np.array_equal(found, lower_bound(COUNTS[:2], 10, 0.01))
    assert np.array_equal(by_table(COUNTS, TEN, 0.01, counting), lower_bound(COUNTS, 10, 0.01))
    assert asked == [[0, 1, 3, 6, 10], [2]]
    assert np.array_equal(by_table(COUNTS, TEN, 0.02, counting), lower_bound(COUNTS, 10, 0.02))
    assert asked[2:] == [[0, 1, 2, 3, 6, 10]]


def test_another_number_of_votes_is_another_table(asked: list[list[int]]) -> None:
    counts, trials = np.concatenate([COUNTS, 2 * COUNTS]), np.repeat([10, 20], 3)
    expected = lower_bound(counts, trials[:, None], 0.01)
    assert np.array_equal(by_table(counts, trials, 0.01, counting), expected)
    assert np.array_equal(by_table(counts[::-1], trials[::-1], 0.01, counting), expected[::-1])
    assert len(asked) == 2


def test_tables_that_are_kept_are_few_and_small(
    asked: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert count_bounds._table.cache_info().maxsize == count_bounds._TABLES
    monkeypatch.setattr(count_bounds, "_MOST_TRIALS", 9)
    for _ in range(2):
        assert np.array_equal(by_table(COUNTS, TEN, 0.01, counting), lower_bound(COUNTS, 10, 0.01))
    assert len(asked) == 2
    assert count_bounds._table.cache_info().currsize == 0


@pytest.mark.parametrize("trials", [10, 999, 1000, 1001, 3000])
@pytest.mark.parametrize("error", [1e-9, 1e-4, 0.2])
def test_bounds_rise_with_votes(trials: int, error: float) -> None:
    # So the k most voted rivals have the k largest bounds, and no others are computed.
    counts = np.arange(trials + 1)
    for bound in (lower_bound, upper_bound):
        assert (np.diff(bound(counts, trials, error)) >= 0).all()


def test_what_is_not_proven_is_0_and_1() -> None:
    labels = np.array([0, 0, 3])
    lower, upper = simultaneous(alpha=0.04, classes=4, named=True).of_named(COUNTS, TEN, labels)
    own = COUNTS[np.arange(3), labels]
    expected = np.where(np.arange(4) == labels[:, None], lower_bound(own, 10, 0.01)[:, None], 0)
    assert np.array_equal(lower, expected)
    others = np.where(np.arange(4) == labels[:, None], 1.0, upper_bound(COUNTS, 10, 0.01))
    assert np.array_equal(upper, others)
    lower, upper = one_sided(alpha=0.04, classes=4, named=False).of_all(COUNTS, TEN)
    assert np.array_equal(lower, lower_bound(COUNTS, 10, 0.01))
    assert (upper == 1.0).all()


def test_sides_have_their_own_chance_of_error() -> None:
    rule = CountBounds(lower=lower_bound, lower_error=0.1, upper=upper_bound, upper_error=0.2)
    lower, upper = rule.of_all(COUNTS, TEN)
    assert np.array_equal(lower, lower_bound(COUNTS, 10, 0.1))
    assert np.array_equal(upper, upper_bound(COUNTS, 10, 0.2))
