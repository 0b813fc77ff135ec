"""Filling a ledger in front of a person: progress, Ctrl-C, what was replayed."""

from __future__ import annotations

import typer

from topcert.cli.progress import messages, progress_bar
from topcert.voting.ledger import Ledger
from topcert.voting.run import Opened, collect_votes
from topcert.voting.sampling import flip_rate


def run_to_ledger(opened: Opened) -> Ledger:
    """Fill the ledger with a progress bar; on Ctrl-C say what is kept and leave with exit code 130."""
    try:
        with progress_bar("votes", unit="passes") as update:
            ledger = collect_votes(opened, on_progress=update)
    except KeyboardInterrupt:
        messages.print(f"stopped; all finished blocks in {opened.folder} are kept: go on with --resume", soft_wrap=True)
        raise typer.Exit(130) from None
    prepared = opened.prepared
    if prepared.classifier.batch_size is None and prepared.batch_size > 1:
        other = max(1, prepared.batch_size // 2)
        found = flip_rate(ledger, prepared.voter(batch_size=other))
        messages.print(
            f"replayed in the recorded batch shape: no vote differs; in batches of {other} instead of "
            f"{prepared.batch_size}: {found.flips} of {found.votes} votes differ",
            soft_wrap=True,
        )
    return ledger
