"""The method `run-off`: what it shows, what it certifies, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_sampled_method
from topcert.noise.ablation import Ablation
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.runoff_radius import rounds_radius, runoff_radius, winner


class Ballots:
    """Ballots `(inputs, masks, ranks)` of the masks of rounds."""

    counts_pairs = False

    def __init__(self, ballots: NDArray[np.int64], round_size: int) -> None:
        self.ballots, self.round_size = ballots, round_size

    def cast(self) -> Iterator[NDArray[np.int64]]:
        yield from self.ballots

    def degrees(self) -> NDArray[np.int64]:
        return np.ones(40, np.int64)


def ranked(inputs: int, masks: int, classes: int, ranks: int) -> NDArray[np.int64]:
    generator = np.random.default_rng(5)
    liked = 3 * generator.random((inputs, 1, classes))
    return np.argsort(-(liked + generator.gumbel(size=(inputs, masks, classes))), axis=2)[
        :, :, :ranks
    ]


def certified(
    votes: Ballots, labels: NDArray[np.int64] | None, choice: LabelChoice, k: int = 1
) -> CertificateTable:
    ranks = votes.ballots.shape[2]
    counts = np.array([np.bincount(ballots.reshape(-1), minlength=6) for ballots in votes.ballots])
    return certify(
        find_sampled_method("run-off"),
        counts,
        smoothing=Smoothing(
            noise=Ablation(num_kept=2), unit="pixel", num_features=40, num_named=ranks
        ),
        labels=labels,
        label_choice=choice,
        ks=[k],
        alpha=0.0,
        votes=votes,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(("ranks", "round_size"), [(1, 20), (3, 20), (5, 20), (5, 10)])
def test_it_shows_and_certifies_the_winner(ranks: int, round_size: int) -> None:
    votes = Ballots(ranked(60, 20, 6, ranks), round_size)
    made = certified(votes, None, "predicted")
    winners = [winner(ballots, 6) for ballots in votes.ballots]
    assert made.label.tolist() == winners
    shared = {"classes": 6, "num_features": 40}
    for row, ballots in enumerate(votes.ballots):
        one = runoff_radius(ballots, winners[row], **shared)
        several = rounds_radius(ballots, winners[row], **shared, round_size=round_size)
        assert made.radius[row] == (one if round_size == 20 else several)
    assert made.radius.min() >= 0
    assert made.radius.max() > 1
    firsts = np.array(
        [np.bincount(ballots[:, 0], minlength=6).argmax() for ballots in votes.ballots]
    )
    named = np.array(
        [np.bincount(ballots.reshape(-1), minlength=6).argmax() for ballots in votes.ballots]
    )
    if ranks > 1:  # a label that is the most voted, by first places or by all, is not what is shown
        assert (firsts != winners).any()
        assert (named != winners).any()
    given = certified(votes, firsts, "given")
    assert given.label.tolist() == firsts.tolist()
    assert ((given.radius == ABSTAIN) == (firsts != winners)).all()
    assert (given.radius[firsts == winners] == made.radius[firsts == winners]).all()


def test_one_k_alone() -> None:
    with pytest.raises(ValueError, match="run-off certifies k = 1 only"):
        certified(Ballots(ranked(2, 20, 6, 3), 20), None, "predicted", k=2)
