"""The exact radius of a label over a fixed design, by integer programming (HiGHS): the measure of
what `design` leaves.

Minimal is the number of changed features x_i, subject to

    y_s <= sum of x_i over the features of mask s      (a ballot is taken only where a mask meets R)
    g_a <= sum of y_s,   sum of g_a <= w sum of y_s    (new ballots name w labels, each once)
    z_a = 1 for k rivals, each of which then has

        M_a - sum of y_s [a in b_s] + g_a  >=  N_l - sum of y_s [l in b_s].

So many namings can be laid out in so many ballots: deal those of the first rival to ballots in
turn, go on with those of the next where these ended, round and round. No ballot gets one twice, as
g_a <= sum of y_s, nor more than w.

A fraction of a second for 64 features and 40 masks; it grows from there as such searches do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from topcert.theory.design_radius import tie_adjusted

Ints = NDArray[np.int64]


def worst_case_radius(
    ballots: Ints, label: int, *, keeps: Ints, classes: int, k: int, seconds: float = 60.0
) -> int | None:
    """The largest radius of `label` that no attack breaks, in features; None where the search took
    longer than `seconds`.

    `ballots` int `(masks, num_named)` are the labels that each mask names, `keeps` `(masks,
    num_features)` is 1 where a mask keeps a feature. -1 where the label is not among the top k
    (ties: lower index first) at all; `num_features` where no attack moves it.
    """
    (masks, features), num_named = keeps.shape, ballots.shape[1]
    value = tie_adjusted(np.bincount(ballots.reshape(-1), minlength=classes), label)
    names = (ballots[:, :, None] == np.arange(classes)).any(axis=1).astype(np.int64)
    rivals = [j for j in range(classes) if j != label]
    took = -np.asarray(keeps)
    size, count = features + masks + 2 * len(rivals), len(rivals)
    # where the columns of each begin
    y, g, z = features, features + masks, features + masks + count
    rows = np.zeros((masks + 2 * count + 2, size))
    least, most = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
    rows[:masks, :features], rows[np.arange(masks), y + np.arange(masks)], most[:masks] = took, 1, 0
    large = masks + 1
    for place, rival in enumerate(rivals):
        row = masks + place
        rows[row, y : y + masks] = names[:, label] - names[:, rival]
        rows[row, g + place], rows[row, z + place] = 1, -large
        least[row] = value[label] - value[rival] - large
        rows[row + count, g + place], rows[row + count, y : y + masks], most[row + count] = 1, -1, 0
    rows[-2, g : g + count], rows[-2, y : y + masks], most[-2] = 1, -num_named, 0
    rows[-1, z : z + count], least[-1] = 1, k
    upper = np.concatenate([np.ones(features + masks), np.full(count, masks), np.ones(count)])
    found = milp(
        np.concatenate([np.ones(features), np.zeros(size - features)]),
        constraints=LinearConstraint(csr_matrix(rows), least, most),
        integrality=np.ones(size),
        bounds=Bounds(np.zeros(size), upper),
        options={"time_limit": seconds},
    )
    if found.status == 2:  # no attack at all
        return int(features)
    return round(float(found.fun)) - 1 if found.status == 0 else None
