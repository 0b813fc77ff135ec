"""Which inputs a stopping rule still has votes cast for, from the votes so far.

It is not stored: it follows from the votes, and for a rule that asks for them from their masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.theory.evidence_rules import VoteDetails
from topcert.theory.located_ballots import JointAndSurviving
from topcert.theory.ranking import most_voted
from topcert.theory.stopping_rules import Stopping
from topcert.theory.stopping_test import StoppingTest
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.replay import ReplayedMasks
from topcert.voting.some_votes import SomeVotes
from topcert.voting.stages import Stage


def stopping_test_of(manifest: Manifest) -> StoppingTest | None:
    """What decides where inputs stop; None where their number of votes was set beforehand. Raises
    ValueError for a rule that this release does not know.
    """
    if manifest.stopping == FIXED:
        return None
    rule = Stopping.read(manifest.stopping)
    fits = rule.k < manifest.num_classes and rule.num_named == manifest.depth
    if not manifest.noise.stops or rule.selects != bool(manifest.num_selection) or not fits:
        raise ValueError(
            f"the manifest's stopping is {manifest.stopping!r}, which does not go with its other"
            " entries"
        )
    return StoppingTest(
        rule,
        num_classes=manifest.num_classes,
        num_features=manifest.num_features,
        num_kept=of_law(manifest.noise, Ablation).kept,
        max_votes=manifest.num_samples,
        batch_size=manifest.batch_size,
    )


def selected_labels(
    votes: NDArray[np.unsignedinteger], *, num_classes: int, asked: int
) -> NDArray[np.int64]:
    """The labels named most by the votes `(inputs, votes, depth)` of a first sample, int64
    `(inputs, asked)`, the most voted first (ties: lower index first).
    """
    counts = [np.bincount(cast.reshape(-1), minlength=num_classes) for cast in votes]
    return most_voted(np.stack(counts), asked)


@final
class OpenInputs:
    """The votes so far of all inputs of a run under a stopping rule, and what they answer."""

    def __init__(self, manifest: Manifest, stopping_test: StoppingTest) -> None:
        self._manifest, self._test = manifest, stopping_test
        self._counts = np.zeros((manifest.num_inputs, manifest.num_classes), np.int64)
        # all votes so far, for a rule that needs them
        self._votes: dict[int, NDArray[np.unsignedinteger]] = {}

    def add(self, stage: Stage, votes: NDArray[np.unsignedinteger]) -> None:
        """Count the votes `(inputs, votes, depth)` of the next stage."""
        for position, cast in zip(stage.inputs.tolist(), votes, strict=True):
            certifying = cast if stage.start else cast[self._manifest.num_selection :]
            self._counts[position] += np.bincount(
                certifying.reshape(-1), minlength=self._manifest.num_classes
            )
            if self._test.needs_votes:
                self._votes[position] = (
                    np.concatenate([self._votes[position], cast]) if stage.start else cast
                )

    def still_open(self, inputs: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `inputs`, which have as many votes each, that do not stop for all of their
        labels; `labels` `(inputs, asked)` are of all inputs.
        """
        counts, stopped = self._counts[inputs], np.ones(len(inputs), np.bool_)
        for asked in labels.T:
            stopped &= self._test.stops(counts, asked[inputs], self.details(inputs, asked))
        return inputs[~stopped]

    def by_votes_spent(
        self, labels: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], VoteDetails]]:
        """The inputs that stopped at one look, and `details` of them; all in turn."""
        spent = self._counts.sum(axis=1) // self._manifest.depth
        for number in np.unique(spent):
            inputs = np.flatnonzero(spent == number)
            yield inputs, self.details(inputs, labels)

    def details(self, inputs: NDArray[np.int64], labels: NDArray[np.int64]) -> VoteDetails:
        """What the rule needs beside counts of the votes so far of `inputs`, all of which have the
        same number of them.
        """
        if not self._test.needs_votes:
            return None
        cast = [self._votes[position] for position in inputs.tolist()]
        counts, named = self._counts[inputs], labels[inputs]
        joint = None
        if self._test.needs_ballots:
            certifying = (votes[self._manifest.num_selection :] for votes in cast)
            joint = self._test.joint(counts, named, certifying)
        if not self._test.needs_masks:
            return joint
        votes = SomeVotes(manifest=self._manifest, votes=cast)
        masks = ReplayedMasks(votes, first=len(cast[0]) - self._manifest.num_selection)
        kept = masks.kept_counts(self._test.near(counts, named))
        surviving = self._test.surviving(counts, named, kept, masks.degrees())
        return surviving if joint is None else JointAndSurviving(joint=joint, surviving=surviving)
