"""What an audit says of a folder: what was checked, what was not, and what only a reader can
judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topcert.audit.audit_log import AuditLog
from topcert.classifiers.loading import CARRIED
from topcert.evaluation.predictions_file import alpha_of_predictions
from topcert.evaluation.results import Results
from topcert.evaluation.unread_files import linked_files, unread_files
from topcert.evaluation.wording import (
    ballot_in_words,
    gap_in_words,
    label_zero_in_words,
    method_in_words,
    moves_in_words,
    noise_in_words,
    raw_of,
    votes_in_words,
)
from topcert.modalities.registered_modalities import plural_of
from topcert.noise.law import IID
from topcert.report.picture_checks import check_pictures
from topcert.voting.checks import in_words, read_check
from topcert.voting.manifest import FIXED


def log_model(log: AuditLog, model: str | None, *, asked: bool) -> None:
    """First of all: whether any vote was traced to a model."""
    if model is None:
        log.not_checked_because(
            "no vote was traced to a model, so they may be made up; name one with --model, and ask"
            " it for votes with --replay 200 or --fresh-seed"
        )
    elif not asked:
        log.not_checked_because(
            "the model was named but asked for no vote, so they may be made up; add --replay 200,"
            " or --fresh-seed and --samples"
        )


def warn_of_code(log: AuditLog, model: str) -> None:
    """Say, before anything of it is loaded, that a model is code that will run."""
    if model in CARRIED or Path(model).suffix == ".onnx":
        return
    log.add(
        f"--model {model} runs the code in it, with your rights; where you do not trust its maker,"
        " ask for an .onnx file"
    )


def log_claim(log: AuditLog, results: Results) -> None:
    """What the certificates say, and what of it whoever made them could choose."""
    made, manifest = results.certificates, results.ledger.manifest
    ks = ", ".join(map(str, sorted(set(made.k.tolist()))))
    chance = f"alpha = {made.alpha!r}" if manifest.law == IID else "no failure probability"
    log.add(
        f"they say: {made.label_choice} labels, k = {ks}{ballot_in_words(made.num_named)},"
        f" {chance}, {votes_in_words(manifest)}, {noise_in_words(manifest)},"
        f" {'up to ' * manifest.form.any_length}{manifest.num_features} {plural_of(made.unit)},"
        f" seed {manifest.seed}, method"
        f" {method_in_words(made)}{moves_in_words(made)}"
    )
    if gap := gap_in_words(manifest):
        log.add(f"not covered: {gap}")
    if (raw := raw_of(manifest)) is not None:
        log.add(raw.in_words(unit=manifest.unit))
    log.add(
        f"by its maker's word: {in_words(read_check(results.ledger.folder, manifest.digest()))}"
    )
    if manifest.kind == "lattice":  # nothing is drawn
        which = (
            "grids of one stride" if manifest.law == manifest.kind else f"rounds of {manifest.law}"
        )
        log.for_the_reader(
            f"the published masks are the {which}; what is certified is the vote over these"
        )
    elif manifest.law != IID:
        log.for_the_reader(
            f"seed {manifest.seed} drew the published masks, and one of many may have been picked;"
            " what is certified is the vote over these"
        )
    else:
        log.for_the_reader(
            f"seed {manifest.seed} was chosen by whoever made this, and one of many may have been"
            " picked; --fresh-seed takes one of yours"
        )
        if manifest.stopping == FIXED:
            log.for_the_reader(
                "k, alpha, method and labels can be chosen after the votes, as is best for them"
            )
    if manifest.depth > 1:
        log.for_the_reader(
            f"each ablated input names its {manifest.depth} best labels, of which the first"
            f" {made.num_named} count here; another such number is another classifier, and it can"
            " be chosen after the votes"
        )
    alpha = alpha_of_predictions(results.ledger.folder)
    if alpha not in (None, repr(made.alpha)):
        log.for_the_reader(
            f"predictions.csv has an alpha of its own, {alpha}: the chance that its radii of an"
            " input are wrong"
        )
    log_chosen_inputs(log, results.index, manifest.data_options)


def log_chosen_inputs(log: AuditLog, index: NDArray[np.int64], options: Mapping[str, Any]) -> None:
    """Which inputs were taken, and what was noted of their labels."""
    if doubt := label_zero_in_words(options):
        log.for_the_reader(doubt)
    places, steps = index.tolist(), np.diff(index)
    step = (
        f" in steps of {steps[0]}"
        if len(steps) and steps[0] > 1 and (steps == steps[0]).all()
        else ""
    )
    which = (
        f"input {places[0]}"
        if len(places) == 1
        else f"the {len(places)} inputs {places[0]} .. {places[-1]}{step}"
    )
    given = ", ".join(
        f"--{name} {options[name]}" for name in ("stride", "limit") if options.get(name) is not None
    )
    log.for_the_reader(
        f"{which} were taken ({given or 'without --stride or --limit'}), and others left out"
    )


def check_rest(
    log: AuditLog, folder: Path, draw: Callable[[Path], Sequence[Path]], *, ledger: bool
) -> list[str]:
    """Check the pictures, and name what lies in `folder` and is not checked; returns what does not
    hold.
    """
    findings, unchecked = check_pictures(draw, folder / "accuracy")
    for line in unchecked:
        log.not_checked_because(line)
    linked = linked_files(folder, ledger=ledger)
    if linked:
        log.not_checked_because(
            f"whether {', '.join(linked)} will stay: a link, of which that was checked which it"
            " names now"
        )
    unread = unread_files(folder, ledger=ledger)
    if unread:
        log.not_checked_because(
            f"{', '.join(unread)} ({'which is' if len(unread) == 1 else 'which are'} no part of the"
            " record)"
        )
    return findings
