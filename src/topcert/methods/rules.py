"""How counts become bounds, for the methods that leave a choice (`--bounds`)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.method import SampledMethod, VoteMethod
from topcert.methods.returned import checked_bounds
from topcert.theory.count_bounds import CountBounds
from topcert.theory.intersection import intersection_union, intersection_union_bounds

INTERSECTION_UNION: Final = "intersection-union"
RULES: Final = ("simuem", INTERSECTION_UNION)


def check_rule(method: SampledMethod, rule: str | None) -> str | None:
    """The rule as certificates record it: None for the method's own. Raises ValueError for one that
    it does not have.
    """
    if rule is None:
        return None
    if rule not in method.rules:
        if not method.rules:
            raise ValueError(
                f"the method {method.name} has bounds of its own, got {rule!r}; leave --bounds out"
            )
        raise ValueError(
            f"the bounds of the method {method.name} are {' or '.join(method.rules)}, got {rule!r}"
        )
    return None if rule == method.rules[0] else rule


def bounds_by(
    method: VoteMethod,
    rule: str | None,
    counts: NDArray[np.int64],
    *,
    alpha: float,
    labels: NDArray[np.int64] | None,
    k: int,
    num_named: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`method.bounds`, or those of another rule of the method for its theorem at any k up to this
    one.
    """
    if check_rule(method, rule) is None:
        if num_named == 1:  # a method that certifies no ballots need not know of them
            return checked_bounds(method.bounds(counts, alpha=alpha, labels=labels), method)
        found = method.bounds(counts, alpha=alpha, labels=labels, num_named=num_named)
        return checked_bounds(found, method)
    return intersection_union_bounds(counts, alpha=alpha, labels=labels, k=k, num_named=num_named)


def count_bounds_by(
    method: VoteMethod,
    rule: str | None,
    *,
    alpha: float,
    classes: int,
    named: bool,
    k: int,
    num_named: int = 1,
) -> CountBounds | None:
    """How `bounds_by` bounds each count, where the theorem needs few of them: see
    `VoteMethod.count_bounds`.
    """
    if check_rule(method, rule) is None:
        return method.count_bounds(alpha=alpha, classes=classes, named=named, num_named=num_named)
    return intersection_union(alpha=alpha, classes=classes, k=k, named=named, num_named=num_named)
