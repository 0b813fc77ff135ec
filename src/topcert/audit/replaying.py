"""Votes computed again by the auditor's model, and what follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final, final

import numpy as np

from topcert.audit.audit_log import AuditLog
from topcert.evaluation.recasting import Recast, own_certificates, recast_votes
from topcert.evaluation.results import Results
from topcert.noise.law import IID
from topcert.progress.shown import StageContext
from topcert.voting.prepared_run import Prepared

EVERY: Final = "all"
# of votes of labels without scores: more differ only if something else is wrong
ROUNDING_SHARE: Final = 0.01
SHOWN: Final = 3
CAUGHT: Final = 0.95


@final
@dataclass(kw_only=True)
class Replayed:
    """What a replay found: what does not hold, what stays open, and what to say where all is good.

    `votes`: how many were computed again, None where none was asked for.
    """

    votes: int | None = None
    findings: list[str] = field(default_factory=list)
    open: str | None = None
    good: str = ""


def parse_replay(text: str | None) -> int | None:
    """How many random votes, 0 for all of them. Raises ValueError for what is no such number."""
    if text is None or text == EVERY:
        return None if text is None else 0
    if not text.isdecimal() or not text.isascii() or int(text) < 1:
        raise ValueError(
            f"--replay must be a number of votes of at least 1, or {EVERY}; got {text!r}"
        )
    return int(text)


def replay(
    log: AuditLog,
    results: Results,
    prepared: Prepared,
    count: int,
    *,
    generator: np.random.Generator,
    stages: StageContext,
) -> Replayed:
    """Compute the batches of `count` random votes again, or (0) of all, in the recorded shape, and
    weigh what differs.

    A ledger of which a share s of the votes was made up passes with chance (1 - s)^count at most;
    where the batches of these votes are all there are, no vote is left that could be.
    """
    ledger, manifest = results.ledger, results.ledger.manifest
    ledger.complete()
    batches = list(range(ledger.num_batches))
    if count >= ledger.num_stored:  # all of them, in less time
        count = 0
    if count:
        chosen = generator.integers(0, ledger.num_stored, count)
        batches = sorted({ledger.schedule.batch_of_vote(vote) for vote in chosen.tolist()})
        count = 0 if len(batches) == ledger.num_batches else count
    with stages() as stage:
        update = stage("replay", unit="batches")
        found = recast_votes(ledger, prepared.voter(), batches, on_progress=update)
    log.add(f"{found.asked:,} votes computed again, {found.differ:,} differ")
    if count:
        caught = math.ceil(1e4 * (1 - (1 - CAUGHT) ** (1 / count))) / 1e4
        log.add(
            f"were {caught:.2%} of all votes made up, one would have differed with probability"
            f" {CAUGHT} at least"
        )
        if manifest.law != IID:
            log.not_checked_because(
                f"the votes that were not computed again; a {manifest.law} design leaves nothing to"
                f" chance, so that only --replay {EVERY} checks it"
            )
    here = prepared.classifier.runtime
    if here == manifest.runtime:
        return replace(_on_same_runtime(found, count), votes=found.asked)
    log.not_checked_because(
        f"the runtime of the run, {manifest.runtime}; here it is {here}, which may round otherwise"
    )
    return replace(_on_another(log, results, found, count, here), votes=found.asked)


def _on_same_runtime(found: Recast, count: int) -> Replayed:
    if found.differ:
        finding = (
            f"{found.differ} of {found.asked} replayed votes differ from the ledger"
            f" ({found.example})"
        )
        return Replayed(findings=[finding])
    which = f"{count} random votes and their batches" if count else f"all {found.asked:,} votes"
    return Replayed(good=f"{which} came out the same")


def _on_another(log: AuditLog, results: Results, found: Recast, count: int, here: str) -> Replayed:
    """A vote that rounding cannot explain is false; with all votes at hand, what follows from them
    is proven here.
    """
    if found.far:
        finding = (
            f"{found.far} of {found.asked} replayed votes differ from the ledger by more than"
            f" rounding: {found.example}"
        )
        return Replayed(findings=[finding])
    if found.far is None and found.differ > ROUNDING_SHARE * found.asked:
        finding = (
            f"{found.differ} of {found.asked} replayed votes differ from the ledger"
            f" ({found.example})"
        )
        return Replayed(findings=[finding])
    if count and found.differ:
        return Replayed(
            open=(
                f"{found.differ} of {found.asked} replayed votes differ ({found.example}), but the"
                f" run used {results.ledger.manifest.runtime} and this is {here}: rounding may"
                f" explain it; --replay {EVERY} tells what follows from the votes of this runtime,"
                " or use the same one, or --fresh-seed"
            )
        )
    if count:
        return Replayed(
            good=f"{count} random votes and their batches came out the same on this other runtime"
        )
    lines = own_certificates(results, found) if found.differ else []
    for line in lines[:SHOWN]:
        log.add(f"not proven here: {line}")
    if lines:
        return Replayed(
            open=(
                f"{len(lines)} certificates do not follow from the votes of {here}, of which"
                f" {found.differ} differ from those of {results.ledger.manifest.runtime} by no more"
                " than rounding: these certificates stay open, the others are proven here"
            )
        )
    return Replayed(
        good=(
            f"all {found.asked:,} votes computed again here ({found.differ} of them differ, by"
            " rounding) give every certificate too, which so holds for the model on this runtime"
        )
    )
