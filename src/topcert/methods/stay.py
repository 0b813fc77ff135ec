"""How many labels of a set stay: from vote counts to the radius of each m (Theorem S)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import SampledMethod, Smoothing, VoteMethod
from topcert.methods.rules import INTERSECTION_UNION, RULES
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.confidence import counted, simultaneous
from topcert.theory.count_bounds import CountBounds
from topcert.theory.intersection import intersection_union_of_sets
from topcert.theory.ranking import most_voted, parts
from topcert.theory.stay_radius import checked_sets


def stay_of_shown(
    method: SampledMethod,
    counts: NDArray[np.int64],
    radii: NDArray[np.int64],
    *,
    alpha: float,
    smoothing: Smoothing,
) -> NDArray[np.int64]:
    """For m = 1 .. k the radius at which at least m of the k labels that an input is shown stay,
    int64 `(inputs, k)`.

    `radii` of that shape are those of the shown labels, by the method's own bounds. Where it has a
    theorem of sets, this is asked with the same bounds of all labels, so that all radii of an input
    hold together as those of its labels do. Else m labels stay as far as m of them do one by one.
    """
    k = radii.shape[1]
    if not isinstance(method, VoteMethod) or not method.certifies_sets:
        return np.asarray(-np.sort(-radii, axis=1))
    rule = simultaneous(alpha=alpha, classes=counts.shape[1], named=False)
    return _of_most_voted(method, rule, counts, k=k, smoothing=smoothing)


def stay_radii(
    method: SampledMethod,
    counts: NDArray[np.int64],
    sets: NDArray[np.int64] | None,
    *,
    k: int,
    alpha: float,
    smoothing: Smoothing,
    bounds: str | None = None,
) -> NDArray[np.int64]:
    """For m = 1 .. the radius at which at least m labels of a set stay among the top `k`, int64
    `(inputs, min(k, labels))`, ABSTAIN where nothing is certified.

    `sets` int `(inputs, labels)`, -1 in the place of none, were named before the votes; None is for
    the k most voted labels. All radii of an input hold together with probability at least 1 -
    alpha. Raises ValueError where the method has no theorem of sets, and for what are none.
    """
    if not isinstance(method, VoteMethod) or not method.certifies_sets:
        raise ValueError(
            f"the method {method.name} does not say how many labels of a set stay; use ablation"
        )
    if bounds not in (None, *RULES):
        raise ValueError(f"bounds must be one of {', '.join(RULES)}, got {bounds!r}")
    classes = counts.shape[1]
    if not 1 <= k < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {k}")
    chosen = None if sets is None else checked_sets(sets, inputs=len(counts), classes=classes)
    rule = _rule(
        bounds,
        alpha=alpha,
        classes=classes,
        k=k,
        size=k if chosen is None else min(chosen.shape[1], classes),
        named=chosen is not None,
        num_named=smoothing.num_named,
    )
    if chosen is None:
        return _of_most_voted(method, rule, counts, k=k, smoothing=smoothing)
    votes, trials = counted(counts, smoothing.num_named)
    radii = np.full((len(votes), min(k, chosen.shape[1])), ABSTAIN)
    for rows in parts(*votes.shape):
        lower, upper = rule.of_all(votes[rows], trials[rows])
        radii[rows] = method.stays(
            lower, upper, chosen[rows], k=k, smoothing=smoothing.of_inputs(rows)
        )
    return radii


def _rule(
    bounds: str | None,
    *,
    alpha: float,
    classes: int,
    k: int,
    size: int,
    named: bool,
    num_named: int,
) -> CountBounds:
    if bounds != INTERSECTION_UNION:
        return simultaneous(alpha=alpha, classes=classes, named=named)
    return intersection_union_of_sets(
        alpha=alpha, classes=classes, k=k, size=size, named=named, num_named=num_named
    )


def _of_most_voted(
    method: VoteMethod,
    rule: CountBounds,
    counts: NDArray[np.int64],
    *,
    k: int,
    smoothing: Smoothing,
) -> NDArray[np.int64]:
    """Of the k most voted labels, from the bounds of these and of their strongest rivals alone.

    Bounds rise with votes. k rivals are compared with a set; theorems on ballots of w labels ask
    how many labels there are, but only whether 2 k + w or more.
    """
    votes, trials = counted(counts, smoothing.num_named)
    near = most_voted(votes, 2 * k + smoothing.num_named)
    lower, upper = rule.of_all(np.take_along_axis(votes, near, axis=1), trials)
    shown = np.broadcast_to(np.arange(k), (len(votes), k))
    return method.stays(lower, upper, shown, k=k, smoothing=smoothing)
