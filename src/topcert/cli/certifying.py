"""Certificates of votes in front of a person: made by what Python makes them by, with a bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from topcert.api.certificates import Certificates
from topcert.api.origins import FromVotes
from topcert.api.votes import Votes
from topcert.cli.progress import pairs_bar
from topcert.evaluation.results import Results
from topcert.methods.certificate_table import LabelChoice
from topcert.methods.method import DesignMethod
from topcert.methods.registered_methods import find_method
from topcert.progress.shown import Shown
from topcert.voting.ledger import Ledger


def with_bar(certify: Callable[[Shown], Certificates]) -> Results:
    """What `certify`, which is given the progress to tell, makes of votes."""
    with pairs_bar() as update:
        found = certify(lambda _stage, done, total: update(done, total))
    assert isinstance(found.origin, FromVotes)
    return found.origin.results


def save_certificates(
    ledger: Ledger,
    *,
    method: str,
    bounds: str | None = None,
    ks: Sequence[int],
    alpha: float,
    choice: LabelChoice,
) -> Results:
    """Derive, write and draw everything that follows from a full ledger, into its folder."""
    chance = None if isinstance(find_method(method), DesignMethod) else alpha

    def certify(progress: Shown) -> Certificates:
        found = Votes(ledger).certify(
            method, k=ks, alpha=chance, label_choice=choice, bounds=bounds, progress=progress
        )
        found.save()
        return found

    return with_bar(certify)
