"""Bounds for one claim at a time (intersection-union): nothing is divided by the number of classes.

"Label l is not among the top k" needs k rivals, and there is one set of k that breaks l if any
does: the k likeliest others. A claim is wrong only if one of its k bounds, or l's own, is. Which
labels they are is not known, but a rule that claims only what holds against every k rivals also
holds against those, and the k most voted are the hardest to hold against. Proofs:
docs/theory/theorem-a.md.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.confidence import (
    check_alpha,
    counted,
    lower_bound,
    upper_bound,
)
from topcert.theory.count_bounds import CountBounds
from topcert.theory.labels import checked_labels
from topcert.theory.scalars import whole_number

_LEAST: Final = 2.0**-30  # lower bounds below this are taken for 0
# with s votes, each leaves about 1/s of ln(L / bound), which is at most 21 in the beginning
_STEPS: Final = 8


def intersection_union_bounds(
    counts: ArrayLike, *, alpha: float, k: int, labels: ArrayLike | None = None, num_named: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds for one claim at a time: the radii that follow from them hold with chance 1 - alpha.

    They are closer than those of `simultaneous_bounds`, as nothing is divided by the number of
    classes. Theorems that compare a label with its k strongest rivals may use them.

    Parameters
    ----------
    counts
        How often each class was named, int `(inputs, classes)`.
    alpha
        The chance that any radius of an input is wrong, in (0, 1).
    k
        The largest k that is certified, 1 .. classes - 1.
    labels
        The label to certify, int `(inputs,)`, named before the votes were seen: each bound is at
        alpha / (k + 1). Without labels, for those that the votes pick: upper bounds at alpha /
        (2 (k + 1)), lower bounds by `lower_bound_by_mass` at alpha / (2 w).
    num_named
        How many labels each vote names (w).

    Returns
    -------
    lower, upper : ndarray
        float64 `(inputs, classes)`. They do not all hold at once: only radii made of them do.

    Raises
    ------
    ValueError
        As `simultaneous_bounds`, and for k outside 1 .. classes - 1.

    References
    ----------
    Theorem A, docs/theory/theorem-a.md; intersection-union tests are Berger's (1982).

    Examples
    --------
    >>> import topcert
    >>> lower, upper = topcert.intersection_union_bounds(
    ...     [[90, 8, 2]], alpha=0.001, k=1, labels=[0])
    >>> lower.round(3), upper.round(3)
    (array([[0.766, 0.   , 0.   ]]), array([[1.   , 0.207, 0.115]]))
    """
    votes, trials = counted(counts, num_named)
    inputs, classes = votes.shape
    rule = intersection_union(
        alpha=alpha, classes=classes, k=k, named=labels is not None, num_named=num_named
    )
    if labels is None:
        return rule.of_all(votes, trials)
    named = checked_labels(labels, inputs=inputs, classes=classes)
    return rule.of_named(votes, trials, named)


def intersection_union(
    *, alpha: float, classes: int, k: int, named: bool, num_named: int = 1
) -> CountBounds:
    """How `intersection_union_bounds` bounds each count, of labels `named` before the votes or not.

    Raises ValueError for alpha outside (0, 1) and k outside 1 .. classes - 1.
    """
    check_alpha(alpha)
    k = whole_number(k, "k")
    if not 1 <= k < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {k}")
    if named:
        error = alpha / (k + 1)
        return CountBounds(
            lower=lower_bound, lower_error=error, upper=upper_bound, upper_error=error
        )
    return CountBounds(
        lower=lower_bound_by_mass,
        lower_error=alpha / (2 * num_named),
        upper=upper_bound,
        upper_error=alpha / (2 * (k + 1)),
    )


def intersection_union_of_sets(
    *, alpha: float, classes: int, k: int, size: int, named: bool, num_named: int = 1
) -> CountBounds:
    """How counts are bounded for Theorem S about sets of up to `size` labels, `named` before the
    votes or picked by them; for every m and every k up to this one together.

    Raises ValueError for alpha outside (0, 1), and k or size outside their ranges.
    """
    check_alpha(alpha)
    if not 1 <= k < classes or not 1 <= size <= classes:
        raise ValueError(
            f"k must lie in 1 .. classes - 1 = {classes - 1} and a set has 1 .. {classes} labels,"
            f" got k = {k} and {size} labels"
        )
    if named:
        error = alpha / (k + size)
        return CountBounds(
            lower=lower_bound, lower_error=error, upper=upper_bound, upper_error=error
        )
    return CountBounds(
        lower=lower_bound_by_mass,
        lower_error=alpha / (2 * num_named),
        upper=upper_bound,
        upper_error=alpha / (2 * (k + size)),
    )


def lower_bound_by_mass(
    successes: ArrayLike, trials: ArrayLike, error: ArrayLike
) -> NDArray[np.float64]:
    """Lower bounds that hold for all labels of an input together with probability 1 - `error`,
    however many there are.

    That of a label of probability p is wrong with chance at most `error` times p, and the p of all
    labels sum to 1; to w where each vote names w labels, so there divide the error by w. It is the
    value L at which so many votes, or more, come up with chance `error` times L; 0 for a single
    vote or none. Arguments and errors are those of `lower_bound`.
    """
    # Each step asks for chance error * bound of a bound that is no smaller: what it gives is
    # proven, and rises to L.
    bound = np.full(np.broadcast(successes, trials, error).shape, _LEAST)
    for _ in range(_STEPS):
        higher = lower_bound(successes, trials, np.asarray(error) * np.maximum(bound, _LEAST))
        bound = np.where(
            higher >= np.maximum(bound, _LEAST), higher, np.where(bound > _LEAST, bound, 0.0)
        )
    return bound
