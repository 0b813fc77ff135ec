"""Certificates of a finished run once more: what is not asked for stays as it was saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from topcert.api.certificates import Certificates
from topcert.api.certified_votes import USUAL_ALPHA
from topcert.api.python_words import python_words
from topcert.api.votes import Votes
from topcert.evaluation.choices import choose_ks, listed_ks
from topcert.files import path_of
from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.methods.method import DesignMethod
from topcert.methods.registered_methods import find_method
from topcert.progress.shown import Shown
from topcert.voting.ledger import Ledger


def evaluate(
    folder: str | Path,
    method: str | None = None,
    *,
    k: int | Sequence[int] | None = None,
    alpha: float | None = None,
    label_choice: LabelChoice | None = None,
    bounds: str | None = None,
    num_named: int | None = None,
    moves: Sequence[str] | None = None,
    progress: Shown = None,
) -> Certificates:
    """Certificates of the votes of a folder, with no new passes, as `topcert evaluate` has them.

    `open_votes(folder).certify()` takes what is usual where nothing is asked for; this takes what
    was saved. Nothing is written.

    Parameters
    ----------
    folder
        The folder of a finished run with certificates.
    method, k, alpha, label_choice, bounds, moves
        As of `Votes.certify`; None for those of the saved certificates, and of another method than
        theirs for what is usual, but for alpha.
    num_named
        Of each vote, so many labels count, the best; None for all that it names.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Certificates

    Raises
    ------
    ValueError
        Where the folder holds no votes, nothing was saved, or anything does not fit.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=11))
    >>> votes = smoothed.vote(
    ...     np.eye(3, 12), [0, 1, 2], num_samples=100, out="three", progress=False)
    >>> folder = votes.certify(k=1, alpha=0.05).save()
    >>> found = topcert.evaluate("three")
    >>> found.k, found.alpha, topcert.evaluate("three", k=2).k
    ((1,), 0.05, (2,))
    """
    where = path_of(folder, "folder")
    with python_words():
        if (where / "bounds.json").is_file():
            raise ValueError(
                f"{where} holds certificates of a network's weights and no votes: repeat certify"
                " with the k you want"
            )
        votes = Votes(Ledger.open(where))
        ks, usual, path = listed_ks(k), USUAL_ALPHA, where / "certificates.parquet"
        asked = (ks, alpha, label_choice, method)
        if None in asked or (None in (bounds, moves) and path.exists()):
            stored, _ = CertificateTable.read(path)
            other = method is not None and find_method(method).name != stored.method
            method = stored.method if method is None else method
            ks = np.unique(stored.k).tolist() if ks is None and method == stored.method else ks
            usual = stored.alpha or usual
            if label_choice is None and not other:
                label_choice = stored.label_choice
            bounds = stored.bounds if bounds is None and method == stored.method else bounds
            moves = stored.attacker.moves if moves is None and not other else moves
            ks = choose_ks(ks, method, votes.num_classes)
        if alpha is None and method and not isinstance(find_method(method), DesignMethod):
            alpha = usual
        return votes.certify(
            method,
            k=ks,
            alpha=alpha,
            label_choice=label_choice,
            bounds=bounds,
            num_named=num_named,
            moves=moves,
            progress=progress,
        )
