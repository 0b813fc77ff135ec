"""Looking for a few largest values finds what ordering all of them finds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.theory import ranking
from topcert.theory.ranking import most_voted, nearest_counts, strongest_rivals


def tables(classes: int) -> list[NDArray[np.int64]]:
    """Counts with many ties, with few, and with mostly none."""
    generator = np.random.default_rng(classes)
    sparse = generator.integers(0, 1000, (23, classes)) * (generator.random((23, classes)) < 0.1)
    return [generator.integers(0, most, (23, classes)) for most in (1, 3, 10**8)] + [sparse]


@pytest.fixture(autouse=True)
def _few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_CELLS", 500)


@pytest.mark.parametrize("classes", [2, 40, 300])
def test_the_most_voted_are_those_of_a_stable_order(classes: int) -> None:
    for counts in tables(classes):
        before = counts.copy()
        order = [sorted(range(classes), key=lambda j: (-row[j], j)) for row in counts.tolist()]
        for k in {1, min(5, classes), min(20, classes), classes}:
            assert most_voted(counts, k).tolist() == [labels[:k] for labels in order]
        assert np.array_equal(counts, before)


@pytest.mark.parametrize("classes", [2, 40, 300])
@pytest.mark.parametrize("kind", [np.int64, np.float64, np.float32, object])
def test_the_strongest_rivals_are_the_largest_of_the_others(classes: int, kind: Any) -> None:
    for counts in tables(classes):
        values = counts.astype(kind)
        if kind is object:
            values = values * Fraction(1, 7)
        labels = np.arange(len(counts)) % classes
        others = [
            sorted(row[:label] + row[label + 1 :])
            for row, label in zip(values.tolist(), labels.tolist(), strict=True)
        ]
        before = values.copy()
        for count in {1, min(5, classes - 1), min(20, classes - 1), classes - 1}:
            found = strongest_rivals(values, labels, count)
            assert found.dtype == values.dtype
            assert found.tolist() == [row[classes - 1 - count :] for row in others]
        assert np.array_equal(values, before)


def test_near_counts_are_the_labels_and_then_its_rivals() -> None:
    counts = np.array([[5, 1, 9, 0], [7, 7, 0, 2]])
    assert nearest_counts(counts, np.array([0, 3]), 2).tolist() == [[5, 9, 1], [2, 7, 7]]
    assert nearest_counts(counts[:0], np.zeros(0, np.int64), 2).shape == (0, 3)
