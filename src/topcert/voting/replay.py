"""The votes of a ledger together with their masks, which are drawn again from its seed: no
passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.randomization.designs import Design
from topcert.randomization.mask_streams import STREAMS
from topcert.voting.manifest import Manifest
from topcert.voting.some_votes import SomeVotes, Votes

_MASK_BYTES: Final = 1 << 28  # of masks at a time
_TABLE_BYTES: Final = 1 << 28  # of counts, for the inputs that share a walk over all masks
_PAIR_STEPS: Final = 1 << 37  # masks times features squared: some seconds an input
_PAIR_BYTES: Final = 1 << 26  # of the pairs of one label: 4,096 features
_DENSE_MASKS: Final = 1 << 13  # that are multiplied at a time: float32 counts up to 2**24


def check_depth(num_named: int | None, manifest: Manifest) -> int:
    """How many labels of each ballot count; all where `num_named` is None.

    Raises ValueError for more than the ballots of the run have, or none.
    """
    depth = manifest.depth
    if num_named is None:
        return depth
    if not 1 <= num_named <= depth:
        why = "the run has --ballot 1" if depth == 1 else f"ballots of this run name {depth} labels"
        raise ValueError(
            f"--ballot must lie in 1 .. {depth}, got {num_named}: {why}; certify with --ballot"
            f" {num_named} in another --out"
            if num_named > depth
            else f"--ballot must be at least 1, got {num_named}"
        )
    return num_named


def _name(ballots: NDArray[np.integer], label: int) -> NDArray[np.bool_]:
    """Which of some ballots `(votes, num_named)` name a label."""
    found = np.asarray(ballots[:, 0] == label)
    for rank in range(1, ballots.shape[1]):
        found |= ballots[:, rank] == label
    return found


def design_of(manifest: Manifest) -> Design | None:
    """The design of whose masks a manifest speaks; None where its masks are independent."""
    return manifest.noise.design_of(
        manifest.form, seed=manifest.seed, num_samples=manifest.num_samples
    )


@final
class ReplayedMasks:
    """Which features were kept under the votes of a ledger; those of its first sample excepted.

    Masks are drawn once for as many inputs as fit in memory: all, for 1,000 images of 224 x 224
    pixels and one label each.
    """

    def __init__(
        self,
        ledger: Votes,
        *,
        first: int | None = None,
        num_named: int | None = None,
        on_pairs: Callable[[int, int], None] | None = None,
    ) -> None:
        """`first`: only so many votes of each input. `num_named`: only so many labels of each vote,
        the best; None for all. `on_pairs(done, total)`: of how many inputs pairs are counted.

        Raises ValueError where the masks cannot be drawn again, or ballots name fewer labels.
        """
        manifest = ledger.manifest
        noise = of_law(manifest.noise, Ablation)
        if noise.stream not in noise.algorithms:
            raise ValueError(
                f"the masks of {noise.stream} cannot be drawn again; this release has"
                f" {noise.own_algorithm}"
            )
        self._ledger, self._num_kept = ledger, noise.kept
        self._size = manifest.num_samples if first is None else first
        self._num_named = check_depth(num_named, manifest)
        self._design = design_of(manifest)
        self._block = max(1, _MASK_BYTES // (4 * self._num_kept))
        self._degrees: NDArray[np.int64] | None = None
        self._all: NDArray[np.int32] | None = None  # where they fit in one block
        self._pair_degrees: NDArray[np.int32] | None = None
        self._on_pairs = on_pairs
        self._every: list[NDArray[np.unsignedinteger]] | None = None

    def of_length(self, inputs: NDArray[np.int64], num_features: int) -> ReplayedMasks:
        """The votes of some inputs, ascending, each of which has so many features, and their masks;
        of a run whose inputs differ in that. All its votes are then in memory.
        """
        if self._every is None:
            self._every = list(self._ledger.iterate_inputs())
        manifest = self._ledger.manifest
        shape = (num_features, *manifest.input_shape[1:])
        votes = SomeVotes(
            manifest=replace(manifest, num_features=num_features, input_shape=shape),
            votes=[self._every[position] for position in inputs.tolist()],
        )
        return ReplayedMasks(votes, first=self._size, num_named=self._num_named)

    @property
    def round_size(self) -> int:
        """How many masks in turn share no feature; 1 where nothing is known of that."""
        return 1 if self._design is None else self._design.round_size

    def cast(self) -> Iterator[NDArray[np.int64]]:
        """For each input in turn: its votes, in the order of the masks, int64 `(masks,
        num_named)`.
        """
        for votes in self._ledger.iterate_inputs():
            yield self._certifying(votes).astype(np.int64)

    def degrees(self) -> NDArray[np.int64]:
        """How many masks keep each feature, int64 `(num_features,)`."""
        if self._degrees is None:
            self._degrees = sum(
                (self._features(kept) for _, kept in self._masks()), start=np.zeros(1, np.int64)
            )
        return self._degrees

    def kept_counts(self, labels: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """For each input in turn: how many masks name `labels[input, j]` and keep feature i, int64
        `(labels, features)`.

        `labels` is int64 `(inputs, labels)`.
        """
        manifest = self._ledger.manifest
        together = max(1, _TABLE_BYTES // (4 * labels.shape[1] * manifest.num_features))
        every = self._ledger.iterate_inputs()
        for first in range(0, len(labels), together):
            votes = [self._certifying(part) for part in islice(every, together)]
            table = np.zeros((len(votes), labels.shape[1], manifest.num_features), np.int32)
            for start, kept in self._masks():
                degrees = self._features(kept)
                for position, cast in enumerate(votes):
                    shown = cast[start : start + len(kept)]
                    for column, label in enumerate(labels[first + position].tolist()):
                        table[position, column] += self._features_of(
                            kept, degrees, _name(shown, label)
                        )
            for part in table:
                yield part.astype(np.int64)

    @property
    def counts_pairs(self) -> bool:
        """Whether there are few enough features and masks to count pairs of features."""
        squared = self._ledger.manifest.num_features**2
        return (
            self._size <= self._block
            and self._size * squared <= _PAIR_STEPS
            and 4 * squared <= _PAIR_BYTES
        )

    def pair_degrees(self) -> NDArray[np.int32]:
        """How many masks keep both of two features, int32 `(features, features)`; `degrees` on the
        diagonal.
        """
        if self._pair_degrees is None:
            self._pair_degrees = self._pairs(np.ones(self._size, np.bool_))
        return self._pair_degrees

    def kept_pairs(
        self, inputs: NDArray[np.int64], labels: NDArray[np.int64]
    ) -> Iterator[NDArray[np.int32]]:
        """As `kept_counts`, of pairs of features, for `inputs` alone, ascending: int32 `(labels,
        features, features)`.
        """
        asked = dict(zip(inputs.tolist(), labels, strict=True))
        last, done = max(asked, default=-1), 0
        for row, cast in enumerate(islice(self.cast(), last + 1)):
            if row in asked:
                yield self._pairs_by_label([_name(cast, label) for label in asked[row].tolist()])
                done += 1
                if self._on_pairs is not None:
                    self._on_pairs(done, len(asked))

    def _pairs_by_label(self, named: list[NDArray[np.bool_]]) -> NDArray[np.int32]:
        """The pairs of each label, `(labels, features, features)`; `named[j]` says which masks name
        the j-th.

        Of the label with the most masks pairs are not counted but left: all masks' without those of
        the other labels and of no label, where no mask names two of them.
        """
        features = self._ledger.manifest.num_features
        pairs = np.empty((len(named), features, features), np.int32)
        largest = int(np.argmax([np.count_nonzero(chosen) for chosen in named]))
        apart, rest = np.sum(named, axis=0).max(initial=0) <= 1, ~named[largest]
        pairs[largest] = self.pair_degrees()
        for place, chosen in enumerate(named):
            if place != largest:
                self._fewer_pairs(chosen, pairs[place])
                if apart:
                    pairs[largest] -= pairs[place]
                    rest &= ~chosen
        if np.count_nonzero(rest) <= np.count_nonzero(named[largest]):
            pairs[largest] -= self._pairs(rest)
        else:
            self._pairs(named[largest], pairs[largest])
        return pairs

    def _fewer_pairs(self, chosen: NDArray[np.bool_], pairs: NDArray[np.int32]) -> None:
        """Write the pairs of the chosen masks; by those of the others where these are fewer."""
        if 2 * np.count_nonzero(chosen) <= len(chosen):
            self._pairs(chosen, pairs)
        else:
            np.subtract(self.pair_degrees(), self._pairs(~chosen), out=pairs)

    def _pairs(
        self, chosen: NDArray[np.bool_], pairs: NDArray[np.int32] | None = None
    ) -> NDArray[np.int32]:
        """How many of the chosen masks keep both of two features; written to `pairs`, if given."""
        features = self._ledger.manifest.num_features
        if pairs is None:
            pairs = np.empty((features, features), np.int32)
        written = False
        for start, kept in self._masks():
            some = kept[chosen[start : start + len(kept)]]
            for first in range(0, len(some), _DENSE_MASKS):
                part = some[first : first + _DENSE_MASKS]
                # what a design's mask repeats is beyond
                width = max(features, int(part.max(initial=0)) + 1)
                keeps = np.zeros((len(part), width), np.float32)
                keeps[np.arange(len(part))[:, None], part] = 1
                keeps = keeps[:, :features]
                found = keeps.T @ keeps  # whole numbers
                if written:
                    pairs += found.astype(np.int32)
                else:
                    np.copyto(pairs, found, casting="unsafe")
                    written = True
        if not written:
            pairs.fill(0)
        return pairs

    def _certifying(self, votes: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
        """What of all votes of an input counts: the first sample does not, nor do labels beyond
        `num_named`.
        """
        start = self._ledger.manifest.num_selection
        return votes[start : start + self._size, : self._num_named]

    def _masks(self) -> Iterator[tuple[int, NDArray[np.int32]]]:
        """Blocks of masks in turn, each with the place of its first among the votes."""
        if self._size <= self._block:
            if self._all is None:
                self._all = self._draw(0, self._size)
            yield 0, self._all
        else:
            for start in range(0, self._size, self._block):
                yield start, self._draw(start, min(start + self._block, self._size))

    def _draw(self, start: int, stop: int) -> NDArray[np.int32]:
        manifest = self._ledger.manifest
        if self._design is not None:
            kept = self._design.masks(start, stop)
            repeated = kept[:, 1:] == kept[:, :-1]  # what a mask names several times counts once
            kept[:, 1:][repeated] = manifest.num_features
            return kept
        return STREAMS[manifest.algorithm](
            seed=manifest.seed,
            start=manifest.num_selection + start,
            stop=manifest.num_selection + stop,
            num_features=manifest.num_features,
            num_kept=self._num_kept,
        )

    def _features(self, kept: NDArray[np.int32]) -> NDArray[np.int64]:
        features = self._ledger.manifest.num_features
        return np.bincount(kept.reshape(-1), minlength=features)[:features]

    def _features_of(
        self, kept: NDArray[np.int32], degrees: NDArray[np.int64], chosen: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """The features of the chosen masks; by those of the others where these are fewer."""
        if 2 * np.count_nonzero(chosen) <= len(chosen):
            return self._features(kept[chosen])
        return degrees - self._features(kept[~chosen])
