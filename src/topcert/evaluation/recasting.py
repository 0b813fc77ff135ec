"""Votes cast again by a model that the auditor named, also where the runtime of the run is not at
hand.

On the recorded runtime every vote must come out the same. On another one rounding may change a vote
whose two best scores lie next to each other, and no other: `ROUNDING_CPU` and `ROUNDING` say how
near, in units of the spread between the largest and the smallest score of a row (its median over
the batch). Measured with the carried network, another set of kernels on a processor moves scores by
1e-6 of it, weights rounded to ten bits (TF32, float16) by 2e-3. A vote that differs by more is
false, whatever runtime a manifest names.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError, are_scores
from topcert.classifiers.torch_options import TorchOptions
from topcert.evaluation.results import Results, derive
from topcert.methods.certificate_table import L2_SLACK, CertificateTable
from topcert.modalities.registered_modalities import plural_of
from topcert.theory.certified_radius import ABSTAIN
from topcert.voting.ledger import Ledger
from topcert.voting.voter import Voter

ROUNDING_CPU: Final = 1e-3  # from one processor to another
ROUNDING: Final = 1e-2  # where one of the two is a GPU, which may round to ten bits


@final
@dataclass(kw_only=True)
class Recast:
    """How many votes were computed again, how many `differ`, and how many of these by more than
    rounding can do.

    `far` is None where the model gives no scores to tell by. `example` tells of one of these, or
    else of one that differs. `votes` holds those of each block as they came out here, where all
    were computed.
    """

    asked: int = 0
    differ: int = 0
    far: int | None = 0
    example: str = ""
    votes: dict[int, NDArray[np.int64]] = field(default_factory=dict)


def allowed_gap(recorded: str, here: str, options: TorchOptions | None = None) -> float:
    """How far apart scores may lie, in spreads, of which rounding changes the order from one
    runtime to another.
    """
    usual = ROUNDING_CPU if ", cpu" in recorded and ", cpu" in here else ROUNDING
    return usual if options is None else max(usual, options.rounding)


def recast_votes(
    ledger: Ledger,
    voter: Voter,
    batches: Sequence[int],
    *,
    on_progress: Callable[[int, int, str], None],
) -> Recast:
    """Compute the votes of `batches`, ascending, again in the recorded shape and compare them with
    the ledger's.
    """
    found, classifier = Recast(), voter.classifier
    allowed = allowed_gap(ledger.manifest.runtime, classifier.runtime, classifier.torch_options)
    places = ledger.read_inputs().indices
    block, stored, base = -1, np.empty((0, 1), np.uint8), 0
    for number, batch in enumerate(batches):
        if ledger.schedule.block_of(batch) != block:
            block = ledger.schedule.block_of(batch)
            stored, base = (
                ledger.read_block(block),
                ledger.schedule.offset(ledger.schedule.batches_of(block).start),
            )
            found.votes[block] = stored.astype(np.int64)
        position, start, stop = ledger.schedule.place(batch)
        part = slice(
            ledger.schedule.offset(batch) - base,
            ledger.schedule.offset(batch) - base + stop - start,
        )
        stored_labels, cast = stored[part].astype(np.int64), voter.votes(position, start, stop)
        found.asked += stop - start
        found.votes[block][part] = cast
        wrong = np.flatnonzero((stored_labels != cast).any(axis=1))
        if len(wrong):
            scores = _scores(voter, position, start)
            _count_differences(
                found, scores, (int(places[position]), start), wrong, stored_labels, cast, allowed
            )
        on_progress(number + 1, len(batches), "")
    return found


def _count_differences(
    found: Recast,
    scores: NDArray[np.float64] | None,
    place: tuple[int, int],
    wrong: NDArray[np.int64],
    stored_labels: NDArray[np.int64],
    cast: NDArray[np.int64],
    allowed: float,
) -> None:
    """Count the votes `wrong` of a batch, whose input and first draw is `place`, by how far apart
    their labels score.
    """
    gaps = None if scores is None else _gaps(scores, wrong, stored_labels[wrong])
    far = np.zeros(len(wrong), np.bool_) if gaps is None else ~(gaps <= allowed)
    if not found.example or (far.any() and not found.far):
        at = int(far.argmax())
        distance = (
            ""
            if gaps is None
            else f", whose score lies {gaps[at]:.2g} spreads above; rounding can do {allowed:g}"
        )
        found.example = (
            f"input {place[0]}, draw {place[1] + wrong[at]}: the ledger has"
            f" {_in_words(stored_labels[wrong[at]])}, here it is"
            f" {', '.join(map(str, cast[wrong[at]].tolist()))}{distance}"
        )
    found.far = None if gaps is None or found.far is None else found.far + int(far.sum())
    found.differ += len(wrong)


def _scores(voter: Voter, position: int, start: int) -> NDArray[np.float64] | None:
    try:
        answer: NDArray[Any] = voter.classifier.answer(voter.batch(position, start))
    except AnswerError:  # rows on which the model raises have a fixed label
        return None
    return answer.astype(np.float64) if are_scores(answer, voter.classifier.num_classes) else None


def _in_words(ballot: NDArray[np.int64]) -> str:
    return f"label{'' if len(ballot) == 1 else 's'} {', '.join(map(str, ballot.tolist()))}"


def _gaps(
    scores: NDArray[np.float64], rows: NDArray[np.int64], stored_labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How far scores must move until the ledger has the best labels in order, in spreads; NaN where
    a score is none.

    `stored_labels` is `(rows, depth)`. It is the most by which any of its labels scores below one
    that it does not name before.
    """
    spreads = np.ptp(scores[np.isfinite(scores).all(axis=1)], axis=1)
    spread = float(np.median(spreads)) if len(spreads) else np.nan
    left, places = scores[rows], np.arange(len(rows))
    gaps = np.zeros(len(rows))
    with np.errstate(all="ignore"):
        for labels in stored_labels.T:
            gaps = np.maximum(gaps, left.max(axis=1) - left[places, labels])
            left[places, labels] = np.where(np.isnan(left[places, labels]), np.nan, -np.inf)
        return np.asarray(gaps / spread)


def own_certificates(results: Results, found: Recast) -> list[str]:
    """Certificates that do not follow from the votes as they came out here, a line each; `found`
    has all votes.

    What follows from these votes is proven of the model on this runtime, whatever the folder says
    of another. Raises ValueError where they would have stopped elsewhere under a stopping rule:
    then nothing follows from them.
    """
    ledger, made = results.ledger, results.certificates
    with TemporaryDirectory(prefix="topcert-") as folder:
        own = Ledger(Path(folder), ledger.manifest)
        own.inputs_path.parent.mkdir()
        shutil.copy(ledger.inputs_path, own.inputs_path)
        for block, votes in found.votes.items():
            own.write_block(block, votes)
        try:
            here = derive(
                own,
                method=made.method,
                ks=np.unique(made.k).tolist(),
                alpha=made.alpha,
                label_choice=made.label_choice,
                bounds=made.bounds,
                num_named=made.num_named,
            ).certificates
        except ValueError as error:
            if ledger.stopping_test is None:
                raise
            raise ValueError(
                f"{found.differ} votes differ, and with them inputs would have stopped elsewhere:"
                " nothing follows from the votes of this runtime; use the recorded one, or"
                " --fresh-seed"
            ) from error
    rows_here = {key: row for row, key in enumerate(_keys(here))}
    lines = []
    for row, key in enumerate(_keys(made)):
        where, claimed = rows_here.get(key), int(made.radius[row])
        radius = ABSTAIN if where is None else int(here.radius[where])
        of = f"{made.in_words(row)}, k = {made.k[row]}"
        if claimed > radius:
            shown = "nothing" if radius == ABSTAIN else radius
            lines.append(f"{of}: {claimed} {plural_of(made.unit)} are claimed, {shown} here")
        if made.l2_radius is None or here.l2_radius is None:
            continue
        length = 0.0 if where is None else float(here.l2_radius[where])
        if made.l2_radius[row] > length * (1 + L2_SLACK):
            lines.append(
                f"{of}: an l2 radius of {made.l2_radius[row]:.6f} is claimed, {length:.6f} here"
            )
    return lines


def _keys(certificates: CertificateTable) -> list[tuple[int, int, int]]:
    """What tells certificates apart: input, label and k."""
    columns = (certificates.index, certificates.label, certificates.k)
    return list(zip(*(column.tolist() for column in columns), strict=True))
