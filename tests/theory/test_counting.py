"""beta(r) is exact in integers, and its floats never exceed it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from topcert.theory.counting import check_counts, survival


def is_largest_float_below(value: float, exact: Fraction) -> bool:
    return Fraction(value) <= exact < Fraction(math.nextafter(value, math.inf))


def test_every_numerator_of_a_small_space_is_a_binomial_coefficient() -> None:
    beta = survival(6, 2)
    assert beta.numerators == (15, 10, 6, 3, 1)
    assert beta.denominator == 15
    for value, numerator in zip(beta.floats, beta.numerators, strict=True):
        assert is_largest_float_below(float(value), Fraction(numerator, 15))


@pytest.mark.parametrize(
    ("num_features", "num_kept"), [(1, 1), (2, 1), (7, 7), (9, 1), (60, 30), (1024, 50)]
)
def test_numerators_and_floats_are_exact_at_every_radius(num_features: int, num_kept: int) -> None:
    beta = survival(num_features, num_kept)
    assert beta.denominator == math.comb(num_features, num_kept)
    assert beta.numerators == tuple(
        math.comb(num_features - r, num_kept) for r in range(num_features - num_kept + 1)
    )
    for value, numerator in zip(beta.floats, beta.numerators, strict=True):
        assert is_largest_float_below(float(value), Fraction(numerator, beta.denominator))


def test_a_huge_space_is_exact_at_sampled_radii() -> None:
    num_features, num_kept = 50176, 1000
    beta = survival(num_features, num_kept)
    assert len(beta.numerators) == len(beta.floats) == num_features - num_kept + 1
    assert beta.denominator == math.comb(num_features, num_kept)
    for r in (0, 1, 2, 5, 34, 100, 999, 20_000, 49_000, 49_175, 49_176):
        assert beta.numerators[r] == math.comb(num_features - r, num_kept)
        assert is_largest_float_below(
            float(beta.floats[r]), Fraction(beta.numerators[r], beta.denominator)
        )


@pytest.mark.parametrize(
    ("num_features", "num_kept"), [(1, 1), (2, 1), (7, 7), (9, 1), (9, 2), (60, 30), (1024, 50)]
)
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_for_a_top_k_it_ends_where_no_votes_certify(
    num_features: int, num_kept: int, k: int
) -> None:
    whole, beta = survival(num_features, num_kept), survival(num_features, num_kept, k=k)
    reach = len(beta.numerators)
    assert beta.numerators == whole.numerators[:reach]
    assert np.array_equal(beta.floats, whole.floats[:reach])
    assert all(
        Fraction(numerator, beta.denominator) > Fraction(1, k + 1) for numerator in beta.numerators
    )
    assert all(
        Fraction(numerator, beta.denominator) <= Fraction(1, k + 1)
        for numerator in whole.numerators[reach:]
    )


def test_a_top_0_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        survival(6, 2, k=0)


def test_a_chance_too_small_for_a_float_becomes_zero_and_never_more() -> None:
    beta = survival(50176, 1000)
    assert beta.numerators[-1] == 1
    assert beta.floats[-1] == 0.0
    tiny = np.flatnonzero((beta.floats > 0) & (beta.floats < np.finfo(np.float64).tiny))
    assert len(tiny) > 0  # subnormal floats occur, and are rounded down too
    assert is_largest_float_below(
        float(beta.floats[tiny[0]]), Fraction(beta.numerators[tiny[0]], beta.denominator)
    )


def test_it_starts_at_one_and_falls() -> None:
    beta = survival(1024, 50)
    assert beta.floats[0] == 1.0
    assert all(a > b for a, b in zip(beta.numerators, beta.numerators[1:], strict=False))


def test_the_shared_floats_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        survival(6, 2).floats[0] = 0.5


@pytest.mark.parametrize(
    ("num_features", "num_kept", "message"),
    [
        (0, 1, "num_features"),
        (-3, 1, "num_features"),
        (6, 0, "num_kept"),
        (6, 7, "num_kept"),
        (6, -1, "num_kept"),
    ],
)
def test_impossible_sizes_are_refused(num_features: int, num_kept: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_counts(num_features, num_kept)
    with pytest.raises(ValueError, match=message):
        survival(num_features, num_kept)
