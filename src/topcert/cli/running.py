"""Filling a ledger in front of a person: progress, Ctrl-C, what was replayed."""

from __future__ import annotations

from topcert.cli.noting import note_model, note_undefined
from topcert.cli.progress import messages, progress_stages, stoppable
from topcert.voting.ledger import Ledger
from topcert.voting.request import Prepared
from topcert.voting.run import Opened, collect_votes
from topcert.voting.sampling import flip_rate


def run_to_ledger(opened: Opened, *, kept: str | None = None) -> Ledger:
    """Fill the ledger with a progress bar; on Ctrl-C say what is `kept` and leave with exit code 130."""
    _warn_of_range(opened.prepared)
    note_model(opened.prepared)
    kept = kept or f"finished blocks are kept in {opened.folder}: repeat the command with --resume"
    with stoppable(kept), progress_stages() as stage:
        reading = stage("read", unit="inputs", ends=False)
        ledger = collect_votes(opened, on_progress=stage("votes", unit="passes"), on_inputs=reading)
    prepared = opened.prepared
    note_undefined(prepared.classifier)
    if prepared.classifier.batch_size is None and prepared.batch_size > 1:
        other = max(1, prepared.batch_size // 2)
        found = flip_rate(ledger, prepared.voter(batch_size=other))
        messages.print(
            f"replayed in the recorded batch shape: no vote differs; in batches of {other} instead of "
            f"{prepared.batch_size}: {found.flips} of {found.votes} votes differ",
            soft_wrap=True,
        )
    return ledger


def _warn_of_range(prepared: Prepared) -> None:
    """Six-channel input outside [0, 1] is certified as it is, but is seldom meant."""
    if prepared.encoding != "six-channel":
        return
    first = prepared.dataset.read(0)
    if first.min() < 0 or first.max() > 1:
        messages.print(
            f"note: the first input holds values from {first.min():g} to {first.max():g}; six-channel is made for [0, 1], "
            "so scale the data unless the model was trained on these",
            highlight=False,
            soft_wrap=True,
        )


def warn_of_classes(prepared: Prepared) -> None:
    """Labels that number the folders at hand seldom are those of a network with more classes."""
    names, classes = prepared.dataset.class_names, prepared.classifier.num_classes
    if names and len(names) < classes:
        messages.print(
            f"note: the data has {len(names)} classes, 0 ({names[0]}) .. {len(names) - 1} ({names[-1]}), "
            f"the model {classes}; its first ones must be these, in this order",
            highlight=False,
            soft_wrap=True,
        )
