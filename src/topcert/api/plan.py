"""What can be certified at best, before a single pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from topcert.api.python_words import python_words
from topcert.data_frames import to_frame
from topcert.evaluation.choices import check_alpha, check_ballot, choose_ks, listed_ks
from topcert.evaluation.wording import best_in_words
from topcert.html_tables import html_table
from topcert.methods.ablation import METHOD
from topcert.methods.planning import Setting, shown_radii
from topcert.methods.suggestions import SufficientSetting, reaches
from topcert.theory.attacker import REWRITE, REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.counting import check_counts
from topcert.theory.scalars import whole_number


@final
class Plan:
    """What a choice of numbers can certify at best, and which votes it takes.

    Attributes
    ----------
    settings
        The numbers, one for each k.
    unit
        What radii count.

    Examples
    --------
    >>> import topcert
    >>> found = topcert.plan(num_features=1024, num_kept=50, num_classes=10, k=3)
    >>> found.largest_radius()
    27
    """

    def __init__(self, settings: Sequence[Setting], *, unit: str) -> None:
        self.settings = tuple(settings)
        self.unit = unit

    def largest_radius(self, k: int | None = None) -> int | None:
        """The largest radius that any input can have: that of one label with all votes.

        Parameters
        ----------
        k
            Which k; None where there is one.

        Returns
        -------
        int or None
            In features; None where nothing can be certified, not even radius 0.

        Raises
        ------
        ValueError
            Where there are several k and none is named, or no such k.
        """
        largest = self._one(k).largest_radius()
        return None if largest == ABSTAIN else largest

    def _one(self, k: int | None) -> Setting:
        found = [setting for setting in self.settings if k in (None, setting.k)]
        if len(found) != 1:
            raise ValueError(f"k = {k} means {len(found)} of {[one.k for one in self.settings]}")
        return found[0]

    def rows(self) -> list[dict[str, Any]]:
        """One row a k and radius: the fewest votes of n that certify it, where the other labels
        share the rest evenly, and where as few as possible have it; None where none do.
        """
        made = []
        for setting in self.settings:
            largest = setting.largest_radius()
            radii = shown_radii(largest) if largest != ABSTAIN else np.empty(0, np.int64)
            even, few = (setting.votes_needed(radii, rest).tolist() for rest in ("even", "one"))
            for radius, one, other in zip(radii.tolist(), even, few, strict=True):
                made.append(
                    {
                        "k": setting.k,
                        "radius": radius,
                        "votes_if_others_share": _votes(one, setting),
                        "votes_if_few_have_the_rest": _votes(other, setting),
                    }
                )
        return made

    def reaches(self, radius: int, k: int | None = None) -> list[SufficientSetting]:
        """Which numbers kept, ballots and designs can reach a radius at each share of votes.

        Which of them a network names most often, only votes tell: try them by `topcert.tune`.

        Parameters
        ----------
        radius
            In features.
        k
            Which k; None where there is one.

        Returns
        -------
        list of SufficientSetting
            For each w of 1 .. k and each share of votes for the label (100, 90, 75 and 60 %): the
            most features that a mask may keep (`num_kept`), and the fewest blocks of a design that
            share no feature (`num_blocks`); None where nothing reaches it.

        Raises
        ------
        ValueError
            Where the radius is negative or more than there are features, or it is not clear which k
            is meant.

        Examples
        --------
        >>> import topcert
        >>> found = topcert.plan(num_features=64, num_kept=9, num_classes=10, k=1, num_samples=1000)
        >>> [(one.percent, one.num_kept, one.num_blocks) for one in found.reaches(3)]
        [(100, 12, 7), (90, 10, 9), (75, 7, 11), (60, 5, 14)]
        """
        with python_words():
            return reaches(self._one(k), whole_number(radius, "radius"))

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame. Raises ImportError where there is no pandas."""
        names = ("k", "radius", "votes_if_others_share", "votes_if_few_have_the_rest")
        rows = self.rows()
        return to_frame({name: [row[name] for row in rows] for name in names})

    def _repr_html_(self) -> str:
        rows = self.rows()
        cells = [list(row.values()) for row in rows]
        return html_table(list(rows[0]), cells, caption="what can be certified at best")

    def __repr__(self) -> str:
        lines = [
            best_in_words(one.largest_radius(), k=one.k, unit=self.unit, setting=numbers_of(one))
            for one in self.settings
        ]
        return "<Plan\n  " + "\n  ".join(lines).replace("--samples", "num_samples") + ">"


def plan(
    *,
    num_features: int,
    num_kept: int,
    num_classes: int,
    k: int | Sequence[int] | None = None,
    num_samples: int = 10_000,
    alpha: float = 0.001,
    num_named: int = 1,
    moves: Sequence[str] = (REWRITE,),
    unit: str = "feature",
) -> Plan:
    """The largest radius that can ever be certified by `ablation`, and the votes that it takes.

    Parameters
    ----------
    num_features
        Features of an input (d), such as 1024 pixels.
    num_kept
        Features that each mask keeps (e).
    num_classes
        Classes (c).
    k
        One k or several; 3, or fewer where there are fewer classes.
    num_samples
        Votes of each input (n).
    alpha
        The chance that any certificate of an input is wrong.
    num_named
        Labels that each vote names (w).
    moves
        What an attacker may do, some of "insert", "delete" and "rewrite".
    unit
        What to call a feature.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        Where a number is out of range.

    Examples
    --------
    >>> import topcert
    >>> topcert.plan(num_features=1024, num_kept=50, num_classes=10, k=3).largest_radius()
    27
    >>> topcert.plan(num_features=200, num_kept=10, num_classes=20, k=3,
    ...              moves=["insert", "delete", "rewrite"]).largest_radius()
    25
    """
    with python_words():
        asked = listed_ks(k)
        settings = settings_of(
            num_features=whole_number(num_features, "num_features"),
            num_kept=whole_number(num_kept, "num_kept"),
            num_classes=whole_number(num_classes, "num_classes"),
            ks=asked,
            num_samples=whole_number(num_samples, "num_samples"),
            alpha=alpha,
            num_named=whole_number(num_named, "num_named"),
            attacker=Attacker(moves=tuple(moves)),
        )
        return Plan(settings, unit=unit)


def settings_of(
    *,
    num_features: int,
    num_kept: int,
    num_classes: int,
    ks: Sequence[int] | None,
    num_samples: int,
    alpha: float,
    num_named: int,
    attacker: Attacker = REWRITES,
) -> list[Setting]:
    """The numbers for each k. Raises ValueError, naming options, where one is out of range."""
    check_alpha(alpha)
    if num_samples < 1:
        raise ValueError(f"--samples must be at least 1, got {num_samples}")
    if num_classes < 2:
        raise ValueError(f"--classes must be at least 2, got {num_classes}")
    check_counts(num_features, num_kept)
    check_ballot(num_named, METHOD, num_classes)
    return [
        Setting(
            num_features=num_features,
            num_kept=num_kept,
            num_classes=num_classes,
            k=k,
            num_samples=num_samples,
            alpha=alpha,
            num_named=num_named,
            attacker=attacker,
        )
        for k in choose_ks(ks, METHOD.name, num_classes)
    ]


def _votes(needed: int, setting: Setting) -> int | None:
    return None if needed > setting.num_samples else needed


def numbers_of(setting: Setting) -> str:
    """The numbers of a setting, in words."""
    named = "" if setting.num_named == 1 else f", w = {setting.num_named}"
    moves = setting.attacker.moves
    done = "" if setting.attacker.rewrites_alone else f", moves {', '.join(moves)}"
    return (
        f"n = {setting.num_samples:,}, alpha = {setting.alpha:g}, c = {setting.num_classes}, e ="
        f" {setting.num_kept:,}{named} and d = {setting.num_features:,}{done}"
    )
