"""Exactness of Eq. 6 (paper, Theorem 2, for every k): the classifier that breaks a label one step past its radius.

In whole votes of the C(d, e) = N ablated inputs, with M = C(d - r, e): the attacker holds the N - M ablated inputs of
x + delta that keep a changed feature. In the worst case the N - M ones of x were all votes for the label, which then
has T = max(0, n_l - (N - M)) left, and a rival j that kept m_j votes is lifted to T by T - m_j of the attacker's votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.radius import certified_radius, counted_bounds
from topcert.theory.scalars import whole

MAX_ABLATED_INPUTS: Final = 10**6


@dataclass(frozen=True, kw_only=True)
class TightnessWitness:
    """A base classifier, given by its label for every ablated input of x and of x + delta.

    `kept` int `(N, e)` lists the kept sets; `clean` and `attacked` int `(N,)` are the labels of h(x) and h(x + delta)
    under each. They agree wherever no changed feature (`changed`, int `(radius + 1,)`) is kept, for there the two
    ablated inputs are the same. With `clean` the bounds are met; with `attacked` k rivals have as many votes as the
    label, so it is not guaranteed a place in the top k.
    """

    radius: int
    changed: NDArray[np.int64]
    kept: NDArray[np.int64]
    clean: NDArray[np.int64]
    attacked: NDArray[np.int64]


def tightness_witness(
    lower: ArrayLike, upper: ArrayLike, label: int, *, k: int, num_features: int, num_kept: int
) -> TightnessWitness:
    """The witness that nobody can certify more than `certified_radius` does from the same bounds.

    `lower` and `upper` are `(classes,)`, in any form that `certified_radius` takes. Raises ValueError for a lower bound
    of the label that no classifier is down at (it and the others' upper bounds sum to less than 1, so these alone prove
    more) and for more than `MAX_ABLATED_INPUTS` kept sets.
    """
    k, label = whole(k, "k"), whole(label, "label")
    num_features, num_kept = whole(num_features, "num_features"), whole(num_kept, "num_kept")
    lows, ups = np.asarray(lower)[None], np.asarray(upper)[None]
    radius = int(certified_radius(lows, ups, [label], k=k, num_features=num_features, num_kept=num_kept)[0])
    total = comb(num_features, num_kept)
    if total > MAX_ABLATED_INPUTS:
        raise ValueError(f"C({num_features}, {num_kept}) kept sets are too many to list; the limit is 10^6")
    held, limits = counted_bounds(lows, ups, label, total)
    if held + sum(limits.values()) < total:
        raise ValueError(
            f"label {label} has at least {total - sum(limits.values())} of {total} ablated inputs by the others' upper "
            f"bounds; its lower bound is {held} of {total}: raise it to that"
        )
    broken = radius + 1
    spent = total - comb(num_features - broken, num_kept)
    left = max(0, held - spent)

    kept = np.array(list(combinations(range(num_features), num_kept)), np.int64)
    touched = (kept < broken).any(axis=1)  # the changed features are the first ones, without loss of generality
    rivals = sorted(limits, key=lambda j: limits[j])[-k:]

    # Clean votes: rivals up to what is useful to them, then anything up to the bounds.
    clean_votes = dict.fromkeys(limits, 0)
    free = total - held
    for caps in ({j: min(limits[j], left) for j in rivals}, limits):
        for j, cap in caps.items():
            more = min(cap - clean_votes[j], free)
            clean_votes[j] += more
            free -= more
    clean = np.empty(total, np.int64)
    # The label's votes go to the touched sets first, so that the attack voids as many as it can.
    order = np.argsort(~touched, kind="stable")
    others = np.repeat(list(clean_votes), list(clean_votes.values()))
    clean[order] = np.concatenate([np.full(held, label), others])

    attacked = clean.copy()
    untouched_votes = np.bincount(clean[~touched], minlength=lows.shape[1])
    needed = [max(0, left - int(untouched_votes[j])) for j in rivals]
    gifts = np.repeat(rivals, needed)
    attacked[touched] = rivals[-1]
    attacked[np.flatnonzero(touched)[: len(gifts)]] = gifts
    return TightnessWitness(
        radius=radius, changed=np.arange(broken, dtype=np.int64), kept=kept, clean=clean, attacked=attacked
    )
