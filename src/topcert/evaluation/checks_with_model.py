"""What an audit checks with the model at hand: that it is the run's, that it judges each row alone,
and whether fresh votes rule certificates out.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from topcert.evaluation.results import Results, smoothing_of
from topcert.methods.certificate_table import L2_SLACK
from topcert.modalities.registered_modalities import plural_of
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.confidence import simultaneous_bounds
from topcert.voting.given_names import given_names
from topcert.voting.inputs import as_recorded, fingerprint_inputs
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import first_difference
from topcert.voting.prepared_run import Prepared
from topcert.voting.row_trial import RowCheck
from topcert.voting.rows import check_rows, check_run
from topcert.voting.run import read_inputs_table

ROW_BATCHES: Final = 2  # in which rows are judged again among others


def same_run(ledger: Ledger, prepared: Prepared) -> None:
    """Raise ValueError where the auditor's data, labels or model are not those that the manifest
    records.

    The runtime may differ: what that does to votes is for a replay to tell.
    """
    inputs = as_recorded(read_inputs_table(prepared.dataset), ledger.manifest.data_fingerprint)
    here = dataclasses.replace(
        prepared.manifest(fingerprint_inputs(inputs)), runtime=ledger.manifest.runtime
    )
    # an auditor may have to name what an earlier release took unasked
    if ledger.manifest.output is None:
        here = dataclasses.replace(here, output=None)
    found = first_difference(ledger.manifest, here)
    if found is not None:
        name, before, now = found
        raise ValueError(
            f"what was certified is not what you named: the manifest has {name} = {before!r},"
            f" {prepared.request.data} and {prepared.request.model} give {now!r}"
        )
    here_called, called = (
        given_names(None, prepared.dataset.class_names).classes,
        ledger.read_names().classes,
    )
    if called and len(called) != len(here_called):
        raise ValueError(
            f"what was certified is not what you named: the folder has names of {len(called)}"
            f" classes, {prepared.request.data} and {prepared.request.model} of {len(here_called)}"
        )
    for label, (one, other) in enumerate(zip(here_called, called, strict=False)):
        if one != other:
            raise ValueError(
                f"what was certified is not what you named: the folder calls class {label}"
                f" {other!r}, {prepared.request.data} {one!r}"
            )


def check_recorded_rows(
    ledger: Ledger, prepared: Prepared, *, generator: np.random.Generator
) -> RowCheck:
    """Try in `ROW_BATCHES` random batches whether the model that was named judges each row by
    itself.

    Raises RowsError where it does not. Where rounding depends on the place in a batch, only the
    recorded runtime tells what that did to this run.
    """
    ledger.complete()
    chosen = generator.integers(0, ledger.num_batches, ROW_BATCHES).tolist()
    batches = [ledger.schedule.place(batch)[:2] for batch in chosen]
    if prepared.classifier.runtime != ledger.manifest.runtime:
        return check_rows(prepared.voter(), batches, generator=generator)
    return check_run(prepared.voter(), ledger.manifest, batches, generator=generator)


def refuted(results: Results, fresh_counts: np.ndarray, *, error: float) -> list[str]:
    """Certificates that a fresh sample rules out, a line each.

    A certificate falls where even the most favourable probabilities that the fresh votes allow
    (two-sided SimuEM at `error` over all inputs together) give a smaller radius. A true certificate
    falls with probability at most `error`, all of them together.
    """
    made = results.certificates
    smoothing = smoothing_of(
        results.ledger.manifest,
        num_named=made.num_named,
        attacker=made.attacker,
        sizes=results.ledger.read_sizes(),
    )
    inputs = len(results.index)
    low, high = simultaneous_bounds(fresh_counts, alpha=error / inputs, num_named=made.num_named)
    rows_of = {int(place): row for row, place in enumerate(results.index)}
    findings = []
    for k in np.unique(made.k).tolist():
        rows = np.flatnonzero((made.k == k) & (made.radius != ABSTAIN))
        if not len(rows):
            continue
        places = np.array([rows_of[int(place)] for place in made.index[rows]])
        labels = made.label[rows]
        best_lower, best_upper = np.zeros((len(rows), low.shape[1])), low[places]
        best_lower[np.arange(len(rows)), labels] = high[places, labels]
        best_upper[np.arange(len(rows)), labels] = 1.0
        bound = results.method.favourable(
            best_lower, best_upper, labels, ks=[int(k)], smoothing=smoothing.of_inputs(places)
        )
        best = bound.radius[:, 0]
        if made.l2_radius is not None and bound.l2_radius is not None:
            allowed = bound.l2_radius.reshape(len(rows), -1)[:, 0]
            for row in np.flatnonzero(made.l2_radius[rows] > allowed * (1 + L2_SLACK)):
                findings.append(
                    f"{made.in_words(rows[row])}, k = {k}: an l2 radius of"
                    f" {made.l2_radius[rows[row]]:.6f} is claimed, fresh votes allow at most"
                    f" {allowed[row]:.6f}"
                )
        for row in np.flatnonzero(best < made.radius[rows]):
            at = rows[row]
            findings.append(
                f"{made.in_words(at)}, k = {k}: {made.radius[at]} {plural_of(made.unit)} are"
                " claimed, fresh votes allow at most"
                f" {'none' if best[row] == ABSTAIN else best[row]}"
            )
    return findings
