"""What any r changed features leave of the votes (docs/theory/lemma-3.md): counts that hold for
every R at once.

If w_i masks of some kind (those that name l, say) keep feature i, then r features meet at most the
sum of the r largest w_i of them, and at least the r-th smallest w_i: the second is what the first
feature of R alone meets, at its worst.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, kw_only=True)
class SurvivingVotes:
    """The labels in question and their strongest rivals, `(inputs, labels)`, and what any r = 0 ..
    reach features leave.

    Of `counts` votes that name each, `least_left` is the least that is left and `most_left` the
    most, and `others_left` the most that do not name it: `(inputs, labels, reach + 1)`.
    `far_counts` `(inputs, rivals)` are the counts of the next strongest labels. `variance` and
    `others_variance` `(inputs, labels)`: the variance, from feature to feature, of how many masks
    keep it, of those that name the label and of the others.
    """

    trials: Ints
    counts: Ints
    least_left: Ints
    most_left: Ints
    others_left: Ints
    far_counts: Ints
    variance: Floats
    others_variance: Floats

    def of(self, row: int) -> SurvivingVotes:
        """The same of one input."""
        return SurvivingVotes(
            **{field.name: getattr(self, field.name)[row : row + 1] for field in fields(self)}
        )

    def beyond(self, r: int) -> SurvivingVotes:
        """The same for radii from r on."""
        return replace(
            self,
            least_left=self.least_left[:, :, r:],
            most_left=self.most_left[:, :, r:],
            others_left=self.others_left[:, :, r:],
        )

    def rivals(self, k: int) -> Ints:
        """The most votes that each of any k rivals of the first label can keep, ascending,
        `(inputs, reach + 1, k)`.

        The near ones keep what is left of theirs; of the far ones none is taken, which is enough,
        for no other label can have one of the k largest.
        """
        rest = np.repeat(self.far_counts[:, :, None], self.most_left.shape[2], axis=2)
        return np.sort(
            np.swapaxes(np.concatenate([self.most_left[:, 1:], rest], axis=1), 1, 2), axis=2
        )[:, :, -k:]


def by_votes(counts: Ints, labels: Ints | None) -> Ints:
    """All labels of each input, most voted first (ties: lower index first), a named label before
    all others.
    """
    ranked = counts.copy()
    if labels is not None:
        ranked[np.arange(len(counts)), labels] = counts.max(initial=0) + 1
    return np.argsort(-ranked, axis=1, kind="stable")


def near_labels(counts: Ints, labels: Ints | None, k: int) -> Ints:
    """The labels whose masks are looked at: the first of `by_votes` and its k strongest rivals,
    `(inputs, k + 1)`.
    """
    return by_votes(counts, labels)[:, : k + 1]


def surviving_votes(
    counts: Ints,
    labels: Ints | None,
    kept: Iterable[Ints],
    degrees: Ints,
    *,
    k: int,
    reach: int,
    num_kept: int,
    num_named: int = 1,
) -> SurvivingVotes:
    """What is left of votes of which `counts` `(inputs, classes)` are the counts, `num_named`
    labels a vote.

    For each input in turn, `kept` `(k + 1, num_features)` says how many masks that name each of its
    `near_labels` keep each feature; `degrees` `(num_features,)` how many masks do in all. Raises
    ValueError where these do not fit the counts.
    """
    order = by_votes(counts, labels)
    near, far = order[:, : k + 1], order[:, k + 1 : 2 * k + 1]
    cast, trials = np.take_along_axis(counts, near, axis=1), counts.sum(axis=1) // num_named
    least_left, most_left, others_left = (
        np.empty((*near.shape, reach + 1), np.int64) for _ in range(3)
    )
    variance, others_variance = np.empty(near.shape), np.empty(near.shape)
    for row, met in enumerate(kept):
        if (met.sum(axis=1) != num_kept * cast[row]).any() or degrees.sum() != num_kept * trials[
            row
        ]:
            raise ValueError(
                f"input {row}: the masks are not those of the counted votes; count all votes of the"
                " ledger"
            )
        least_left[row] = np.maximum(cast[row, :, None] - most_met(met, reach), 0)
        most_left[row] = cast[row, :, None] - least_met(met, reach)
        others_left[row] = (trials[row] - cast[row])[:, None] - least_met(degrees - met, reach)
        variance[row], others_variance[row] = met.var(axis=1), (degrees - met).var(axis=1)
    return SurvivingVotes(
        trials=trials,
        counts=cast,
        least_left=least_left,
        most_left=most_left,
        others_left=others_left,
        far_counts=np.take_along_axis(counts, far, axis=1),
        variance=variance,
        others_variance=others_variance,
    )


def most_met(kept: Ints, reach: int) -> Ints:
    """Of masks of one kind, the most that r features can meet, for r = 0 .. reach: the sum of the r
    largest counts.

    `kept` is `(..., num_features)`, how many of the masks keep each feature. Returns `(..., reach +
    1)`.
    """
    largest = (
        -np.sort(np.partition(-kept, min(reach, kept.shape[-1]) - 1, axis=-1)[..., :reach])
        if reach
        else kept[..., :0]
    )
    return _from_zero(np.cumsum(largest, axis=-1))


def least_met(kept: Ints, reach: int) -> Ints:
    """The fewest that r features must meet: the r-th smallest count; arguments and shapes are those
    of `most_met`.
    """
    smallest = (
        np.sort(np.partition(kept, min(reach, kept.shape[-1]) - 1, axis=-1)[..., :reach])
        if reach
        else kept[..., :0]
    )
    return _from_zero(smallest)


def _from_zero(counts: Ints) -> Ints:
    """A column for r = 0 in front: no feature meets nothing."""
    return np.concatenate([np.zeros((*counts.shape[:-1], 1), np.int64), counts], axis=-1)
