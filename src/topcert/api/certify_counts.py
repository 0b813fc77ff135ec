"""Certificates of vote counts alone, where nothing else was kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from topcert.api.arguments import check_noise
from topcert.api.certificates import Certificates
from topcert.api.origins import Origin
from topcert.api.python_words import python_words
from topcert.evaluation.accuracy import accuracy_curves
from topcert.evaluation.choices import (
    check_alpha,
    check_ballot,
    choose_ks,
    choose_label,
    listed_ks,
)
from topcert.evaluation.given_counts import Counts
from topcert.evaluation.usual_method import usual_method
from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.methods.certify import certify
from topcert.methods.method import Method, Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.methods.rules import check_rule
from topcert.modalities.registered_modalities import plural_of
from topcert.noise.law import Noise
from topcert.theory.counting import MAX_FEATURES
from topcert.theory.labels import checked_labels
from topcert.theory.scalars import whole_number


@final
class FromCounts(Origin):
    """Certificates of counts: nobody can check where these come from."""

    def __init__(self, counts: Counts, smoothing: Smoothing) -> None:
        self.counts = counts
        self.smoothing = smoothing

    @property
    def setting(self) -> str:
        return f"{self.smoothing.noise.in_words()}, n = {self.counts.num_samples}"

    @property
    def notes(self) -> tuple[str, ...]:
        return self.counts.notes

    def promise(self, table: CertificateTable) -> str:
        return (
            "Radius r: however an attacker rewrites up to r of an input's"
            f" {plural_of(table.unit)}, the label stays in the top k of the vote over all draws."
            f" Each input's certificates are wrong with probability at most {table.alpha!r}, given"
            " that the counts are those of independent draws, as many as was decided beforehand."
        )

    def save(self, folder: Path | None) -> Path:  # noqa: ARG002
        raise ValueError(
            "counts are no record that could be verified, so these certificates lie in no folder;"
            " take rows() or to_pandas()"
        )


def certify_counts(
    counts: ArrayLike | Counts,
    labels: ArrayLike | None = None,
    *,
    noise: Noise,
    num_features: int | None = None,
    method: str | None = None,
    k: int | Sequence[int] | None = None,
    alpha: float = 0.001,
    label_choice: LabelChoice | None = None,
    bounds: str | None = None,
    num_named: int | None = None,
    channels: int | None = None,
    unit: str = "feature",
) -> Certificates:
    """Certificates of vote counts, by a method that asks for no more.

    Parameters
    ----------
    counts
        How often each class is named, integers `(inputs, classes)`, such as `count_votes` gives;
        or what `read_counts` gives, with the labels and names of its table.
    labels
        True labels `(inputs,)`, named before the votes; without them the most voted labels are
        certified, with bounds that pay for picking them.
    noise
        What the votes were drawn under.
    num_features
        Features of an input (d). Gaussian noise does without: None for the most there may be.
    method, k, alpha, bounds
        As of `Votes.certify`.
    label_choice
        "given" or "predicted"; None for given labels where there are some.
    num_named
        How many labels each vote names; a row of counts sums to n times so many. None for 1, or
        what the table was read by.
    channels
        Values of a feature, which Gaussian and discrete noise need: 3 for a colour pixel.
    unit
        What to call a feature.

    Returns
    -------
    Certificates

    Raises
    ------
    ValueError
        Where the method asks for more than counts, or anything does not fit.

    Examples
    --------
    >>> import topcert
    >>> found = topcert.certify_counts(
    ...     [[9900, 60, 40], [5200, 4700, 100]], [0, 0],
    ...     noise=topcert.Ablation(num_kept=50), num_features=1024, k=(1, 2))
    >>> found.radii(1), found.radii(2)
    (array([13,  0]), array([20,  5]))
    """
    with python_words():
        check_noise(noise)
        check_alpha(alpha)
        found = _counts(counts, labels, num_named)
        classes = found.counts.shape[1]
        ks = listed_ks(k)
        if method is None:
            method = usual_method(noise.name, noise.law, ks, num_named=found.num_named)
        certifier = find_vote_method(method)
        check_ballot(found.num_named, certifier, classes)
        smoothing = _smoothing(
            certifier,
            noise,
            num_features=num_features,
            channels=channels,
            unit=unit,
            num_named=found.num_named,
        )
        table = certify(
            certifier,
            found.counts,
            smoothing=smoothing,
            labels=found.labels,
            label_choice=choose_label(
                label_choice, certifier, num_selection=0, has_labels=found.labels is not None
            ),
            ks=choose_ks(ks, method, classes),
            alpha=alpha,
            bounds=check_rule(certifier, bounds),
        )
        truth = None if found.labels is None else dict(enumerate(found.labels.tolist()))
        names = found.names
        called = None if names.inputs is None else dict(enumerate(names.inputs))
    return Certificates(
        table.named(called, names.classes),
        curves=accuracy_curves(table, truth),
        origin=FromCounts(found, smoothing),
    )


def _counts(counts: ArrayLike | Counts, labels: ArrayLike | None, num_named: int | None) -> Counts:
    """What was counted, from arrays or a table. Raises ValueError where that is no such thing."""
    asked = None if num_named is None else whole_number(num_named, "num_named")
    if isinstance(counts, Counts):
        if labels is not None:
            raise ValueError("the labels of a table are a column `label` of it; leave labels out")
        if asked not in (None, counts.num_named):
            raise ValueError(
                f"the table was read by num_named={counts.num_named}, got {asked}; leave it out"
            )
        return counts
    votes = np.asarray(counts)
    if votes.ndim != 2 or votes.dtype.kind not in "iu" or not votes.size or votes.min() < 0:
        raise ValueError(
            "counts must be integers of at least 0, (inputs, classes), got"
            f" {votes.dtype} {votes.shape}"
        )
    inputs, classes = votes.shape
    given = None if labels is None else checked_labels(labels, inputs=inputs, classes=classes)
    return Counts(
        counts=votes.astype(np.int64), labels=given, num_named=1 if asked is None else asked
    )


def _smoothing(
    method: Method,
    noise: Noise,
    *,
    num_features: int | None,
    channels: int | None,
    unit: str,
    num_named: int,
) -> Smoothing:
    """What the votes were drawn under. Raises ValueError for what its radii need and is not given,
    and for what is given and says nothing of it.
    """
    features = None if num_features is None else whole_number(num_features, "num_features")
    values = None if channels is None else whole_number(channels, "channels")
    if features is not None and not 1 <= features <= MAX_FEATURES:
        raise ValueError(f"--features must lie in 1 .. {MAX_FEATURES:,}, got {features}")
    if noise.needs_features and features is None:
        why = (
            ": its noise is drawn for all values of an input"
            if noise.by_value
            else ", the number of features of an input (d)"
        )
        raise ValueError(f"--method {method.name} needs --features{why}")
    if noise.by_value and (values is None or not 1 <= values <= MAX_FEATURES):
        got = "" if values is None else f", got {values}"
        raise ValueError(
            f"--method {method.name} needs --channels, the values of a feature: 3 for a colour"
            f" pixel{got}"
        )
    if not noise.by_value and values is not None:
        raise ValueError(
            f"--channels is for Gaussian and discrete noise, not for {method.name}; leave it out"
        )
    return Smoothing(
        noise=noise,
        unit=unit,
        num_features=features,
        channels=values or 1,
        # where the number of features is not asked for, the most that any input has
        law_error=noise.law_error((features or MAX_FEATURES) * (values or 1)),
        num_named=num_named,
    )
