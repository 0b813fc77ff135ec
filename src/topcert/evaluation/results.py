"""What a run's folder holds beside its votes: counts, certificates and accuracy, all derived from the ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.accuracy import AccuracyCurve, accuracy_curves, write_accuracy
from topcert.evaluation.counts import write_counts
from topcert.methods.ablation import certify_ablation
from topcert.methods.certificates import Certificates, LabelChoice
from topcert.voting.ledger import Ledger


@final
@dataclass(frozen=True, kw_only=True)
class Results:
    """All that follows from a full ledger and (ks, alpha, label_choice)."""

    ledger: Ledger
    index: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    counts: NDArray[np.int64]
    certificates: Certificates
    curves: list[AccuracyCurve]


def derive(
    ledger: Ledger,
    *,
    ks: Sequence[int],
    alpha: float,
    label_choice: LabelChoice | None = None,
    counts: NDArray[np.int64] | None = None,
) -> Results:
    """Certificates and curves of a full ledger; `label_choice` None takes given labels where there are any.

    `counts` int `(inputs, classes)` are read from the ledger unless given. Raises ValueError where the ledger is
    incomplete or damaged, or a parameter is out of range.
    """
    manifest = ledger.manifest
    if (manifest.mask_law, manifest.stopping) != ("iid", "fixed"):
        raise ValueError(
            f"the method ablation needs mask_law iid and stopping fixed; this ledger has {manifest.mask_law} and "
            f"{manifest.stopping}"
        )
    index, labels, _ = ledger.read_inputs()
    votes = ledger.counts() if counts is None else counts
    certificates = certify_ablation(
        votes,
        labels=labels,
        label_choice=label_choice or ("predicted" if labels is None else "given"),
        ks=ks,
        alpha=alpha,
        num_features=manifest.num_features,
        num_kept=manifest.num_kept,
        unit=manifest.unit,
        index=index,
    )
    truth = None if labels is None else dict(zip(index.tolist(), labels.tolist(), strict=True))
    return Results(
        ledger=ledger,
        index=index,
        labels=labels,
        counts=votes,
        certificates=certificates,
        curves=accuracy_curves(certificates, truth),
    )


def parameters_of(certificates: Certificates, manifest_digest: str) -> dict[str, str]:
    """The metadata of certificates.parquet: what they were derived with, and from which votes."""
    asked = {
        "ks": np.unique(certificates.k).tolist(),
        "alpha": certificates.alpha,
        "label_choice": certificates.label_choice,
        "method": certificates.method,
    }
    return {"parameters": json.dumps(asked, sort_keys=True), "manifest": manifest_digest}


def write_results(results: Results) -> None:
    """Write counts.csv, certificates.parquet and accuracy.csv into the ledger's folder, each whole or not at all."""
    folder = results.ledger.folder
    write_counts(results.counts, results.labels, folder / "counts.csv")
    metadata = parameters_of(results.certificates, results.ledger.manifest.digest())
    results.certificates.write(folder / "certificates.parquet", metadata=metadata)
    write_accuracy(results.curves, folder / "accuracy.csv")
