"""The paper's certificate: SimuEM bounds (Eq. 8) and Theorem 1 (Eq. 6) on the votes over ablated inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.certificates import Certificates, LabelChoice
from topcert.theory.confidence import simultaneous_bounds
from topcert.theory.radius import ABSTAIN, certified_radius

METHOD: Final = "ablation"


def certify_ablation(
    counts: NDArray[np.int64],
    *,
    labels: NDArray[np.int64] | None,
    label_choice: LabelChoice,
    ks: Sequence[int],
    alpha: float,
    num_features: int,
    num_kept: int,
    unit: str,
    index: NDArray[np.int64] | None = None,
) -> Certificates:
    """Certificates from vote counts int `(inputs, classes)`.

    `label_choice` "given": of `labels` int `(inputs,)`, which were named before the votes, each bound at alpha/c.
    "predicted": of the k most voted labels (ties: lower index first) for each k, both sides of all labels at alpha/(2c),
    so that picking labels by the same votes is paid for. `index` names the inputs, by default 0, 1, ... Raises
    ValueError as `simultaneous_bounds` and `certified_radius` do.
    """
    places = np.arange(len(counts)) if index is None else index
    distinct = sorted(set(ks))
    if label_choice == "given":
        if labels is None:
            raise ValueError("certifying given labels needs labels; there are none, so use --label predicted")
        lower, upper = simultaneous_bounds(counts, alpha=alpha, labels=labels)
        radii = certified_radius(lower, upper, labels, k=distinct, num_features=num_features, num_kept=num_kept)
        rows = [(k, labels, radii[:, column]) for column, k in enumerate(distinct)]
    else:
        shown, radii = predicted_radii(counts, ks=distinct, alpha=alpha, num_features=num_features, num_kept=num_kept)
        rows = [(k, shown[:, rank], radii[:, rank, column]) for column, k in enumerate(distinct) for rank in range(k)]
    return Certificates(
        index=np.repeat(places, len(rows)),
        label=np.stack([label for _, label, _ in rows], axis=1).reshape(-1),
        k=np.tile(np.array([k for k, _, _ in rows], np.int64), len(counts)),
        radius=np.stack([radius for _, _, radius in rows], axis=1).reshape(-1),
        unit=unit,
        method=METHOD,
        alpha=alpha,
        label_choice=label_choice,
    )


def predicted_radii(
    counts: NDArray[np.int64], *, ks: Sequence[int], alpha: float, num_features: int, num_kept: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The most voted labels `(inputs, max(ks))` and the radius of each for each k, `(inputs, max(ks), len(ks))`.

    Ranks beyond a k hold ABSTAIN there. All bounds hold jointly with probability 1 - alpha for each input.
    """
    lower, upper = simultaneous_bounds(counts, alpha=alpha)
    classes, most = counts.shape[1], max(ks)
    if not 1 <= min(ks) <= most < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {list(ks)}")
    # A label's k strongest rivals are among the k + 1 most voted, for bounds rise with votes: the rest is not needed.
    order = np.argsort(-counts, axis=1, kind="stable")[:, : most + 1]
    near_lower, near_upper = (np.take_along_axis(bounds, order, axis=1) for bounds in (lower, upper))
    radii = np.full((len(counts), most, len(ks)), ABSTAIN)
    for rank in range(most):
        wanted = [column for column, k in enumerate(ks) if k > rank]
        radii[:, rank, wanted] = certified_radius(
            near_lower,
            near_upper,
            np.full(len(counts), rank),
            k=[ks[column] for column in wanted],
            num_features=num_features,
            num_kept=num_kept,
        )
    return order[:, :most], radii


def tells_top_k(radii: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Whether the k shown labels are proven to be the top k of the clean input, bool `(inputs,)`.

    `radii` `(inputs, >= k)` are those of the most voted labels for this k. The test: each of the k labels is certified
    at radius 0 at least. k labels that are all among the top k are the top k, so no further error is spent.
    """
    return np.asarray((radii[:, :k] >= 0).all(axis=1))
