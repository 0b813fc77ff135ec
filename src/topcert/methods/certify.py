"""From votes to certificates, by any method: which labels, which bounds, which radii."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topcert.methods.certificates import Certificates, LabelChoice
from topcert.methods.method import Radii, Smoothing, VoteMethod
from topcert.theory.radius import ABSTAIN


def certify(
    method: VoteMethod,
    counts: NDArray[np.int64],
    *,
    smoothing: Smoothing,
    labels: NDArray[np.int64] | None,
    selection: NDArray[np.int64] | None = None,
    label_choice: LabelChoice,
    ks: Sequence[int],
    alpha: float,
    index: NDArray[np.int64] | None = None,
) -> Certificates:
    """Certificates from vote counts int `(inputs, classes)`.

    `label_choice` "given": of `labels` int `(inputs,)`, which were named before the votes. "selected": of the most voted
    label of `selection`, the counts of a separate first sample. "predicted": of the k most voted labels (ties: lower
    index first) for each k, with bounds that pay for picking labels by the same votes. `index` names the inputs, by
    default 0, 1, ... Raises ValueError where the method does not fit the noise or k, and as its bounds and theorem do.
    """
    places = np.arange(len(counts)) if index is None else index
    distinct = sorted(set(ks))
    if smoothing.noise != method.noise:
        raise ValueError(f"the method {method.name} needs votes under the noise {method.noise}, not {smoothing.noise}")
    if method.only_top_1 and distinct != [1]:
        raise ValueError(f"the method {method.name} certifies k = 1 only, got {distinct}; leave --k out, or say --k 1")
    if label_choice == "predicted":
        shown, radii = predicted_radii(method, counts, smoothing=smoothing, ks=distinct, alpha=alpha)
        pairs = [(column, rank) for column, k in enumerate(distinct) for rank in range(k)]
        rows = [(distinct[column], shown[:, rank]) for column, rank in pairs]
        picked = [_part(radii, (slice(None), rank, column)) for column, rank in pairs]
    else:
        named = _named(labels, selection, label_choice)
        lower, upper = method.bounds(counts, alpha=alpha, labels=named)
        radii = method.theorem(lower, upper, named, ks=distinct, smoothing=smoothing)
        rows = [(k, named) for k in distinct]
        picked = [_part(radii, (slice(None), column)) for column in range(len(distinct))]
    l2 = [part.l2_radius for part in picked if part.l2_radius is not None]
    return Certificates(
        index=np.repeat(places, len(rows)),
        label=np.stack([label for _, label in rows], axis=1).reshape(-1),
        k=np.tile(np.array([k for k, _ in rows], np.int64), len(counts)),
        radius=np.stack([part.radius for part in picked], axis=1).reshape(-1),
        l2_radius=np.stack(l2, axis=1).reshape(-1) if l2 else None,
        unit=smoothing.unit,
        method=method.name,
        alpha=alpha,
        label_choice=label_choice,
    )


def _part(radii: Radii, at: tuple[slice | int, ...]) -> Radii:
    return Radii(radii.radius[at], None if radii.l2_radius is None else radii.l2_radius[at])


def _named(
    labels: NDArray[np.int64] | None, selection: NDArray[np.int64] | None, label_choice: LabelChoice
) -> NDArray[np.int64]:
    if label_choice == "selected":
        if selection is None:
            raise ValueError(
                "selected labels need a first sample that chooses them: run certify with --selection 100, or use --label "
                "given or predicted"
            )
        return np.asarray(selection.argmax(axis=1))
    if labels is None:
        raise ValueError("certifying given labels needs labels; there are none, so use --label predicted")
    return labels


def predicted_radii(
    method: VoteMethod, counts: NDArray[np.int64], *, smoothing: Smoothing, ks: Sequence[int], alpha: float
) -> tuple[NDArray[np.int64], Radii]:
    """The most voted labels `(inputs, max(ks))` and the radii of each for each k, `(inputs, max(ks), len(ks))`.

    Ranks beyond a k hold ABSTAIN there. All bounds hold jointly with probability 1 - alpha for each input.
    """
    lower, upper = method.bounds(counts, alpha=alpha, labels=None)
    classes, most = counts.shape[1], max(ks)
    if not 1 <= min(ks) <= most < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {list(ks)}")
    # A label's k strongest rivals are among the k + 1 most voted, for bounds rise with votes: the rest is not needed.
    order = np.argsort(-counts, axis=1, kind="stable")[:, : most + 1]
    near_lower, near_upper = (np.take_along_axis(bounds, order, axis=1) for bounds in (lower, upper))
    radius = np.full((len(counts), most, len(ks)), ABSTAIN)
    l2 = np.full(radius.shape, np.nan)
    known = True
    for rank in range(most):
        wanted = [column for column, k in enumerate(ks) if k > rank]
        found = method.theorem(
            near_lower,
            near_upper,
            np.full(len(counts), rank),
            ks=[ks[column] for column in wanted],
            smoothing=smoothing,
        )
        radius[:, rank, wanted] = found.radius
        known = found.l2_radius is not None
        if found.l2_radius is not None:
            l2[:, rank, wanted] = found.l2_radius
    return order[:, :most], Radii(radius, l2 if known else None)


def tells_top_k(radii: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Whether the k shown labels are proven to be the top k of the clean input, bool `(inputs,)`.

    `radii` `(inputs, >= k)` are those of the most voted labels for this k. The test: each of the k labels is certified
    at radius 0 at least. k labels that are all among the top k are the top k, so no further error is spent.
    """
    return np.asarray((radii[:, :k] >= 0).all(axis=1))
