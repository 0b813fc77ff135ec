"""A folder of certificates of a network's weights, made again by a network that the auditor
names.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from topcert.audit.audit_log import AuditLog
from topcert.audit.auditing import Audit, Verdict
from topcert.audit.claims import check_rest, log_chosen_inputs
from topcert.datasets.reading import Reading
from topcert.datasets.recorded_raw import recorded_raw
from topcert.evaluation.bounded_results import Bounds, certify_network, compare_bounded
from topcert.evaluation.unread_files import check_plain
from topcert.modalities.image import IMAGE
from topcert.progress.shown import StageContext
from topcert.report.draw_results import draw_bounded


def audit_bounds(folder: Path, asked: Audit, *, log: AuditLog, stages: StageContext) -> Verdict:
    """Check a folder of such certificates; what is found on the way goes to `log`.

    Raises ValueError where it cannot be checked.
    """
    check_plain(folder)
    if asked.needs_votes:
        raise ValueError(
            f"{folder} holds no votes to replay or sample afresh: leave --replay and --fresh-seed"
            " out"
        )
    stored = Bounds.read(folder)
    if asked.model is None or asked.model_in_memory is not None:
        raise ValueError(
            f"{folder} holds certificates of a network's weights; name the network with --model to"
            " check them"
        )
    reading = Reading.from_json(stored.data_options)
    if asked.data_dir is not None:
        reading = dataclasses.replace(reading, data_dir=asked.data_dir)
    dataset = (
        reading.load(stored.data if asked.data is None else asked.data)
        if asked.data_in_memory is None
        else asked.data_in_memory.load(reading)
    )
    for note in dataset.notes:
        log.note(note)
    with stages() as stage:
        made = certify_network(
            dataset,
            Path(asked.model),
            data=stored.data,
            reading=reading,
            unmatched="leave out" if stored.label_choice == "predicted" else "keep",
            ks=list(stored.ks),
            max_radius=stored.max_radius,
            label_choice=stored.label_choice,
            on_progress=stage("bounds", unit="images"),
        )
    findings = compare_bounded(folder, made)
    log.add(f"{len(made.certificates.index)} certificates made again from the weights")
    raw = recorded_raw(IMAGE, data=stored.data, options=stored.data_options)
    if raw is not None:
        log.add(raw.in_words(unit=IMAGE.unit))
    log_chosen_inputs(log, made.certificates.index, made.bounds.data_options)
    findings += check_rest(log, folder, lambda stem: draw_bounded(made, stem), ledger=False)
    return Verdict(
        folder=folder,
        findings=tuple(findings),
        certificates=len(made.certificates.index),
        votes=0,
        num_named=1,
        model=asked.model,
        replayed_votes=None,
        fresh_votes_an_input=None,
        not_covered=None,
        raw_input=None if raw is None else raw.sentence(unit=IMAGE.unit),
        open=None,
        good="every certificate follows from the weights",
        log=log,
    )
