"""The votes of a folder."""

from __future__ import annotations

from pathlib import Path

from topcert.api.python_words import python_words
from topcert.api.votes import Votes
from topcert.files import path_of
from topcert.voting.ledger import Ledger


def open_votes(folder: str | Path) -> Votes:
    """The votes of a finished run, as a folder holds them.

    Parameters
    ----------
    folder
        The folder of `SmoothedClassifier.vote(out=...)` or of `topcert certify --out`.

    Returns
    -------
    Votes

    Raises
    ------
    ValueError
        Where the folder holds no run, or the run was being given more inputs when it was stopped.

    Examples
    --------
    >>> import topcert
    >>> topcert.open_votes("nowhere")
    Traceback (most recent call last):
    ValueError: there is no folder nowhere; name the folder of a run, as given to out
    """
    with python_words():
        return Votes(Ledger.open(path_of(folder, "folder")))
