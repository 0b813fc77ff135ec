"""Certificates of votes in front of a person: made by what Python makes them by, with a bar."""

from __future__ import annotations

from collections.abc import Callable

from topcert.api.certificates import Certificates
from topcert.api.certification import CertifiedRun
from topcert.api.origins import FromVotes
from topcert.api.votes import Votes
from topcert.cli.best_possible import print_best
from topcert.cli.progress import console, pairs_bar
from topcert.cli.running import run_to_ledger
from topcert.evaluation.results import Results, smoothing_of
from topcert.progress.shown import Shown
from topcert.voting.executors.executor import Executor
from topcert.voting.open_inputs import stopping_test_of
from topcert.voting.share import Share


def with_bar(certify: Callable[[Shown], Certificates]) -> Certificates:
    """What `certify`, which is given the progress to tell, makes of votes."""
    with pairs_bar() as update:
        return certify(lambda _stage, done, total: update(done, total))


def results_of(found: Certificates) -> Results:
    """All that follows from the votes of these certificates."""
    assert isinstance(found.origin, FromVotes)
    return found.origin.results


def certify_in_view(run: CertifiedRun, *, executor: Executor | None = None) -> Certificates:
    """Say what can be certified at best, vote, and save the certificates beside the votes."""
    prepared = run.opened.prepared
    planned = prepared.manifest("")
    print_best(
        run.certifier,
        smoothing=smoothing_of(planned, attacker=run.attacker),
        num_classes=prepared.classifier.num_classes,
        num_samples=prepared.request.num_samples,
        ks=run.k,
        alpha=run.alpha,
        label_choice=run.label_choice,
        bounds=run.bounds,
        stopping_test=stopping_test_of(planned),
    )
    votes = Votes(run_to_ledger(run.opened, executor=executor))
    return with_bar(lambda progress: run.save(votes, progress=progress))


def vote_share_in_view(run: CertifiedRun, share: Share, *, executor: Executor) -> None:
    """Vote a share of the blocks, and say what is to be done with it."""
    ledger = run_to_ledger(run.opened, executor=executor, share=share)
    blocks, folder = len(ledger.present_blocks()), ledger.folder
    console.print(
        f"share {share} of the run: {blocks} of {ledger.num_blocks} blocks of votes are in"
        f" {folder}; topcert merge puts the folders of all shares together",
        highlight=False,
        soft_wrap=True,
    )
