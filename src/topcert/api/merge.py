"""Shares of a run put together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topcert.api.arguments import listed
from topcert.api.python_words import python_words
from topcert.files import path_of
from topcert.progress.shown import Shown, stages
from topcert.voting.share import Merged, merge_shares


def merge(folders: Sequence[str | Path], *, out: str | Path, progress: Shown = None) -> Merged:
    """Put the blocks of votes of shares of one run into one folder.

    Parameters
    ----------
    folders
        What `SmoothedClassifier.vote_share`, or `topcert certify --shard`, wrote: shares of the
        same run, all or some, in any order.
    out
        A folder for the whole run; blocks that it has already stay.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Merged
        The `folder`, how many `blocks` it has, and the numbers of those that are `missing`.

    Raises
    ------
    ValueError
        Where the folders are shares of different runs, a block is damaged, or two folders have
        other votes in the same block. Nothing is written then.

    Notes
    -----
    A merged folder is a run that was stopped: `SmoothedClassifier.vote` with it as `out`, or
    `certify --resume`, goes on with it, and replays some of its votes.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6))
    >>> x, labels = np.random.default_rng(0).random((4, 12)), [0, 1, 2, 0]
    >>> shares = [
    ...     smoothed.vote_share(
    ...         x, labels, share=f"{i}/2", out=f"share-{i}", num_samples=100, progress=False)
    ...     for i in (1, 2)]
    >>> topcert.merge(shares, out="merged", progress=False).missing
    ()
    >>> votes = smoothed.vote(x, labels, num_samples=100, out="merged", progress=False)
    >>> votes.counts.sum(axis=1)
    array([100, 100, 100, 100])
    """
    with python_words(), stages(progress) as stage:
        given = listed(folders, "folders", such_as="['share-1', 'share-2']")
        return merge_shares(
            [path_of(folder, "each of folders") for folder in given],
            path_of(out, "out"),
            on_progress=stage("merge", unit="blocks"),
        )
