"""What reaches a radius before votes are seen: by the theorems themselves, at the boundary."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from topcert.methods.planning import Setting
from topcert.methods.suggestions import PERCENTS, SufficientSetting, reaches
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.design_radius import partition_radius
from topcert.theory.partition import ballots_radius

SETTING = Setting(num_features=64, num_kept=1, num_classes=10, k=3, num_samples=1000, alpha=0.001)


def by_percent(found: list[SufficientSetting], w: int) -> dict[int, SufficientSetting]:
    return {reach.percent: reach for reach in found if reach.num_named == w}


def even_counts(votes: int, *, named: int, w: int, classes: int) -> np.ndarray:
    """The label has the last place, all else is spread over the others."""
    share, extra = divmod(w * votes - named, classes - 1)
    others = [share + (place < extra) for place in range(classes - 1)]
    return np.array([*others, named])


@pytest.mark.parametrize(("features", "radius", "k"), [(64, 3, 3), (64, 0, 1), (1024, 5, 2)])
def test_so_many_may_be_kept_and_no_more(features: int, radius: int, k: int) -> None:
    setting = replace(SETTING, num_features=features, k=k)
    found = reaches(setting, radius)
    assert [reach.num_named for reach in found] == [w for w in range(1, k + 1) for _ in PERCENTS]

    def certified(kept: int, *, w: int, percent: int) -> int:
        counts = even_counts(1000, named=10 * percent, w=w, classes=10)[None]
        (radius,) = certified_radius(
            lower_bound(counts, 1000, 0.001 / 10),
            upper_bound(counts, 1000, 0.001 / 10),
            np.array([9]),
            k=k,
            num_features=features,
            num_kept=kept,
            num_named=w,
        )
        return int(radius)

    for w in range(1, k + 1):
        for percent, reach in by_percent(found, w).items():
            if percent == 100:
                best = replace(setting, num_named=w, num_kept=reach.num_kept or 1)
                assert (reach.num_kept is not None) == (best.largest_radius() >= radius)
                continue
            most = reach.num_kept or 0
            if most:
                assert certified(most, w=w, percent=percent) >= radius
            if most < features:
                assert certified(most + 1, w=w, percent=percent) < radius
    fewest = [by_percent(found, 1)[percent].num_kept or 0 for percent in PERCENTS]
    assert fewest == sorted(fewest, reverse=True)
    assert len(set(fewest)) > 1 or radius == 0


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("radius", [0, 1, 4])
def test_so_many_blocks_certify_the_radius(radius: int, k: int) -> None:
    for reach in reaches(replace(SETTING, k=k), radius):
        if reach.num_blocks is None:
            assert reach.percent < 90
            continue
        blocks, w = reach.num_blocks, reach.num_named
        named = blocks * reach.percent // 100
        turn = itertools.cycle(range(9))  # in turn: no block names a rival twice
        ballots = np.array(
            [
                [9] * (block < named) + [next(turn) for _ in range(w - (block < named))]
                for block in range(blocks)
            ]
        )
        counts = even_counts(blocks, named=named, w=w, classes=10)
        np.testing.assert_array_equal(np.bincount(ballots.reshape(-1), minlength=10), counts)
        assert ballots_radius(ballots, 9, classes=10, k=k, num_features=64) >= radius
        if w == k == 1 and blocks > 1:
            fewer = (blocks - 1) * reach.percent // 100
            less = even_counts(blocks - 1, named=fewer, w=1, classes=10)
            assert partition_radius(less, 9, k=1, num_features=64) < radius


def test_a_radius_that_nothing_reaches_has_none() -> None:
    few = replace(SETTING, num_samples=3)
    assert {reach.num_kept for reach in reaches(few, 2)} == {None}
    assert {reach.num_blocks for reach in reaches(replace(SETTING, num_features=4, k=1), 4)} == {
        None
    }
    with pytest.raises(ValueError, match=r"must lie in 0 \.\. 64, .* got 65"):
        reaches(SETTING, 65)
