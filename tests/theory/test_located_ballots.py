"""Located certificates of ballots: never wrong where all is known, nor from samples too often."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.test_located_radius import KnownVotes, every_mask, share
from tests.theory.test_partition import counts_of, literal_radius, some_ballots, true_radius
from topcert.methods.located import METHOD
from topcert.methods.method import Smoothing
from topcert.noise.ablation import Ablation
from topcert.theory import located_radius as located_bounds
from topcert.theory.confidence import upper_bound
from topcert.theory.intersection import lower_bound_by_mass
from topcert.theory.located_radius import largest_possible_radius, rival_shares

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def located_radii(
    kept: Ints,
    ballots: Ints,
    labels: Ints | None,
    *,
    ks: list[int],
    alpha: float,
    classes: int,
    num_features: int,
    pairs: bool = True,
) -> Ints:
    """What the method makes of ballots `(inputs, masks, w)`, `(inputs, labels, len(ks))`."""
    return METHOD.radii(
        counts_of(ballots, classes),
        KnownVotes(kept, ballots, num_features, pairs=pairs),
        labels,
        ks=ks,
        alpha=alpha,
        smoothing=Smoothing(
            noise=Ablation(num_kept=kept.shape[1]),
            unit="pixel",
            num_features=num_features,
            num_named=ballots.shape[2],
        ),
    )


@pytest.fixture
def everything_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(located_bounds, "lower_bound", share)
    monkeypatch.setattr(located_bounds, "upper_bound", share)


def keeps_of(kept: Ints, num_features: int) -> Ints:
    keeps = np.zeros((len(kept), num_features), np.int64)
    np.put_along_axis(keeps, kept, 1, axis=1)
    return keeps


def leaning_ballots(inputs: int, kept: Ints, classes: int, num_named: int) -> Ints:
    """Random ballots, most of which name 0; in a third each all, or no, masks with some feature."""
    generator = np.random.default_rng(classes)
    likely = generator.choice([0.6, 0.8, 0.95], size=(inputs, 1))
    names_label = generator.random((inputs, len(kept))) < likely
    for row in range(inputs):
        leaning = (kept == generator.integers(kept.max() + 1)).any(axis=1)
        names_label[row, leaning] = [False, True, names_label[row, leaning]][row % 3]
    rest = np.argsort(generator.random((inputs, len(kept), classes - 1)), axis=2)[:, :, :num_named]
    ballots = 1 + rest
    ballots[:, :, 0] = np.where(names_label, 0, ballots[:, :, 0])
    return ballots


def by_theorem_1(counts: Ints, *, k: int, num_named: int, num_features: int, num_kept: int) -> int:
    """The radius of label 0 by docs/theory/located-ballots.md, from counts of all masks, in whole
    numbers.

    Without what ballots of w > c - t labels must name of t: `located` does not know of that.
    """
    masks, radius = math.comb(num_features, num_kept), -1
    strongest = np.sort(counts[1:])[-k:]
    for r in range(num_features + 1):
        void, certified = masks - math.comb(num_features - r, num_kept), False
        for t in range(1, k + 1):
            taken, named = int(strongest[:t].sum()), min(t, num_named)
            certified = certified or t * counts[0] - taken > (t + named) * void
            others = (t + 1) * (counts[0] - void) > num_named * masks
            certified = certified or (t >= num_named and bool(others))
        if not certified:
            break
        radius = r
    return radius


# features, kept, classes, named labels
SPACES = [(4, 1, 4, 2), (5, 2, 4, 2), (5, 2, 4, 3), (6, 2, 5, 2), (6, 2, 5, 3), (7, 2, 6, 2)]


def above_and_below(sizes: tuple[int, int, int, int], *, pairs: bool) -> tuple[int, int, int]:
    """How many radii exceed the true one, how many Theorem 1's, and how many there are."""
    num_features, num_kept, classes, num_named = sizes
    kept = every_mask(num_features, num_kept)
    keeps, ballots = keeps_of(kept, num_features), leaning_ballots(30, kept, classes, num_named)
    counts, found = counts_of(ballots, classes), np.zeros(3, np.int64)
    asked: dict[str, Any] = {"num_features": num_features, "classes": classes}
    space: dict[str, Any] = {"num_features": num_features, "num_kept": num_kept}
    ks = list(range(1, classes))
    named = np.zeros(len(ballots), np.int64)
    assert (np.sort(ballots, axis=2)[:, :, 1:] != np.sort(ballots, axis=2)[:, :, :-1]).all()
    ours = located_radii(kept, ballots, named, ks=ks, alpha=0.1, pairs=pairs, **asked)[:, 0]
    for row, (column, k) in itertools.product(range(len(ballots)), enumerate(ks)):
        # ties go against label 0, as it is to be strictly among the top k
        flipped = classes - 1 - ballots[row]
        true = true_radius(flipped, keeps, classes - 1, classes=classes, k=k)
        plain = by_theorem_1(counts[row], k=k, num_named=num_named, **space)
        assert ours[row, column] >= plain
        assert true >= plain
        found += [ours[row, column] > true, ours[row, column] > plain, 1]
        shares = np.sort(counts[row, 1:])[-k:].cumsum()[None] / len(kept)
        lucky = largest_possible_radius(
            counts[row, :1] / len(kept), shares, num_named=num_named, **space
        )
        assert lucky[0] >= min(true, num_features - num_kept)
    return int(found[0]), int(found[1]), int(found[2])


@pytest.mark.usefixtures("everything_known")
@pytest.mark.parametrize("sizes", SPACES)
def test_no_located_certificate_is_ever_wrong(sizes: tuple[int, int, int, int]) -> None:
    for pairs in (False, True):
        assert above_and_below(sizes, pairs=pairs)[0] == 0


@pytest.mark.usefixtures("everything_known")
def test_it_is_more_than_theorem_1() -> None:
    found = np.array([above_and_below(sizes, pairs=True) for sizes in SPACES])
    assert found[:, 1].sum() >= 3


@pytest.mark.usefixtures("everything_known")
def test_the_search_would_notice_voided_ballots_that_name_one_rival(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With (1) for w = 1: a voided mask is taken to give one vote to all of Y together."""
    monkeypatch.setattr(
        "topcert.methods.located.located_radius",
        lambda *args, **options: located_bounds.located_radius(
            *args, **{**options, "num_named": 1}
        ),
    )
    assert any(above_and_below(sizes, pairs=False)[0] for sizes in SPACES)


def test_the_truth_is_what_every_attack_finds() -> None:
    kept = every_mask(3, 1)
    keeps = keeps_of(kept, 3)
    for ballots in some_ballots(20, 3, 4, 2, seed=9):
        for label, k in itertools.product(range(4), (1, 2, 3)):
            asked = {"classes": 4, "k": k}
            true = literal_radius(ballots, keeps, label, **asked)
            assert true_radius(ballots, keeps, label, **asked) == true


# From samples: at the boundary, where one R breaks the label by nothing at all.

LEVEL = 0.1


def two_that_go_together() -> tuple[Ints, Ints]:
    """Masks and ballots of 20 classes; one changed feature breaks label 0 in the top 2.

    All masks name 0. 1 and 2 are always named together, by 75 of the 120 masks without feature 0:
    level with 0 as soon as the other 45 name them too.
    """
    kept = every_mask(11, 3)
    free = np.flatnonzero((kept > 0).all(axis=1))
    spread = free[np.argsort((free * 37) % 120, kind="stable")]
    others = 3 + np.arange(len(kept)) % 8
    ballots = np.stack([np.zeros(len(kept), np.int64), others, others + 8], axis=1)
    ballots[spread[:75], 1:] = [1, 2]
    return kept, ballots


def three_of_two() -> tuple[Ints, Ints]:
    """The same for k = 3 and ballots of 2: 33, 22, 22 and 22 of 55 masks, and 11 voided ones.

    3 * 33 = 66 + 33 is 3 s = q + w (1 - beta) only where each voided ballot names 3; it names 2.
    """
    kept = every_mask(12, 2)
    free = np.flatnonzero((kept > 0).all(axis=1))
    spread = free[np.argsort((free * 29) % 55, kind="stable")]
    ballots = np.stack([np.full(len(kept), 0), np.full(len(kept), 4)], axis=1)
    stay = {0: 32, 1: 25, 2: 25, 3: 24, 4: 4}
    assert 3 * stay[0] == stay[1] + stay[2] + stay[3] + 2 * 11
    cards = np.repeat(list(stay), list(stay.values()))
    ballots[spread] = cards.reshape(2, 55).T
    assert (ballots[:, 0] != ballots[:, 1]).all()
    return kept, ballots


EDGES = {2: (two_that_go_together, 20, 1500), 3: (three_of_two, 5, 400)}


def failures(k: int, *, named: bool, trials: int) -> float:
    """The share of samples in which label 0 gets a radius of 1 or more."""
    make, classes, size = EDGES[k]
    kept, ballots = make()
    asked: dict[str, Any] = {
        "alpha": LEVEL,
        "classes": classes,
        "num_features": int(kept.max()) + 1,
    }
    generator, wrong = np.random.default_rng(k), 0
    for _ in range(trials):
        drawn = generator.integers(0, len(kept), size)
        cast = ballots[drawn][None]
        labels = np.array([0]) if named else None
        found = located_radii(kept[drawn], cast, labels, ks=[k], pairs=False, **asked)[0, :, 0]
        shown = (
            [0] if named else np.argsort(-counts_of(cast, classes)[0], kind="stable")[:k].tolist()
        )
        wrong += bool(0 in shown and found[shown.index(0)] >= 1)
    return wrong / trials


@pytest.mark.parametrize("k", EDGES)
def test_the_edge_is_one(k: int) -> None:
    make, classes, _ = EDGES[k]
    kept, ballots = make()
    keeps = keeps_of(kept, int(kept.max()) + 1)
    assert true_radius(classes - 1 - ballots, keeps, classes - 1, classes=classes, k=k) == 0


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("k", EDGES)
def test_from_samples_it_fails_no_more_often_than_alpha(k: int, named: bool) -> None:
    trials = 200
    allowed = LEVEL + 4 * math.sqrt(LEVEL * (1 - LEVEL) / trials)
    assert failures(k, named=named, trials=trials) <= allowed


def test_labels_that_go_together_are_no_one_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive bound takes the namings of 1 and 2 for so many votes, as is right for w = 1."""

    def pooled(rivals: Ints, *, trials: Ints, error: float, k: int, among: int, **_: int) -> Floats:
        together = np.minimum(
            np.cumsum(rivals, axis=-1), trials.reshape(-1, *[1] * (rivals.ndim - 1))
        )
        several = [
            upper_bound(together[..., t - 1], trials[:, None], error / among / math.comb(among, t))
            for t in range(1, k + 1)
        ]
        return np.stack(several, axis=-1)

    monkeypatch.setattr("topcert.methods.located.rival_shares", pooled)
    assert failures(2, named=True, trials=200) > 1.5 * LEVEL


@pytest.mark.usefixtures("everything_known")
@pytest.mark.parametrize("k", EDGES)
def test_the_count_of_failures_sees_shares_passed_off_as_bounds(k: int) -> None:
    assert failures(k, named=True, trials=60) > 2 * LEVEL


def test_each_rival_is_asked_for_by_itself() -> None:
    rivals, trials = np.array([[10, 20, 40]]), np.array([100])
    found = rival_shares(rivals, trials=trials, error=0.03, k=3, among=4, num_named=2)
    assert found[0].tolist() == np.cumsum(upper_bound(rivals[0], 100, 0.03 / 4)).tolist()
    none = rival_shares(rivals, trials=trials, error=1e-14, k=3, among=40, num_named=2)
    assert none[0].tolist() == [1.0, 2.0, 3.0]


def test_probabilities_of_picked_labels_sum_to_the_names_of_a_ballot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lemmas 2 and 4: what is in proportion to a probability is divided by their sum."""
    asked: list[float] = []

    def listened(counts: Ints, trials: Ints, error: float) -> Floats:
        asked.append(error)
        return lower_bound_by_mass(counts, trials, error)

    monkeypatch.setattr("topcert.methods.located.lower_bound_by_mass", listened)
    kept = every_mask(6, 2)
    ballots = some_ballots(1, len(kept), 5, 3, seed=1)
    located_radii(kept, ballots, None, ks=[2], alpha=0.12, classes=5, num_features=6)
    assert asked
    assert all(error == pytest.approx(0.12 / 4 / 3) for error in asked)
