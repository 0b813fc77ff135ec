"""What votes say, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from topcert.evaluation.plotting import plot_classes, plot_shares

if TYPE_CHECKING:
    from topcert.api.votes import Votes


def picture(votes: Votes, ax: Any, row: int | None) -> Any:
    """The picture of all inputs, or of one: see `Votes.plot`. Raises ValueError for no such row."""
    cast = votes.counts.sum(axis=1) // votes.num_named
    shares, labels = votes.counts / cast[:, None], votes.labels
    if row is None:
        right = None if labels is None else votes.counts.argmax(axis=1) == labels
        return plot_shares(shares.max(axis=1), right, ax=ax)
    if not 0 <= row < len(votes):
        raise ValueError(f"row must lie in 0 .. {len(votes) - 1}, the inputs; got {row}")
    names = votes.names
    called = "" if names.inputs is None else f", {names.inputs[row]}"
    return plot_classes(
        [names.of_class(label) or str(label) for label in range(votes.num_classes)],
        shares[row],
        None if labels is None else int(labels[row]),
        title=f"input {votes.index[row]}{called}: {cast[row]:,} votes",
        ax=ax,
    )
