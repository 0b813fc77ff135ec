"""The labels that a first sample chose for each input, each with the radius that was proven when
sampling stopped (docs/theory/predictions.md).
"""

from __future__ import annotations

import numpy as np

from topcert.evaluation.predictions import Predictions
from topcert.theory.certified_radius import ABSTAIN
from topcert.voting.ledger import Ledger


def predict_stopped(ledger: Ledger) -> Predictions:
    """What the votes of a ledger show that was filled under a stopping rule for labels that are
    shown.

    Raises ValueError where it was not, or votes are missing or damaged.
    """
    stopping_test = ledger.stopping_test
    if stopping_test is None or stopping_test.rule.label != "shown":
        raise ValueError(
            f"{ledger.folder} was not sampled under a stopping rule for labels that are shown, but"
            f" under {ledger.manifest.stopping}"
        )
    ledger.complete()
    manifest, rule = ledger.manifest, stopping_test.rule
    index, _, _ = ledger.read_inputs()
    labels, counts = ledger.asked_labels(), ledger.counts()
    radii = np.full(labels.shape, ABSTAIN)
    for place, asked in enumerate(labels.T):
        for rows, details in ledger.vote_details(place):
            radii[rows, place] = stopping_test.proven(counts[rows], asked[rows], details)
    votes = np.take_along_axis(counts, labels, axis=1)
    order = np.lexsort((labels, -votes))  # the most voted first, then the lower index
    labels, votes, radii = (np.take_along_axis(of, order, axis=1) for of in (labels, votes, radii))
    return Predictions(
        k=rule.k,
        alpha=rule.alpha,
        unit=manifest.unit,
        names=ledger.read_names(),
        index=index,
        labels=labels,
        votes=votes,
        radii=radii,
        stay=-np.sort(-radii, axis=1),  # the m labels that stay furthest are m that stay
        num_named=manifest.depth,
        method=rule.method,
        num_samples=counts.sum(axis=1) // manifest.depth,
        cut_short=np.isin(np.arange(len(index)), ledger.cut_short),
    )
