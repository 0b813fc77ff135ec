"""From votes to certificates, by any method: which labels, which bounds, which radii."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.methods.method import (
    DesignMethod,
    DesignVotes,
    MaskMethod,
    Method,
    Radii,
    SampledMethod,
    Smoothing,
    VoteMethod,
)
from topcert.methods.registered_methods import all_methods
from topcert.methods.returned import checked_radii, checked_theorem
from topcert.methods.rules import bounds_by, check_rule, count_bounds_by
from topcert.modalities.registered_modalities import plural_of
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.confidence import check_alpha, counted
from topcert.theory.count_bounds import CountBounds
from topcert.theory.labels import checked_labels
from topcert.theory.ranking import most_voted, nearest_counts


def certify(
    method: SampledMethod,
    counts: NDArray[np.int64],
    *,
    smoothing: Smoothing,
    labels: NDArray[np.int64] | None,
    selection: NDArray[np.int64] | None = None,
    label_choice: LabelChoice,
    ks: Sequence[int],
    alpha: float,
    index: NDArray[np.int64] | None = None,
    bounds: str | None = None,
    votes: DesignVotes | None = None,
) -> CertificateTable:
    """Certificates from vote counts int `(inputs, classes)`.

    `label_choice` "given": of `labels` int `(inputs,)`, which were named before the votes.
    "selected": of the most voted label of `selection`, the counts of a separate first sample.
    "predicted": of the k labels that the method shows, for each k, with bounds that pay for picking
    labels by the same votes. `index` names the inputs, by default 0, 1, ... `bounds` is one of the
    method's rules, by default its own. `votes`, of which `counts` are the counts, is for methods
    that ask for masks. Raises ValueError where the method does not fit the noise, k or what is
    given, and as its bounds and theorem do.
    """
    places = np.arange(len(counts)) if index is None else index
    distinct = sorted(set(ks))
    if isinstance(method, DesignMethod) and alpha:
        raise ValueError(
            f"the method {method.name} leaves nothing to chance: alpha must be 0, got {alpha}"
        )
    if not isinstance(method, DesignMethod):
        check_alpha(alpha)
    if smoothing.noise.name != method.noise:
        raise ValueError(
            f"the method {method.name} needs votes under the noise {method.noise}, not"
            f" {smoothing.noise.name}"
        )
    if method.only_top_1 and distinct != [1]:
        raise ValueError(
            f"the method {method.name} certifies k = 1 only, got {distinct}; leave --k out, or say"
            " --k 1"
        )
    check_attacker(method, smoothing)
    rule = check_rule(method, bounds)
    named = None if label_choice == "predicted" else _named(labels, selection, label_choice)
    radii, shown = _radii_and_shown(
        method,
        counts,
        named,
        smoothing=smoothing,
        ks=distinct,
        alpha=alpha,
        bounds=rule,
        votes=votes,
    )
    pairs = [
        (column, rank)
        for column, k in enumerate(distinct)
        for rank in range(k if named is None else 1)
    ]
    rows = [(distinct[column], shown[:, rank]) for column, rank in pairs]
    picked = [_part(radii, (slice(None), rank, column)) for column, rank in pairs]
    l2 = [part.l2_radius for part in picked if part.l2_radius is not None]
    return CertificateTable(
        index=np.repeat(places, len(rows)),
        label=np.stack([label for _, label in rows], axis=1).reshape(-1),
        k=np.tile(np.array([k for k, _ in rows], np.int64), len(counts)),
        radius=np.stack([part.radius for part in picked], axis=1).reshape(-1),
        l2_radius=np.stack(l2, axis=1).reshape(-1) if l2 else None,
        unit=smoothing.unit,
        method=method.name,
        alpha=alpha,
        label_choice=label_choice,
        bounds=rule,
        num_named=smoothing.num_named,
        attacker=smoothing.attacker,
    )


def check_ballots(method: Method, num_named: int) -> None:
    """Raises ValueError where votes name more than one label, and the method certifies only one."""
    if num_named > 1 and not method.ballots:
        others = [name for name, other in all_methods().items() if other.ballots]
        raise ValueError(
            f"the method {method.name} certifies votes that name one label each, got ballots of"
            f" {num_named}; leave --ballot out, say --ballot 1, or use --method"
            f" {', '.join(others[:-1])} or {others[-1]}"
        )


def check_attacker(method: Method, smoothing: Smoothing) -> None:
    """Raises ValueError where an attacker may do more than the method covers, or inputs differ in
    their numbers of features and the method knows only one.
    """
    moves, plural = smoothing.attacker.moves, plural_of(smoothing.unit)
    if not method.covers(smoothing.attacker):
        wide = [one.name for one in all_methods().values() if one.covers(smoothing.attacker)]
        raise ValueError(
            f"the method {method.name} does not cover attackers who {' or '.join(moves)} {plural};"
            f" use --method {' or '.join(wide)}, or --moves {','.join(method.moves)}"
        )
    if smoothing.sizes is not None and not method.any_size:
        any_size = [other.name for other in all_methods().values() if other.any_size]
        raise ValueError(
            f"the method {method.name} is for inputs of equally many {plural}, and these have"
            f" {smoothing.sizes.min()} to {smoothing.sizes.max()}; use --method"
            f" {' or '.join(any_size)}"
        )


def _part(radii: Radii, at: tuple[slice | int | None, ...]) -> Radii:
    return Radii(radii.radius[at], None if radii.l2_radius is None else radii.l2_radius[at])


def _named(
    labels: NDArray[np.int64] | None, selection: NDArray[np.int64] | None, label_choice: LabelChoice
) -> NDArray[np.int64]:
    if label_choice == "selected":
        if selection is None:
            raise ValueError(
                "selected labels need a first sample that chooses them: run certify with"
                " --selection 100, or use --label given or predicted"
            )
        return np.asarray(selection.argmax(axis=1))
    if labels is None:
        raise ValueError(
            "certifying given labels needs labels; there are none, so use --label predicted"
        )
    return labels


def radii_of(
    method: SampledMethod,
    counts: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    *,
    smoothing: Smoothing,
    ks: Sequence[int],
    alpha: float,
    bounds: str | None = None,
    votes: DesignVotes | None = None,
) -> Radii:
    """Radii for each k, `(inputs, labels, len(ks))`: of one label, named before the votes, or of
    the max(ks) that are shown.

    Ranks beyond a k hold ABSTAIN there. All radii of an input hold together with probability at
    least 1 - alpha.
    """
    check_attacker(method, smoothing)
    return _radii_and_shown(
        method,
        counts,
        labels,
        smoothing=smoothing,
        ks=ks,
        alpha=alpha,
        bounds=bounds,
        votes=votes,
    )[0]


def _radii_and_shown(
    method: SampledMethod,
    counts: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    *,
    smoothing: Smoothing,
    ks: Sequence[int],
    alpha: float,
    bounds: str | None,
    votes: DesignVotes | None,
) -> tuple[Radii, NDArray[np.int64]]:
    """The same, and the labels that these radii are of, `(inputs, labels)`."""
    classes, most = counts.shape[1], max(ks)
    if not 1 <= min(ks) <= most < classes:
        raise ValueError(f"k must lie in 1 .. classes - 1 = {classes - 1}, got {list(ks)}")
    check_ballots(method, smoothing.num_named)
    named = None if labels is None else checked_labels(labels, inputs=len(counts), classes=classes)
    if isinstance(method, VoteMethod):
        how = count_bounds_by(
            method,
            bounds,
            alpha=alpha,
            classes=classes,
            named=named is not None,
            k=most,
            num_named=smoothing.num_named,
        )
        if how is not None:
            return _radii_of_near(method, how, counts, named, smoothing=smoothing, ks=ks)
    if votes is None and isinstance(method, (MaskMethod, DesignMethod)):
        raise ValueError(
            f"the method {method.name} asks under which mask each vote was cast, which counts do"
            " not tell; certify the ledger of a run"
        )
    inputs = len(counts)
    if named is None:
        picked = method.shown(counts, most, votes=votes)
        shown = checked_radii(picked, method, (inputs, most), of="shown")
    else:
        shown = named[:, None]
    if isinstance(method, (MaskMethod, DesignMethod)):
        assert votes is not None
        found = (
            method.radii(counts, votes, named, ks=ks)
            if isinstance(method, DesignMethod)
            else method.radii(counts, votes, named, ks=ks, alpha=alpha, smoothing=smoothing)
        )
        return Radii(checked_radii(found, method, (*shown.shape, len(ks)))), shown
    assert isinstance(method, VoteMethod)
    lower, upper = bounds_by(
        method, bounds, counts, alpha=alpha, labels=named, k=most, num_named=smoothing.num_named
    )
    if named is not None:
        proven = method.theorem(lower, upper, named, ks=ks, smoothing=smoothing)
        return _of_one(checked_theorem(proven, method, (inputs, len(ks)))), shown
    # A label's k strongest rivals are among the k + 1 most voted, for bounds rise with votes: the
    # rest is not needed, but for ballots, whose theorem asks how many labels there are.
    order = most_voted(counts, most + 1 if smoothing.num_named == 1 else classes)
    lower, upper = (np.take_along_axis(side, order, axis=1) for side in (lower, upper))
    return _radii_of_ranks(method, lower, upper, smoothing=smoothing, ks=ks), shown


def _radii_of_near(
    method: VoteMethod,
    how: CountBounds,
    counts: NDArray[np.int64],
    named: NDArray[np.int64] | None,
    *,
    smoothing: Smoothing,
    ks: Sequence[int],
) -> tuple[Radii, NDArray[np.int64]]:
    """The same from the bounds of the label and its strongest rivals alone.

    Bounds rise with votes, so the strongest rivals are the most voted. Theorems on ballots of w
    labels ask how many labels there are, but only whether k + w or more.
    """
    votes, trials = counted(counts, smoothing.num_named)
    rivals = min(votes.shape[1], max(ks) + smoothing.num_named) - 1
    if named is None:
        order = most_voted(votes, 1 + rivals)
        lower, upper = how.of_all(np.take_along_axis(votes, order, axis=1), trials)
        found = _radii_of_ranks(method, lower, upper, smoothing=smoothing, ks=ks)
        return found, order[:, : max(ks)]
    first = np.zeros(len(votes), np.int64)
    lower, upper = how.of_named(nearest_counts(votes, named, rivals), trials, first)
    proven = method.theorem(lower, upper, first, ks=ks, smoothing=smoothing)
    return _of_one(checked_theorem(proven, method, (len(votes), len(ks)))), named[:, None]


def _of_one(found: Radii) -> Radii:
    """The radii of one label an input, as those of several labels stand."""
    return _part(found, (slice(None), None, slice(None)))


def _radii_of_ranks(
    method: VoteMethod,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    *,
    smoothing: Smoothing,
    ks: Sequence[int],
) -> Radii:
    """Radii of the max(ks) most voted labels, from bounds of labels in order of their votes."""
    inputs, most = len(lower), max(ks)
    radius = np.full((inputs, most, len(ks)), ABSTAIN)
    l2 = np.full(radius.shape, np.nan)
    known = True
    for rank in range(most):
        wanted = [column for column, k in enumerate(ks) if k > rank]
        proven = method.theorem(
            lower,
            upper,
            np.full(inputs, rank),
            ks=[ks[column] for column in wanted],
            smoothing=smoothing,
        )
        found = checked_theorem(proven, method, (inputs, len(wanted)))
        radius[:, rank, wanted] = found.radius
        known = found.l2_radius is not None
        if found.l2_radius is not None:
            l2[:, rank, wanted] = found.l2_radius
    return Radii(radius, l2 if known else None)


def certified_top_k(radii: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    """Whether the k shown labels are proven to be the top k of the clean input, bool `(inputs,)`.

    `radii` `(inputs, >= k)` are those of the most voted labels for this k. The test: each of the k
    labels is certified at radius 0 at least. k labels that are all among the top k are the top k,
    so no further error is spent.
    """
    return np.asarray((radii[:, :k] >= 0).all(axis=1))
