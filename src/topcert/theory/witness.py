"""Exactness of Eq. 6 (paper, Theorem 2, for every k): the classifier that breaks a label one step
past its radius.

In whole votes of the C(d, e) = N ablated inputs, with M = C(d - r, e) and V = N - M: the attacker
holds the V ablated inputs of x + delta that keep a changed feature. In the worst case all V of x
named the label, which then has T = max(0, n_l - V) left, and a rival j that the M others name x_j
times is lifted to T by T - x_j of the attacker's namings.

Each ablated input names w labels (w = 1: the paper). Which x_j there are with which the attack
succeeds, and that no other attack does, is docs/theory/theorem-h.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.certified_radius import certified_radius, counted_bounds
from topcert.theory.scalars import whole_number

MAX_ABLATED_INPUTS: Final = 10**6


@dataclass(frozen=True, kw_only=True)
class TightnessWitness:
    """A base classifier, given by what it names for every ablated input of x and of x + delta.

    Made by `tightness_witness`. `clean` and `attacked` agree wherever no changed feature is kept,
    for there the two ablated inputs are the same. With `clean` the bounds are met; with `attacked`
    k rivals have as many votes as the label, so it is not guaranteed a place in the top k.

    Attributes
    ----------
    radius
        The largest radius that follows from the bounds, in features.
    changed
        The features that the attacker changes, int64 `(radius + 1,)`.
    kept
        All N = C(d, e) kept sets, int64 `(N, e)`.
    clean, attacked
        The labels of h(x) and h(x + delta) under each kept set, int64 `(N,)`, or `(N, w)` where
        each ablated input names w > 1.

    Examples
    --------
    >>> import topcert
    >>> found = topcert.tightness_witness(
    ...     [0.8, 0.0, 0.0], [1.0, 0.2, 0.1], 0, k=1, num_features=10, num_kept=2)
    >>> int((found.clean == 0).sum()), int((found.attacked == 0).sum()), len(found.kept)
    (36, 19, 45)
    """

    radius: int
    changed: NDArray[np.int64]
    kept: NDArray[np.int64]
    clean: NDArray[np.int64]
    attacked: NDArray[np.int64]


def tightness_witness(
    lower: ArrayLike,
    upper: ArrayLike,
    label: int,
    *,
    k: int,
    num_features: int,
    num_kept: int,
    num_named: int = 1,
) -> TightnessWitness:
    """The classifier which shows that no more can be certified from the same bounds.

    Parameters
    ----------
    lower, upper
        Bounds of one input, `(classes,)`, in any form that `certified_radius` takes.
    label
        The label that is certified.
    k, num_features, num_kept, num_named
        As of `certified_radius`.

    Returns
    -------
    TightnessWitness
        A classifier within the bounds, and an attack on `radius + 1` features. For `num_named` of 3
        or more, `certified_radius` may fall short of this `radius` in rare cases.

    Raises
    ------
    ValueError
        For a lower bound of the label that the others' upper bounds already exceed (they sum to
        less than `num_named`), for more than 10^6 kept sets, and as `certified_radius`.

    References
    ----------
    Jia et al., ICLR 2022, Theorem 2; for every k and w: docs/theory/theorem-h.md.

    Examples
    --------
    >>> import topcert
    >>> found = topcert.tightness_witness(
    ...     [0.8, 0.0, 0.0], [1.0, 0.2, 0.1], 0, k=1, num_features=10, num_kept=2)
    >>> found.radius, found.changed
    (1, array([0, 1]))
    """
    k, label, named = (
        whole_number(k, "k"),
        whole_number(label, "label"),
        whole_number(num_named, "num_named"),
    )
    num_features, num_kept = (
        whole_number(num_features, "num_features"),
        whole_number(num_kept, "num_kept"),
    )
    lows, ups = np.asarray(lower)[None], np.asarray(upper)[None]
    radius = int(
        certified_radius(
            lows, ups, [label], k=k, num_features=num_features, num_kept=num_kept, num_named=named
        )[0]
    )
    total = comb(num_features, num_kept)
    if total > MAX_ABLATED_INPUTS:
        raise ValueError(
            f"C({num_features}, {num_kept}) kept sets are too many to list; the limit is 10^6"
        )
    label_count, limits = counted_bounds(lows, ups, label, total)
    if label_count + sum(limits.values()) < named * total:
        raise ValueError(
            f"label {label} has at least {named * total - sum(limits.values())} of {total} ablated"
            f" inputs by the others' upper bounds; its lower bound is {label_count} of {total}:"
            " raise it to that"
        )
    attack = None
    while attack is None:  # with every feature changed there is one
        radius += 1
        common = comb(num_features - radius, num_kept)
        attack = _attack(label_count, limits, k=k, total=total, common=common, named=named)
    clean, attacked = attack
    kept = np.array(list(combinations(range(num_features), num_kept)), np.int64)
    # the changed features are the first ones, without loss of generality
    touched = (kept < radius).any(axis=1)
    clean_votes, attacked_votes = (np.empty((total, named), np.int64) for _ in range(2))
    clean_votes[touched] = spread_over_ballots(
        {label: label_count - clean.left} | clean.voided, len(kept) - common, named
    )
    clean_votes[~touched] = attacked_votes[~touched] = spread_over_ballots(
        {label: clean.left} | clean.common, common, named
    )
    attacked_votes[touched] = spread_over_ballots(attacked, len(kept) - common, named)
    return TightnessWitness(
        radius=radius - 1,
        changed=np.arange(radius, dtype=np.int64),
        kept=kept,
        clean=clean_votes[:, 0] if named == 1 else clean_votes,
        attacked=attacked_votes[:, 0] if named == 1 else attacked_votes,
    )


@dataclass(frozen=True, kw_only=True)
class _Clean:
    """How often voided and common ablated inputs of x name each rival; the common ones name the
    label `left` times.
    """

    left: int
    voided: dict[int, int]
    common: dict[int, int]


def _attack(
    label_count: int, limits: dict[int, int], *, k: int, total: int, common: int, named: int
) -> tuple[_Clean, dict[int, int]] | None:
    """The clean namings under which an attack succeeds, and the attacker's; None where there are
    none.
    """
    voided = total - common
    left = max(0, label_count - voided)
    rivals = sorted(limits, key=lambda j: limits[j])[-k:]
    least, most = max(0, left - voided), {j: min(limits[j], left) for j in rivals}
    if any(most[j] < least for j in rivals):
        return None
    # x_j: first what leaves each rival all that voided inputs can say of it, and then as far as it
    # takes.
    x = dict.fromkeys(limits, 0) | dict.fromkeys(rivals, least)
    lacking = k * left - named * voided - sum(x.values())
    for ends in ({j: min(most[j], limits[j] - voided) for j in rivals}, most):
        for j in rivals:
            more = max(0, min(ends[j] - x[j], lacking))
            x[j] += more
            lacking -= more
    room = {j: min(voided, limits[j] - x[j]) for j in limits}
    missing = named * voided - (label_count - left)  # namings of rivals by voided inputs
    if lacking > 0 or sum(x.values()) > named * common - left or sum(room.values()) < missing:
        return None
    # Voided inputs first name those of whom the common ones cannot use up all.
    first = {j: max(0, min(room[j], limits[j] - common)) for j in limits}
    voided_counts = _filled(dict.fromkeys(limits, 0), (first, room), missing)
    ends = {j: min(common, limits[j] - voided_counts[j]) for j in limits}
    common_counts = _filled(x, (ends,), named * common - left - sum(x.values()))
    attacked = {j: max(0, left - common_counts[j]) if j in rivals else 0 for j in limits}
    attacked = _filled(
        attacked, (dict.fromkeys(limits, voided),), named * voided - sum(attacked.values())
    )
    return _Clean(left=left, voided=voided_counts, common=common_counts), attacked


def _filled(start: dict[int, int], ends: tuple[dict[int, int], ...], more: int) -> dict[int, int]:
    """`start` and so many more, up to each of `ends` in turn."""
    out = dict(start)
    for end in ends:
        for j in out:
            step = max(0, min(end[j] - out[j], more))
            out[j] += step
            more -= step
    return out


def spread_over_ballots(counts: dict[int, int], size: int, named: int) -> NDArray[np.int64]:
    """Ballots `(size, named)`, all different in a row, that name each label so often: dealt out in
    turn.

    So the namings of a label go to different ballots. They are `size` at most of each label, and
    `size * named` in all.
    """
    cards = np.repeat(list(counts), list(counts.values()))
    return np.asarray(cards.reshape(named, size).T)
