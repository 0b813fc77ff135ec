"""How many labels stay, asked of votes."""

from __future__ import annotations

import numpy as np
import pytest

import topcert
from topcert.methods.ablation import METHOD
from topcert.methods.method import Smoothing
from topcert.methods.stay import stay_radii
from topcert.theory.ranking import most_voted


def shares(batch: np.ndarray) -> np.ndarray:
    return batch[:, :5]


@pytest.fixture(scope="module")
def votes() -> topcert.Votes:
    smoothed = topcert.SmoothedClassifier(shares, noise=topcert.Ablation(num_kept=5))
    x = np.random.default_rng(0).random((6, 20)) + np.linspace(1, 0, 20)
    return smoothed.vote(x, num_samples=600, num_selection=50, progress=False)


def test_sets_are_given_predicted_or_selected(votes: topcert.Votes) -> None:
    smoothing = Smoothing(noise=votes.manifest.noise, unit="column", num_features=20)
    asked = {"k": 2, "alpha": 0.01, "smoothing": smoothing}
    selected = most_voted(votes.ledger.selection_counts(), 2)
    for sets, expected in (("predicted", None), ("selected", selected), ([[0, 1, 4]] * 6,) * 2):
        chosen = None if expected is None else np.asarray(expected)
        for bounds in (None, "intersection-union"):
            found = votes.stay_radii(sets, k=2, alpha=0.01, bounds=bounds)
            true = stay_radii(METHOD, votes.counts, chosen, bounds=bounds, **asked)
            assert (found == true).all()
    assert votes.stay_radii().shape == (6, 3)


def test_predictions_say_the_same_and_how_many_stay(votes: topcert.Votes) -> None:
    smoothed = topcert.SmoothedClassifier(shares, noise=topcert.Ablation(num_kept=5))
    x = np.random.default_rng(0).random((6, 20)) + np.linspace(1, 0, 20)
    made = smoothed.predict(x, k=3, num_samples=600, seed=0, progress=False)
    assert (made.stay == votes.stay_radii(k=3)).all()
    assert (made.num_staying(0) == (made.stay >= 0).sum(axis=1)).all()
    assert made.num_staying(0).max() > made.num_staying(5).max()
    assert (made[1:3].stay == made.stay[1:3]).all()
    with pytest.raises(ValueError, match="radius must be at least 0, got -1"):
        made.num_staying(-1)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ("shown", "sets must be labels of each input"),
        ([[0, 9]] * 6, "label 9 is out of range"),
        ([[0]], r"sets of labels must be integers of shape \(6, labels\)"),
    ],
)
def test_what_is_no_set_is_refused(votes: topcert.Votes, sets: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        votes.stay_radii(sets)


def test_votes_of_a_design_or_without_a_first_sample_are_refused() -> None:
    x = np.random.default_rng(0).random((2, 20))
    noise = topcert.Ablation(num_kept=5, design="partitions")
    made = topcert.SmoothedClassifier(shares, noise=noise).vote(x, num_samples=8, progress=False)
    with pytest.raises(ValueError, match="with independent masks"):
        made.stay_radii()
    noise = topcert.Ablation(num_kept=5)
    made = topcert.SmoothedClassifier(shares, noise=noise).vote(x, num_samples=8, progress=False)
    with pytest.raises(ValueError, match="selected sets need a first sample"):
        made.stay_radii("selected")
