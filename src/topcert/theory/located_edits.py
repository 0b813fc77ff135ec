"""Located certificates where an attacker inserts as well as rewrites (docs/theory/theorem-i.md).

With m old features gone, R, and u = N' / N - beta(m) the share of new masks, l is certified when
for every R of m features and every set of k rivals there is a part Y of it, of t labels say,

    t s(R)  >  q_Y(R) + min(t, w) u,    where  q_Y(R) <= w beta(m) - s(R)  always.

For u = 1 - beta(m) that is located_radius.py. The bounds of s(R) and q_Y(R) are those of there; of
each m the largest N' is looked up, as for Theorem I.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.counting import kept_sets

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# times t + min(t, w), and as large numbers as N' / N can be: far more than the few roundings here
_ROUNDING: Final = 2.0**-46


def located_edit_radius(
    share: Floats,
    rivals: Floats,
    *,
    beta: Floats,
    num_features: int,
    num_kept: int,
    num_named: int = 1,
) -> Ints:
    """The last r of which it and all before it are certified against insertions and rewritten
    features (and deletions), r of them in all; -1 where not even r = 0 is.

    `share` `(inputs, reach + 1)` bounds s(R) of m = 0 .. reach features from below, `rivals`
    `(inputs, reach + 1 or 1, k)` the q_Y(R) of the t weakest rivals from above; `beta` `(reach +
    1,)` is beta(m), at most a rounding below it. Returns int64 `(inputs,)`, reach at most.
    """
    t = np.arange(1, rivals.shape[2] + 1)
    named = np.minimum(t, num_named)
    others = np.where(t >= num_named, (num_named * beta - share)[:, :, None], np.inf)
    slack = (t + named) * _ROUNDING * (rivals.shape[2] + 1)
    spare = t * share[:, :, None] - np.minimum(rivals, others) - slack
    most = (spare / named).max(axis=2) + beta  # N' / N must be less
    sizes = _sizes(num_features, num_kept, float(most[:, 0].max(initial=0.0)))
    new = np.searchsorted(sizes, most, side="left")  # how many of N' for d, d + 1, .. are less
    allowed = np.arange(len(beta)) - 1 + new
    return np.asarray(np.minimum(allowed.min(axis=1), len(beta) - 1))


def _sizes(num_features: int, num_kept: int, most: float) -> Floats:
    """C(d + i, e) / C(d, e) for i = 0, 1, .. up to the first above `most`, rounded up."""
    total = masks = kept_sets(num_features, num_kept)
    n, found = num_features, [1.0]
    while found[-1] <= most:
        n += 1
        masks = masks * n // (n - num_kept)
        found.append(math.nextafter(masks / total, math.inf))
    return np.array(found)
