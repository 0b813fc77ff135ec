"""A folder of votes checked again: every certificate from the votes, and the votes by a model that
the auditor names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import numpy as np

from topcert.audit.audit_log import AuditLog
from topcert.audit.claims import check_rest, log_claim, log_model, warn_of_code
from topcert.audit.recorded_request import recorded_request
from topcert.audit.replaying import Replayed, replay
from topcert.classifiers.functions import FunctionClassifier
from topcert.classifiers.model_in_memory import ModelInMemory
from topcert.datasets.data_in_memory import DataInMemory
from topcert.evaluation.checks_with_model import check_recorded_rows, refuted, same_run
from topcert.evaluation.results import Results
from topcert.evaluation.unread_files import check_plain
from topcert.evaluation.verification import recompute
from topcert.evaluation.wording import gap_in_words, raw_in_words
from topcert.noise.law import IID
from topcert.progress.shown import StageContext
from topcert.report.draw_results import draw_results
from topcert.voting.ledger import Ledger
from topcert.voting.prepare import prepare
from topcert.voting.prepared_run import Prepared
from topcert.voting.row_trial import RowsError
from topcert.voting.voter import count_all

REFUTE_ERROR: Final = 0.001


@final
@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an auditor asks of a folder, and of which model and data.

    `model` and `data` are what the command takes, `model_in_memory` and `data_in_memory` stand in
    their place; without a model only the folder itself is checked. `replay` is how
    many random votes are computed again, 0 for all, None for none. `fresh_seed` and `samples` ask
    for so many votes an input under new masks.
    """

    model: str | None = None
    model_in_memory: ModelInMemory | None = None
    data: str | None = None
    data_in_memory: DataInMemory | None = None
    data_dir: Path | None = None
    device: str = "auto"
    num_classes: int | None = None
    output: str | None = None
    replay: int | None = None
    fresh_seed: int | None = None
    samples: int | None = None

    def __post_init__(self) -> None:
        asks = self.replay is not None or self.fresh_seed is not None or self.samples is not None
        if self.model is None and asks:
            raise ValueError(
                "--replay and --fresh-seed need --model: name the model yourself, the folder's word"
                " is not taken"
            )
        if (self.fresh_seed is None) != (self.samples is None):
            raise ValueError("--fresh-seed and --samples go together: give both, or neither")

    @property
    def needs_votes(self) -> bool:
        return self.replay is not None or self.fresh_seed is not None


@final
@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of an audit. `findings`: what does not hold, a line each; none where all is good.

    `raw_input`: what an attacker of the raw input can do to the certified array, where that was
    made of something else. `open`: what rounding on another runtime leaves open, where it does;
    `good`: what is good.
    """

    folder: Path
    findings: tuple[str, ...]
    certificates: int
    votes: int
    num_named: int
    model: str | None
    replayed_votes: int | None
    fresh_votes_an_input: int | None
    not_covered: str | None
    raw_input: str | None
    open: str | None
    good: str
    log: AuditLog


def audit(folder: Path, asked: Audit, *, log: AuditLog, stages: StageContext) -> Verdict:
    """Check a folder of votes; what is found on the way goes to `log`.

    Raises ValueError where it cannot be checked.
    """
    check_plain(folder)
    ledger = Ledger.open(folder)
    manifest = ledger.manifest
    if asked.fresh_seed is not None and manifest.law != IID:
        raise ValueError(
            f"{folder} is about the masks of the design {manifest.law}, which are the classifier:"
            " other masks are another one; leave --fresh-seed out and --replay votes"
        )
    log_model(log, asked.model, asked=asked.needs_votes)
    with stages() as stage:
        pairs = stage("pairs of features", unit="inputs")
        results, findings = recompute(ledger, on_pairs=lambda done, total: pairs(done, total, ""))
    votes = int(results.counts.sum()) // results.certificates.num_named
    log.add(
        f"{len(results.certificates.index)} certificates recomputed from {votes:,} votes of"
        f" {len(results.index)} inputs"
    )
    log_claim(log, results)
    findings += check_rest(log, folder, lambda stem: draw_results(results, stem), ledger=True)
    replayed = Replayed()
    if asked.model is not None:
        prepared = _prepared(ledger, asked, log)
        findings += _rows(ledger, prepared, log)
        if asked.replay is not None:
            replayed = replay(
                log,
                results,
                prepared,
                asked.replay,
                generator=np.random.default_rng(),
                stages=stages,
            )
            findings += replayed.findings
        findings += _fresh(results, prepared, asked, log, stages)
    traced = [replayed.good] if replayed.good else []
    if asked.fresh_seed is not None:
        traced.append(f"{asked.samples} fresh votes an input rule none out")
    return Verdict(
        folder=folder,
        findings=tuple(findings),
        certificates=len(results.certificates.index),
        votes=votes,
        num_named=results.certificates.num_named,
        model=asked.model,
        replayed_votes=replayed.votes,
        fresh_votes_an_input=asked.samples,
        not_covered=gap_in_words(manifest),
        raw_input=raw_in_words(manifest),
        open=replayed.open,
        good="; ".join(
            [
                "every certificate follows from the votes",
                *(traced or ["which were traced to no model"]),
            ]
        ),
        log=log,
    )


def _prepared(ledger: Ledger, asked: Audit, log: AuditLog) -> Prepared:
    """The auditor's model and data, which must be those of the manifest."""
    assert asked.model is not None
    if asked.model_in_memory is None:
        warn_of_code(log, asked.model)
    request = recorded_request(ledger.manifest, model=asked.model, data=asked.data)
    reading = request.reading
    if asked.data_dir is not None:
        reading = replace(reading, data_dir=asked.data_dir)
    prepared = prepare(
        replace(
            request,
            model_in_memory=asked.model_in_memory,
            data_in_memory=asked.data_in_memory,
            reading=reading,
            device=asked.device,
            num_classes=asked.num_classes or request.num_classes,
            output=request.output if asked.output is None else asked.output,
        )
    )
    for note in prepared.dataset.notes:
        log.note(note)
    if prepared.classifier.choice.note:
        log.note(prepared.classifier.choice.note)
    same_run(ledger, prepared)
    # What a function reads beside its own file is for --replay to tell.
    file = isinstance(prepared.classifier, FunctionClassifier)
    source = "as the folder names it; pass --data to name your own"
    log.add(
        f"model{' (by its source file alone)' if file else ''}, data and labels are those of the"
        f" manifest (data: {prepared.request.data},"
        f" {source if asked.data is None else 'as you named it'})"
    )
    return prepared


def _rows(ledger: Ledger, prepared: Prepared, log: AuditLog) -> list[str]:
    try:
        found = check_recorded_rows(ledger, prepared, generator=np.random.default_rng())
    except RowsError as error:
        return [f"the model is no function of one row, so nothing follows from its votes: {error}"]
    log.add(
        f"{found.rows:,} rows judged again among other rows, no answer differs: a check, no proof"
    )
    return []


def _fresh(
    results: Results, prepared: Prepared, asked: Audit, log: AuditLog, stages: StageContext
) -> list[str]:
    """Certificates that votes under the auditor's own seed rule out."""
    manifest = results.ledger.manifest
    if asked.fresh_seed is None or asked.samples is None:
        return []
    if asked.fresh_seed == manifest.seed:
        raise ValueError(
            f"--fresh-seed {asked.fresh_seed} is the seed of the run itself; choose one that its"
            " maker did not know"
        )
    with stages() as stage:
        counts = count_all(
            prepared.voter(seed=asked.fresh_seed, num_votes=asked.samples),
            num_inputs=manifest.num_inputs,
            num_samples=asked.samples,
            num_classes=manifest.num_classes,
            num_named=results.certificates.num_named,
            on_progress=stage("fresh votes", unit="passes"),
        )
    found = refuted(results, counts, error=REFUTE_ERROR)
    all_votes = asked.samples * manifest.num_inputs
    log.add(f"{all_votes:,} fresh votes rule out {len(found)} certificates")
    return found
