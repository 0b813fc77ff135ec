"""Check a folder of certificates without trusting who made it.

`recompute` needs the folder alone: every certificate must follow from the votes, every file must
agree with them, and every block must belong to the manifest. What it cannot see is whether the
votes came from the model; for that the auditor names a model, and `recasting` runs some or all of
them again, or `checks_with_model.refuted` weighs the certificates against votes of that model on
new masks.

A ValueError means "cannot be checked"; a returned finding means "does not hold".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.accuracy import curve_rows, read_accuracy, shown_curves
from topcert.evaluation.counts import count_columns, mark_of, read_counts, read_header
from topcert.evaluation.naming import check_names
from topcert.evaluation.predictions_file import check_predictions
from topcert.evaluation.results import Results, derive, parameters_of
from topcert.evaluation.stopped_results import BOUNDS
from topcert.methods.certificate_table import L2_SLACK, CertificateTable
from topcert.modalities.registered_modalities import plural_of
from topcert.theory.certified_radius import ABSTAIN
from topcert.voting.contradictions import check_places
from topcert.voting.folder_check import check_files
from topcert.voting.given_names import NAMELESS
from topcert.voting.inputs import check_size
from topcert.voting.ledger import Ledger


def recompute(
    ledger: Ledger, *, on_pairs: Callable[[int, int], None] | None = None
) -> tuple[Results, list[str]]:
    """Everything that follows from the ledger, and one line for each thing in the folder that does
    not follow.

    `on_pairs` is that of `derive`.
    """
    folder = ledger.folder
    check_files(ledger)
    most = ledger.manifest.num_inputs * ledger.manifest.num_classes**2  # k rows for every k
    check_size(folder / "certificates.parquet", most)
    stored, metadata = CertificateTable.read(folder / "certificates.parquet")
    try:
        asked = json.loads(metadata["parameters"])
        ks, method, bounds = (
            [int(k) for k in asked["ks"]],
            str(asked["method"]),
            asked.get("bounds"),
        )
        if not ks:
            raise ValueError("no k")
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{folder / 'certificates.parquet'} is damaged: it names no parameters"
        ) from error
    if metadata.get("manifest") != ledger.manifest.digest():
        raise ValueError(
            f"{folder / 'certificates.parquet'} was made under another manifest; one of them was"
            " changed"
        )
    alpha, choice = stored.alpha, stored.label_choice
    findings: list[str] = []
    if more := sorted(metadata.keys() - {"parameters", "manifest"}):
        findings.append(
            f"certificates.parquet says of itself what no run writes: {', '.join(more)[:200]}"
        )
    if ledger.stopping_test is not None:
        rule = ledger.stopping_test.rule
        if (method, bounds, ks, alpha, choice) != (
            rule.method,
            BOUNDS,
            [rule.k],
            rule.alpha,
            rule.one_label,
        ):
            findings.append(
                "certificates.parquet has other parameters than the stopping rule"
                f" {ledger.manifest.stopping}"
            )
        method, bounds, ks, alpha = rule.method, BOUNDS, [rule.k], rule.alpha
        choice = rule.one_label
    if stored.num_named > ledger.manifest.depth:
        raise ValueError(
            f"{folder / 'certificates.parquet'} is about votes that name {stored.num_named} labels"
            f" each, and those of the ledger name {ledger.manifest.depth}; one of them was changed"
        )
    results = derive(
        ledger,
        method=method,
        ks=ks,
        alpha=alpha,
        label_choice=choice,
        bounds=bounds,
        num_named=stored.num_named,
        moves=stored.attacker.moves,
        on_pairs=on_pairs,
    )
    made = results.certificates
    if metadata["parameters"] != parameters_of(stored, "")["parameters"]:
        findings.append(
            "certificates.parquet: its rows are not those of its parameters"
            f" {metadata['parameters']}"
        )
    if (stored.unit, stored.method, stored.bounds) != (made.unit, made.method, made.bounds):
        findings.append(
            f"certificates.parquet says {stored.method}, {plural_of(stored.unit)}; the votes"
            f" {made.method}, {plural_of(made.unit)}"
        )
    check_places(folder / "manifest.json", ledger.manifest.data_options, results.index)
    findings += _differences(stored, made)
    findings += _check_counts(results)
    findings += check_predictions(
        ledger, results.counts if stored.num_named == ledger.manifest.depth else ledger.counts()
    )
    shares = read_accuracy(folder / "accuracy.csv")
    older = curve_rows(shown_curves(made)) if results.labels is None else None
    if shares not in (curve_rows(results.curves), older):
        findings.append("accuracy.csv is not the accuracy of these certificates")
    return results, findings


def _differences(stored: CertificateTable, made: CertificateTable) -> list[str]:
    if len(stored.index) != len(made.index):
        return [
            f"certificates.parquet has {len(stored.index)} rows, the votes give {len(made.index)}"
        ]
    findings = []
    findings += _l2_differences(stored.l2_radius, made.l2_radius)
    for name in ("votes", "settled"):  # of a stopping rule
        stored_value, made_value = getattr(stored, name), getattr(made, name)
        if (stored_value is None) != (made_value is None) or (
            stored_value is not None and not np.array_equal(stored_value, made_value)
        ):
            findings.append(f"certificates.parquet: its column {name} is not what the votes give")
    for name in ("names", "class_names"):  # which older folders do not hold
        stored_value, made_value = getattr(stored, name), getattr(made, name)
        if stored_value is not None and stored_value != made_value:
            findings.append(
                f"certificates.parquet: its {name.replace('_', ' ')} are not those of the ledger"
            )
    for name in ("index", "label", "k", "radius"):
        for row in np.flatnonzero(getattr(stored, name) != getattr(made, name))[:3]:
            stored_value, made_value = (
                "abstain" if name == "radius" and value == ABSTAIN else int(value)
                for value in (getattr(stored, name)[row], getattr(made, name)[row])
            )
            of = "" if made.names is None else f" ({made.names[row]})"
            findings.append(
                f"certificates.parquet, row {row}{of}: {name} is {stored_value}, the votes give"
                f" {made_value}"
            )
    return findings


def _l2_differences(
    stored_value: NDArray[np.float64] | None, made_value: NDArray[np.float64] | None
) -> list[str]:
    """None may be larger by any amount: a radius in features follows from it.

    One that is smaller by `L2_SLACK` promises less, as another release of SciPy may with its
    quantile's last digits.
    """
    if (stored_value is None) != (made_value is None):
        of_file, of_votes = (
            "none" if column is None else "one" for column in (stored_value, made_value)
        )
        return [
            f"certificates.parquet: of the column l2_radius it has {of_file}, the votes give"
            f" {of_votes}"
        ]
    if stored_value is None or made_value is None:
        return []
    wrong = (
        (np.isnan(stored_value) != np.isnan(made_value))
        | (stored_value > made_value)
        | (stored_value < made_value * (1 - L2_SLACK))
    )
    return [
        f"certificates.parquet, row {row}: l2_radius is {stored_value[row]!r}, the votes give"
        f" {made_value[row]!r}"
        for row in np.flatnonzero(wrong)[:3]
    ]


def _check_counts(results: Results) -> list[str]:
    ledger = results.ledger
    path, mark = ledger.folder / "counts.csv", mark_of(ledger.manifest)
    num_named = results.certificates.num_named
    counts, labels = read_counts(path, mark=mark, num_named=num_named)
    findings = []
    header, has_labels = read_header(path), results.labels is not None
    wanted = [
        count_columns(
            results.counts.shape[1],
            has_labels=has_labels,
            mark=mark,
            names=names,
            num_named=num_named,
        )
        for names in (results.names, NAMELESS)
    ]
    if header not in wanted:
        findings.append(
            f"counts.csv has the columns {_shortened(header)}; the run writes"
            f" {_shortened(wanted[0])}"
        )
    if counts.shape != results.counts.shape or not np.array_equal(counts, results.counts):
        findings.append("counts.csv is not the count of the ledger's votes")
    same = (
        labels is None
        if results.labels is None
        else labels is not None and np.array_equal(labels, results.labels)
    )
    if not same:
        findings.append("counts.csv has other labels than the ledger")
    return findings + check_names(ledger.folder / "counts.csv", results.names, results.labels)


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names if len(names) <= 8 else [*names[:3], "...", *names[-2:]])
