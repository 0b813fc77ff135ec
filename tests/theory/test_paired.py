"""What pairs of features say of the masks that r of them meet: never more than is true of any r,
and worth asking.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.randomization.masks import draw_masks
from topcert.theory import paired
from topcert.theory.paired import (
    least_met_by_pairs,
    most_met_by_pairs,
    tighten,
    tightened_by_chance,
)
from topcert.theory.surviving_votes import (
    SurvivingVotes,
    least_met,
    most_met,
    near_labels,
    surviving_votes,
)

Ints = NDArray[np.int64]


def keeps_of(masks: Ints, num_features: int) -> Ints:
    """Which features masks `(masks, e)` keep, 0 or 1."""
    keeps = np.zeros((len(masks), num_features), np.int64)
    np.put_along_axis(keeps, masks, 1, axis=1)
    return keeps


def slow_least_and_most(keeps: Ints, r: int) -> tuple[int, int]:
    """The bounds for masks `(masks, num_features)` by their definition, in fractions."""
    features = range(keeps.shape[1])
    w = [[sum(int(mask[i] and mask[j]) for mask in keeps) for j in features] for i in features]

    def worst(alone: Fraction, both: Fraction, sign: int) -> Fraction:
        """Of alone S1 - both S2, the least (sign 1) or the most (-1) by rows."""
        rows = []
        for i in features:
            of_pairs = [
                (w[i][i] + w[j][j]) * alone / (2 * r - 2) - w[i][j] * both / 2
                for j in features
                if j != i
            ]
            rows.append(sum(sorted(of_pairs, key=lambda entry: sign * entry)[: r - 1], Fraction()))
        return sum(sorted(rows, key=lambda row: sign * row)[:r], Fraction())

    single = sum(w[i][i] for i in features)
    double = sum(w[i][j] for i in features for j in features if i != j)
    m = 1 + (math.floor(Fraction((r - 1) * double, (len(features) - 1) * single)) if single else 0)
    least = worst(Fraction(2, m + 1), Fraction(2, m * (m + 1)), 1)
    return max(0, math.ceil(least)), math.floor(worst(Fraction(1), Fraction(2, r), -1))


def some_masks(num_features: int, num_kept: int, size: int) -> Ints:
    """Masks of which many keep the first features together, and few the last."""
    generator = np.random.default_rng(size)
    heavy = generator.random((size, num_features)) + np.linspace(
        0, generator.choice([0, 0.5]), num_features
    )
    return keeps_of(np.argsort(heavy, axis=1)[:, :num_kept], num_features)


@pytest.mark.parametrize(("num_features", "num_kept"), [(5, 1), (6, 2), (7, 3), (8, 5), (9, 2)])
def test_no_features_meet_more_or_fewer(num_features: int, num_kept: int) -> None:
    tight = 0
    for size in (0, 1, 2, 7, 30, 31, 90):
        keeps = some_masks(num_features, num_kept, size)
        pairs = keeps.T @ keeps
        for r in range(2, num_features + 1):
            met = [
                int(keeps[:, some].any(axis=1).sum())
                for some in itertools.combinations(range(num_features), r)
            ]
            least, most = least_met_by_pairs(pairs, r), most_met_by_pairs(pairs, r)
            assert 0 <= least <= min(met) <= max(met) <= most
            assert (least, most) == slow_least_and_most(keeps, r)
            tight += (least == min(met)) + (most == max(met))
    assert tight >= 15


@pytest.mark.parametrize("num_features", [40, 300])
def test_rows_are_passed_over_only_where_they_cannot_count(
    num_features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the largest sums of all rows, looked at a few at a time and in two kinds of numbers
    monkeypatch.setattr(paired, "_CELLS", 7 * num_features)
    monkeypatch.setattr(paired, "_ROWS", 5)
    kept = draw_masks(seed=1, start=0, stop=90, num_features=num_features, num_kept=9)
    keeps = keeps_of(kept, num_features)
    pairs = keeps.T @ keeps
    for r, scale, few in itertools.product((2, 3, 9, 30), (1, 10**8), (0, 12, 100)):
        monkeypatch.setattr(paired, "_PRUNED", few)
        for alone, both in ((r, -2 * (r - 1)), (-1, r - 1), (-3, r - 1)):
            known, single = scale * pairs, scale * np.diagonal(pairs)
            links = alone * (single[:, None] + single) + both * known
            off = np.sort(links[~np.eye(num_features, dtype=bool)].reshape(num_features, -1))
            slow = np.sort(off[:, 1 - r :].sum(axis=1))[-r:].sum()
            assert paired._most_linked(known, r, alone=alone, both=both) == slow


def count_pairs_too_often(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Let the bounds take `share` times as many pairs as they may."""
    linked = paired._most_linked

    def greedy(pairs: Ints, r: int, *, alone: int, both: int) -> int:
        return linked(pairs * 2, r, alone=alone, both=int(both * share)) // 2

    monkeypatch.setattr(paired, "_most_linked", greedy)


def test_a_larger_share_of_the_pairs_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    keeps = some_masks(7, 4, 60)
    count_pairs_too_often(monkeypatch, 1.5)
    most = [most_met_by_pairs(keeps.T @ keeps, r) for r in (2, 3, 4)]
    met = [
        max(keeps[:, list(some)].any(axis=1).sum() for some in itertools.combinations(range(7), r))
        for r in (2, 3, 4)
    ]
    assert any(bound < truth for bound, truth in zip(most, met, strict=True))


def test_counts_beyond_32_bits_are_counted_as_well() -> None:
    keeps = some_masks(9, 4, 60)
    pairs = keeps.T @ keeps
    for r in (2, 3, 5):
        few = least_met_by_pairs(pairs * 12, r), most_met_by_pairs(pairs * 12, r)
        many = least_met_by_pairs(pairs * 12 * 10**8, r), most_met_by_pairs(pairs * 12 * 10**8, r)
        assert all(abs(a * 10**8 - b) <= 10**8 for a, b in zip(few, many, strict=True))
        assert many[1] > 2**31


@pytest.mark.parametrize("r", [2, 3, 10, 25, 40])
def test_the_fewest_hold_where_masks_keep_many_of_the_features(r: int) -> None:
    keeps = keeps_of(draw_masks(seed=0, start=0, stop=20_000, num_features=64, num_kept=8), 64)
    pairs = (keeps.astype(np.float64).T @ keeps.astype(np.float64)).astype(np.int64)
    generator = np.random.default_rng(r)
    met = min(int(keeps[:, generator.permutation(64)[:r]].any(axis=1).sum()) for _ in range(100))
    assert 0.6 * met < least_met_by_pairs(pairs, r) <= met


def of_one_input(
    counts: Ints, votes: Ints, keeps: Ints, *, k: int, reach: int
) -> tuple[SurvivingVotes, Ints]:
    near = near_labels(counts, np.array([0]), k)
    kept = [np.stack([keeps[votes == label].sum(axis=0) for label in near[0]])]
    found = surviving_votes(
        counts,
        np.array([0]),
        kept,
        keeps.sum(axis=0),
        k=k,
        reach=reach,
        num_kept=int(keeps[0].sum()),
    )
    return found, np.stack([keeps[votes == label].T @ keeps[votes == label] for label in near[0]])


def test_only_what_is_asked_for_is_sharpened_and_never_blunted() -> None:
    generator = np.random.default_rng(0)
    keeps = keeps_of(draw_masks(seed=0, start=0, stop=4000, num_features=100, num_kept=10), 100)
    votes = generator.choice(4, p=[0.5, 0.3, 0.15, 0.05], size=4000)
    counts = np.bincount(votes, minlength=4)[None]
    found, pairs = of_one_input(counts, votes, keeps, k=2, reach=12)
    degrees = keeps.T @ keeps
    for r in range(2, 13):
        sharp = tighten(found, pairs, degrees, r, labels=1)
        assert (sharp.least_left >= found.least_left).all()
        assert (sharp.most_left <= found.most_left).all()
        assert (sharp.others_left <= found.others_left).all()
        for before, after in (
            (found.least_left, sharp.least_left),
            (found.most_left, sharp.most_left),
            (found.others_left, sharp.others_left),
        ):
            assert np.flatnonzero((before != after).any(axis=(0, 1))).tolist() in ([], [r])
        assert sharp.least_left[0, 0, r] == max(
            counts[0, 0] - most_met_by_pairs(pairs[0], r), found.least_left[0, 0, r]
        )
        assert sharp.most_left[0, 1, r] == counts[0, 1] - max(
            least_met_by_pairs(pairs[1], r), least_met(np.diag(pairs[1]), r)[r]
        )
        assert sharp.most_left[0, 0, r] == found.most_left[0, 0, r]
        # hardly more can be said than what chance would have
        hoped = tightened_by_chance(found)
        assert hoped.least_left[0, 0, r] >= sharp.least_left[0, 0, r] - 5
        assert (hoped.most_left[0, 1:, r] <= sharp.most_left[0, 1:, r] + 5).all()
        assert hoped.others_left[0, 0, r] <= sharp.others_left[0, 0, r] + 5
    alone = tighten(found, pairs[:2], degrees, 5, labels=2)
    assert alone.most_left.tolist() == found.most_left.tolist()
    assert alone.others_left[0, 1, 5] < found.others_left[0, 1, 5]


@pytest.mark.parametrize(("r", "times"), [(2, 1.8), (4, 3.0), (8, 3.0)])
def test_pairs_say_more_than_features_alone(r: int, times: float) -> None:
    keeps = keeps_of(draw_masks(seed=0, start=0, stop=10_000, num_features=256, num_kept=13), 256)
    alone = keeps.sum(axis=0)
    pairs = (keeps.astype(np.float64).T @ keeps.astype(np.float64)).astype(np.int64)
    assert most_met_by_pairs(pairs, r) < 0.99 * most_met(alone, r)[r]
    assert least_met_by_pairs(pairs, r) > times * least_met(alone, r)[r]
