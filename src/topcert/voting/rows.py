"""Rule 4 of a true certificate: a vote is a function of one row, whatever other rows stand in its
batch.

A batch is asked again with some of its rows replaced by others: rows of other inputs, hidden ones,
and what an attacker might write. In its own place a row must get the same answer to the bit. Then
rows change places: what a kernel rounds otherwise there is measured and reported, as the place is
part of the draw (docs/theory/rows.md).

Where a model gives scores, whose bits tell more than labels, and takes batches of any size, most
kinds of other rows are tried in batches of `SMALL`, and in the recorded shape the two that reach
farthest: all are in labels, or in one shape.

These are trials. They find a classifier that looks at its batch, and prove nothing of one that
hides it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import are_scores
from topcert.modalities.input_form import Form
from topcert.noise.ablation import Ablation
from topcert.noise.law import IID, Noise, of_law
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.other_rows import FEW, HIGH, LADDER, LOW, MIDDLE, RowwiseClassifier, other_rows
from topcert.voting.row_trial import (
    FORGETS,
    RowCheck,
    RowsError,
    Trial,
    cause_and_fix,
    fix_in_words,
    moved_by,
    refuse,
)
from topcert.voting.voter import Voter

SMALL: Final = 8  # rows of the batches in which most is tried
SINGLES: Final = 8  # different rows, where a batch holds one
# other rows that each half of a batch meets at least, in several rounds where batches are small
ROWS_BESIDE: Final = 16
DIM: Final = 0.125


def check_rows(
    voter: Voter,
    batches: Sequence[tuple[int, int]],
    *,
    generator: np.random.Generator,
    ends: bool = False,
    places: bool = True,
) -> RowCheck:
    """Ask the batches `(input, first draw)` again among other rows.

    What is tried at the beginning of a run and where it `ends` is not all the same; of several
    batches it is the one and the other in turn. `places`: measure what places do in whole batches,
    as a certificate depends on it. Raises RowsError where an answer depends on the other rows of
    its batch, on more than rounding in another place, or on what was asked before; ValueError where
    the model has no answer to any row.
    """
    classifier = voter.classifier
    if voter.batch_size == 1:
        with quiet():
            return _check_single(voter, batches, generator)
    if classifier.row_mixing is not None and classifier.row_mixing.certain:
        raise RowsError(f"{classifier.row_mixing.text}; {fix_in_words(classifier)}")
    found = RowCheck(rows=0, passes=0, moved=0.0)
    with quiet():
        for number, (position, start) in enumerate(batches):
            last = (number + ends) % 2 == 1
            found += _check_batch(voter, position, start, generator, last=last, places=places)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of a model on rows that no input has, such as of an overflow."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _check_batch(
    voter: Voter,
    position: int,
    start: int,
    generator: np.random.Generator,
    *,
    last: bool,
    places: bool,
) -> RowCheck:
    classifier, size = voter.classifier, voter.batch_size
    batch = voter.batch(position, start)
    order = generator.permutation(size)
    half, dim = (
        np.isin(np.arange(size), order[:count]) for count in (size // 2, min(FEW, size // 2))
    )
    batch[dim] *= batch.dtype.type(DIM)  # rows that do not themselves set what a batch is scaled by
    whole = Trial(voter, batch, position, generator)
    if not whole.known.any():
        classifier.answer(voter.batch(position, start))  # raises: it has no answer to any row
    if classifier.batch_size is None and size >= 2 * SMALL:
        some = np.sort(order[:SMALL])
        part = Trial(voter, batch[some], position, generator, limits=whole.limits)
        part.ask_each_value(dim[some])
        kept = whole.known[some] & part.known
        scores_differ = _scores_differ(whole.first, classifier.num_classes)
        if are_scores(whole.first, classifier.num_classes):
            why = cause_and_fix(classifier)
            moved_by(
                whole.first[some][kept], part.first[kept], "in a smaller batch", why, scored=True
            )
        if scores_differ:
            if last:
                whole.ask_among(half, float(generator.choice(HIGH)), every=True)
            else:
                whole.ask_among(dim, None, spot=float(generator.choice(LOW)))
        else:
            whole.try_all(half, dim)
        if places or not scores_differ:
            whole.ask_in_other_places()
    else:
        part = whole
        for _ in range(max(1, 2 * ROWS_BESIDE // size)):
            whole.try_all(half, dim)
        if size < 2 * SMALL:
            whole.ask_each_value(dim)
        else:
            whole.ask_among(~half, float(generator.choice(MIDDLE)))
            whole.ask_in_other_places()
    if classifier.batch_size is None:
        whole.alone()
    found = whole.result()
    # no place of the recorded shape
    return found if part is whole else found + replace(part.result(), moved=0.0)


def _scores_differ(answers: NDArray[Any], num_classes: int) -> bool:
    """Whether answers are scores that differ from row to row, so that their bits tell what labels
    would not.
    """
    return are_scores(answers, num_classes) and 2 * len(np.unique(answers, axis=0)) > len(answers)


def _check_single(
    voter: Voter, batches: Sequence[tuple[int, int]], generator: np.random.Generator
) -> RowCheck:
    """Batches of one row have no mates: what is left to find is a memory of earlier rows."""
    ask = RowwiseClassifier(voter.classifier)
    drawn = [
        voter.batch(position, start + step)
        for position, start in batches
        for step in range(SINGLES)
    ]
    first = [ask(row) for row in drawn]
    if not ask.answered:
        voter.classifier.answer(drawn[0])  # raises: it has no answer to any row
    for number, place in enumerate(generator.permutation(len(drawn)).tolist()):
        ask(other_rows(voter, 1, batches[0][0], generator, LADDER[number % len(LADDER)]))
        refuse(first[place], ask(drawn[place]), "when asked in another order", FORGETS)
    return RowCheck(rows=len(drawn), passes=ask.passes, moved=0.0)


def check_run(
    voter: Voter,
    manifest: Manifest,
    batches: Sequence[tuple[int, int]],
    *,
    generator: np.random.Generator,
    ends: bool = False,
) -> RowCheck:
    """`check_rows` in batches of a run, and `refuse_places` for its certificates. Raises RowsError
    as both do.
    """
    why = why_places_matter(
        manifest.noise,
        num_features=fewest_features(manifest.form, manifest.noise),
        batch_size=manifest.batch_size,
        whole=() if manifest.stopping == FIXED else (manifest.num_selection, manifest.num_samples),
    )
    found = check_rows(voter, batches, generator=generator, ends=ends, places=why is not None)
    refuse_places(found, why)
    return found


def fewest_features(form: Form, noise: Noise) -> int:
    """The fewest features that an input of a run can have."""
    return of_law(noise, Ablation).kept if form.any_length else form.num_features


def why_places_matter(
    noise: Noise,
    *,
    num_features: int,
    batch_size: int,
    whole: tuple[int, ...] = (),
) -> str | None:
    """Why answers may not depend on the place in the batch, as a certificate has it
    (docs/theory/rows.md); None where they may.

    They may not under independent masks, where these are few enough for Eq. 4, or where `whole`,
    the votes of a first sample and the most of a stopping rule, are no multiples of `batch_size`.
    """
    if noise.law != IID:
        return None
    if (why := noise.why_places_matter(num_features)) is not None:
        return why
    if any(votes % batch_size for votes in whole):
        return f"{' and '.join(map(str, whole))} votes are not whole batches of {batch_size}"
    return None


def refuse_places(found: RowCheck, why: str | None) -> None:
    """Raise RowsError where answers depend on the place in the batch, and `why` they may not is
    given.
    """
    if found.moved and why is not None:
        raise RowsError(
            f"a score differs by up to {found.moved:.1g} in another place of the batch, and {why}; "
            "have each row judged alone: --batch-size 1 (batch_size=1 in Python)"
        )
