"""Certificates of vote counts alone, where nothing else was kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import ArrayLike

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
from topcert.evaluation.usual_method import usual_method
from topcert.methods.certificate_table import CertificateTable
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.methods.rules import check_rule
from topcert.modalities.registered_modalities import plural_of
from topcert.noise.law import Noise
from topcert.theory.labels import checked_labels
from topcert.theory.scalars import whole


@final
class FromCounts(Origin):
    """Certificates of counts: nobody can check where these come from."""

    def __init__(self, noise: Noise, num_samples: int) -> None:
        self._noise = noise
        self._num_samples = num_samples

    @property
    def setting(self) -> str:
        return f"{self._noise.in_words()}, n = {self._num_samples}"

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
    counts: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    noise: Noise,
    num_features: int,
    method: str | None = None,
    k: int | Sequence[int] | None = None,
    alpha: float = 0.001,
    bounds: str | None = None,
    num_named: int = 1,
    channels: int = 1,
    unit: str = "feature",
) -> Certificates:
    """Certificates of vote counts, by a method that asks for no more.

    Parameters
    ----------
    counts
        How often each class is named, integers `(inputs, classes)`, such as `count_votes` gives.
    labels
        True labels `(inputs,)`, named before the votes; without them the most voted labels are
        certified, with bounds that pay for picking them.
    noise
        What the votes were drawn under.
    num_features
        Features of an input (d).
    method, k, alpha, bounds
        As of `Votes.certify`.
    num_named
        How many labels each vote names; a row of counts sums to n times so many.
    channels
        Values of a feature, for Gaussian and discrete noise: 3 for a colour pixel.
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
        check_alpha(alpha)
        votes = np.asarray(counts)
        if votes.ndim != 2 or votes.dtype.kind not in "iu" or not votes.size or votes.min() < 0:
            raise ValueError(
                "counts must be integers of at least 0, (inputs, classes), got"
                f" {votes.dtype} {votes.shape}"
            )
        inputs, classes = votes.shape
        ks = listed_ks(k)
        named = whole(num_named, "num_named")
        if method is None:
            method = usual_method(noise.name, noise.law, ks, num_named=named)
        certifier = find_vote_method(method)
        check_ballot(named, certifier, classes)
        given = None if labels is None else checked_labels(labels, inputs=inputs, classes=classes)
        features = whole(num_features, "num_features")
        table = certify(
            certifier,
            votes.astype(np.int64),
            smoothing=Smoothing(
                noise=noise,
                unit=unit,
                num_features=features,
                channels=channels,
                law_error=noise.law_error(features * channels),
                num_named=named,
            ),
            labels=given,
            label_choice=choose_label(
                None, certifier, num_selection=0, has_labels=given is not None
            ),
            ks=choose_ks(ks, method, classes),
            alpha=alpha,
            bounds=check_rule(certifier, bounds),
        )
        truth = None if given is None else dict(enumerate(given.tolist()))
    return Certificates(
        table,
        curves=accuracy_curves(table, truth),
        origin=FromCounts(noise, int(votes.sum(axis=1).max()) // named),
    )
