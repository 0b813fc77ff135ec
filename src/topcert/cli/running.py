"""Filling a ledger in front of a person: progress, Ctrl-C, what was replayed."""

from __future__ import annotations

from topcert.cli.noting import note_model, note_undefined
from topcert.cli.progress import messages, progress_stages, stoppable
from topcert.datasets.dataset import Dataset
from topcert.methods.certificates import certified_under
from topcert.voting.checks import read_check
from topcert.voting.ledger import Ledger
from topcert.voting.run import Opened, collect_votes
from topcert.voting.sampling import flip_rate


def run_to_ledger(opened: Opened, *, kept: str | None = None) -> Ledger:
    """Fill the ledger with a progress bar; on Ctrl-C say what is `kept` and leave with exit code 130."""
    print_notes(opened.prepared.dataset)
    note_model(opened.prepared)
    kept = kept or f"finished blocks are kept in {opened.folder}: repeat the command with --resume"
    with stoppable(kept), progress_stages() as stage:
        reading = stage("read", unit="inputs", ends=False)
        ledger = collect_votes(opened, on_progress=stage("votes", unit="passes"), on_inputs=reading)
    prepared = opened.prepared
    note_undefined(prepared.classifier)
    checked = read_check(opened.folder, ledger.manifest.digest())
    if checked is not None:
        messages.print(
            f"{checked.rows:,} rows judged again among other rows, at the beginning and the end: no answer differs "
            f"({checked.passes:,} passes beside the run's {ledger.num_stored:,})",
            highlight=False,
            soft_wrap=True,
        )
    if prepared.classifier.runtime != ledger.manifest.runtime:
        _note_runtime(ledger, prepared.classifier.runtime)
    elif prepared.classifier.batch_size is None and prepared.batch_size > 1:
        other = max(1, prepared.batch_size // 2)
        found = flip_rate(ledger, prepared.voter(batch_size=other))
        messages.print(
            f"replayed in the recorded batch shape: no vote differs; in batches of {other} instead of "
            f"{prepared.batch_size}: {found.flips} of {found.votes} votes differ",
            soft_wrap=True,
        )
    return ledger


def _note_runtime(ledger: Ledger, here: str) -> None:
    """Say that nothing was computed on a runtime that is not that of the run, and what is known of its last replay."""
    passed = certified_under(ledger.folder / "certificates.parquet", ledger.manifest.digest())
    known = "it had passed before certificates.parquet was written" if passed else "whether it had passed is not recorded"
    messages.print(
        f"this run is finished: nothing was computed. Its votes are from {ledger.manifest.runtime}, and this is {here}, so "
        f"the replay at the end of a run is not repeated; {known}",
        highlight=False,
        soft_wrap=True,
    )


def print_notes(dataset: Dataset) -> None:
    """What a person should know of how the data was read, a line each."""
    for note in dataset.notes:
        messages.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
