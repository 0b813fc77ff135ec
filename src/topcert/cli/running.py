"""Filling a ledger in front of a person: progress, Ctrl-C, what was replayed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import final

from topcert.cli.model_notices import note_model, note_undefined
from topcert.cli.progress import messages, progress_stages, stoppable
from topcert.datasets.dataset import Dataset
from topcert.methods.certificate_table import certified_under
from topcert.progress.bars import Update
from topcert.voting.checks import read_check, second_in_words
from topcert.voting.executors.executor import Executor
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.run import Opened, collect_votes
from topcert.voting.sampling import flip_rate
from topcert.voting.share import Share
from topcert.voting.time_budget import TimeBudget


def run_to_ledger(
    opened: Opened,
    *,
    kept: str | None = None,
    promise: str = "",
    executor: Executor | None = None,
    share: Share | None = None,
    budget: TimeBudget | None = None,
) -> Ledger:
    """Fill the ledger, or its `share`, or what the `budget` allows, with a progress bar; on Ctrl-C
    say what is `kept` and leave with exit code 130.

    `promise` is printed once data and classifier are accepted.
    """
    print_notes(opened.prepared.dataset)
    note_model(opened.prepared)
    with stoppable(kept or partial(_kept, opened.folder)), progress_stages() as stage:
        reading = stage("read", unit="inputs", ends=False)
        votes = _Accepted(opened, stage("votes", unit="passes"), promise)
        ledger = collect_votes(
            opened,
            on_progress=votes,
            on_inputs=reading,
            executor=executor,
            share=share,
            budget=budget,
        )
    votes.accept()
    if executor is not None and executor.in_words():
        _print(f"votes cast by {executor.in_words()}")
    prepared = opened.prepared
    note_undefined(prepared.classifier)
    if share is not None:
        return ledger
    checked = read_check(opened.folder, ledger.manifest.digest())
    if checked is not None:
        messages.print(
            f"{checked.rows:,} rows judged again among other rows, at the beginning and the end: no"
            f" answer differs ({checked.passes:,} passes beside the run's {ledger.num_stored:,})",
            highlight=False,
            soft_wrap=True,
        )
        if checked.second is not None:
            messages.print(
                second_in_words(checked.second), highlight=False, soft_wrap=True, markup=False
            )
    if prepared.classifier.runtime != ledger.manifest.runtime:
        _note_runtime(ledger, prepared.classifier.runtime)
    elif prepared.classifier.batch_size is None and prepared.batch_size > 1:
        other = max(1, prepared.batch_size // 2)
        found = flip_rate(ledger, prepared.voter(batch_size=other))
        messages.print(
            f"replayed in the recorded batch shape: no vote differs; in batches of {other} instead"
            f" of {prepared.batch_size}: {found.flips} of {found.votes} votes differ",
            soft_wrap=True,
        )
    return ledger


def _kept(folder: Path) -> str:
    """What a run that is stopped leaves in its folder."""
    blocks = _count_blocks(folder)
    if not blocks:
        return (
            f"no block of votes was finished, so {folder} holds none: repeat the command with"
            " --resume to begin again"
        )
    return (
        f"{blocks} finished block{'s are' if blocks > 1 else ' is'} kept in {folder}: repeat the"
        " command with --resume"
    )


@final
class _Accepted:
    """The update of votes; at its first call, when inputs are read and the classifier is tried, it
    says what holds then.
    """

    def __init__(self, opened: Opened, update: Update, promise: str) -> None:
        self._opened, self._update, self._promise = opened, update, promise
        self._shown = False

    def __call__(self, done: int, total: int, note: str) -> None:
        if not self._shown and self._opened.recorded is not None:
            _print(_resumed(self._opened.folder, self._opened.recorded, done, total))
        self.accept()
        self._update(done, total, note)

    def accept(self) -> None:
        """Tell the promise, once."""
        if self._promise and not self._shown:
            _print(self._promise)
        self._shown = True


def _resumed(folder: Path, recorded: Manifest, done: int, total: int) -> str:
    """What `--resume` found: the inputs, blocks and votes that are there already."""
    blocks = _count_blocks(folder)
    of = f" of {total:,}" if recorded.stopping == FIXED else ""
    return (
        f"resumed: {folder} already holds {recorded.num_inputs:,}"
        f" input{'s' * (recorded.num_inputs != 1)}, {blocks:,} block{'s' * (blocks != 1)} and"
        f" {done:,}{of} votes"
    )


def _count_blocks(folder: Path) -> int:
    return sum(1 for _ in (folder / "ledger").glob("block-*.parquet"))


def _print(text: str) -> None:
    messages.print(text, highlight=False, soft_wrap=True)


def _note_runtime(ledger: Ledger, here: str) -> None:
    """Say that nothing was computed on a runtime that is not that of the run, and what is known of
    its last replay.
    """
    passed = certified_under(ledger.folder / "certificates.parquet", ledger.manifest.digest())
    known = (
        "it had passed before certificates.parquet was written"
        if passed
        else "whether it had passed is not recorded"
    )
    messages.print(
        f"this run is finished: nothing was computed. Its votes are from {ledger.manifest.runtime},"
        f" and this is {here}, so the replay at the end of a run is not repeated; {known}",
        highlight=False,
        soft_wrap=True,
    )


def print_notes(dataset: Dataset) -> None:
    """What a person should know of how the data was read, a line each."""
    for note in dataset.notes:
        messages.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
