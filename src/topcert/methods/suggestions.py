"""Which e, w and blocks can reach a radius at all, as far as it can be said before a single pass.

What no theorem knows is how often a network names a label when it sees so little. So each answer
is for a share of the votes that name it; all else that is named is spread evenly over the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from topcert.methods.planning import Setting

PERCENTS: Final = (100, 90, 75, 60)  # of the votes that name the label; 100: whatever is best then
_FEW: Final = 64  # features, up to which each number kept is tried
_MOST_BLOCKS: Final = 64  # for each feature that may change


@final
@dataclass(frozen=True, kw_only=True)
class SufficientSetting:
    """What reaches the radius where `percent` of the votes name the label among their `num_named`.

    `num_kept` is the largest number of features that a mask may keep, `num_blocks` the fewest
    blocks of one partition; None where none will do.
    """

    num_named: int
    percent: int
    num_kept: int | None
    num_blocks: int | None


def reaches(setting: Setting, radius: int) -> list[SufficientSetting]:
    """What reaches `radius`, for each w of 1 .. k and each of `PERCENTS`.

    Parameters
    ----------
    setting : Setting
        The numbers that are set; its `num_kept` and `num_named` are not looked at.
    radius : int
        In features, at least 0.

    Returns
    -------
    list of SufficientSetting
        By w, and then from the largest share of votes to the smallest. `num_kept` is by Theorem 1
        with SimuEM on given labels (Eq. 6, 8), `num_blocks` by Theorem E (docs/beyond.md, section
        3) for the methods `design` and `fpa`, whatever the place of the label among the classes.

    Raises
    ------
    ValueError
        Where the radius is negative or more than there are features.

    Examples
    --------
    >>> from topcert.methods.planning import Setting
    >>> setting = Setting(
    ...     num_features=64, num_kept=1, num_classes=10, k=1, num_samples=1000, alpha=0.001
    ... )
    >>> [(reach.percent, reach.num_kept, reach.num_blocks) for reach in reaches(setting, 3)]
    [(100, 12, 7), (90, 10, 9), (75, 7, 11), (60, 5, 14)]
    """
    if not 0 <= radius <= setting.num_features:
        raise ValueError(
            f"the radius must lie in 0 .. {setting.num_features}, the features of an input; got"
            f" {radius}"
        )
    return [
        SufficientSetting(
            num_named=w,
            percent=percent,
            num_kept=_most_kept(replace(setting, num_named=w), radius, percent),
            num_blocks=_fewest_blocks(replace(setting, num_named=w), radius, percent),
        )
        for w in range(1, min(setting.k, setting.num_classes - 1) + 1)
        for percent in PERCENTS
    ]


def _most_kept(setting: Setting, radius: int, percent: int) -> int | None:
    """The largest e; the radius falls as e grows, but for the grid of probabilities of few
    features.
    """

    def enough(kept: int) -> bool:
        tried = replace(setting, num_kept=kept)
        if percent == 100:
            return tried.largest_radius() >= radius
        votes = np.array([setting.num_samples * percent // 100])
        return int(tried.radius(votes, "even")[0]) >= radius

    if setting.num_features <= _FEW:
        return next((kept for kept in range(setting.num_features, 0, -1) if enough(kept)), None)
    low, high = 0, setting.num_features + 1  # low does, or is 0; high does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low or None


def _fewest_blocks(setting: Setting, radius: int, percent: int) -> int | None:
    """The fewest blocks of a partition whose votes give the radius; of designs nothing is said
    where inputs may change their length.
    """
    if not setting.attacker.rewrites_alone:
        return None
    most = min(setting.num_features, _MOST_BLOCKS * (radius + 1))
    return next(
        (
            blocks
            for blocks in range(max(1, radius), most + 1)
            if _partition_reaches(setting, blocks, radius, percent)
        ),
        None,
    )


def _partition_reaches(setting: Setting, blocks: int, radius: int, percent: int) -> bool:
    """Theorem E with (5): a changed feature rewrites one ballot, which costs a part Y of t rivals
    at most t + min(t, w), and t times the lead is more than r features cost.
    """
    w = setting.num_named
    named = blocks * percent // 100
    others = -(-(w * blocks - named) // (setting.num_classes - 1))  # the most that a rival has
    lead = named - others  # ties are lost: the label may be the last of the classes
    return any(t * lead > radius * (t + min(t, w)) for t in range(1, setting.k + 1))
