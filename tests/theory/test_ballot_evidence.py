"""Evidence from ballots: it is that of one who bets ballot by ballot, and nobody gains while a
label is broken.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.ballots import SPACE, all_ballots, named
from topcert.theory.ballot_evidence import BallotBets, ballot_evidence, make_ballot_bets
from topcert.theory.counting import survival
from topcert.theory.evidence import MAX_VOTES, evidence, make_bets
from topcert.theory.joint import Parts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def bets_for(k: int, w: int, classes: int, **space: int) -> BallotBets:
    return make_ballot_bets(
        k=k, num_named=w, num_classes=classes, max_votes=400, **(space or SPACE)
    )


def some_ballots(votes: int, w: int, classes: int, seed: int = 0) -> Ints:
    """Ballots that lean on low labels, `(votes, w)`."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(votes, classes)) - 0.7 * np.arange(classes)
    return np.argsort(-scores, axis=1)[:, :w]


def counted(ballots: Ints, classes: int) -> Ints:
    return np.bincount(ballots.reshape(-1), minlength=classes)


def capital_of(bets: BallotBets, ballots: Ints, rivals: tuple[int, ...], r: int) -> float:
    """What one has who bets against all parts of these rivals, ballot by ballot."""
    total, w = 0.0, bets.parts.num_named
    for t in bets.parts.sizes:
        for part in itertools.combinations(rivals, t):
            for share in range(bets.gains[t].shape[2]):
                one = math.exp(bets.begun[t][share])
                for ballot in ballots.tolist():
                    x = t * (0 in ballot) - sum(label in part for label in ballot)
                    one *= math.exp(bets.gains[t][x + min(t, w), r, share])
                total += one
    if bets.alone is not None and bets.begun_alone is not None:
        for share in range(bets.alone.shape[2]):
            one = math.exp(bets.begun_alone[share])
            for ballot in ballots.tolist():
                one *= math.exp(bets.alone[int(0 in ballot), r, share])
            total += one
    return total


CASES = [(1, 2, 4), (2, 2, 4), (2, 3, 5), (3, 2, 5), (3, 3, 4), (1, 3, 4)]


@pytest.mark.parametrize(("k", "w", "classes"), CASES)
def test_it_is_the_least_capital_of_all_who_bet_ballot_by_ballot(
    k: int, w: int, classes: int
) -> None:
    bets, ballots = bets_for(k, w, classes), some_ballots(25, w, classes)
    joint = bets.parts.joint(counted(ballots, classes)[None], np.zeros(1, np.int64), [ballots])
    found = np.exp(ballot_evidence(bets, joint)[0])
    for r in (0, 1, bets.num_radii - 1):
        sets = itertools.combinations(range(1, classes), k)
        least = min(capital_of(bets, ballots, rivals, r) for rivals in sets)
        assert found[r] == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize(("k", "w", "classes"), [(1, 2, 6), (2, 2, 7), (2, 3, 7), (3, 2, 7)])
@pytest.mark.parametrize("near", [1, 2, 3])
def test_what_is_known_of_far_rivals_is_never_too_much(
    monkeypatch: pytest.MonkeyPatch, k: int, w: int, classes: int, near: int
) -> None:
    monkeypatch.setattr("topcert.theory.joint.MOST_NEAR", near)
    bets = bets_for(k, w, classes)
    assert (bets.parts.near, bets.parts.far) == (near, min(k, classes - 1 - near))
    for seed in range(4):
        ballots = some_ballots(12, w, classes, seed)
        joint = bets.parts.joint(counted(ballots, classes)[None], np.zeros(1, np.int64), [ballots])
        found = np.exp(ballot_evidence(bets, joint)[0])
        for r in (0, bets.num_radii - 1):
            sets = itertools.combinations(range(1, classes), k)
            least = min(capital_of(bets, ballots, rivals, r) for rivals in sets)
            assert found[r] <= least * (1 + 1e-9)


def test_far_rivals_that_are_never_named_with_others_cost_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Label 0 or 2, with what is far: then the worst that the counts allow is what there is.
    ballots = np.array([[0, 3]] * 9 + [[1, 2]] * 3)
    found = []
    for near in (9, 2):
        monkeypatch.setattr("topcert.theory.joint.MOST_NEAR", near)
        bets = bets_for(2, 2, 4)
        joint = bets.parts.joint(counted(ballots, 4)[None], np.zeros(1, np.int64), [ballots])
        found.append(ballot_evidence(bets, joint)[0])
    assert (found[1] <= found[0] + 1e-9).all()
    assert found[1][0] > -math.inf


def test_one_label_a_ballot_is_the_evidence_of_counts() -> None:
    # The bet on the label alone, which counts of single votes do not need, is taken out of the
    # comparison.
    generator = np.random.default_rng(2)
    for k in (1, 2, 3):
        bets, old = bets_for(k, 1, 5), make_bets(k=k, max_votes=400, **SPACE)
        ballots = generator.choice(5, p=[0.7, 0.1, 0.1, 0.05, 0.05], size=(60, 1))
        counts = counted(ballots, 5)
        joint = bets.parts.joint(counts[None], np.zeros(1, np.int64), [ballots])
        found = ballot_evidence(bets, joint)
        wanted = evidence(old, counts[:1], np.sort(counts[1:])[None, -k:], np.array([60]))
        assert bets.num_radii == old.won.shape[1]
        assert (found >= wanted - math.log((k + 1) / k) - 1e-9).all()
        for t in range(1, k + 1):
            assert bets.gains[t][-1] == pytest.approx(old.won[t - 1], abs=1e-14)
            assert bets.gains[t][0] == pytest.approx(old.lost[t - 1], abs=1e-14)
            assert bets.gains[t][1] == pytest.approx(old.even[t - 1], abs=1e-14)


# Broken labels, found by trying every change.


def broken(num_masks: int, w: int, classes: int, k: int, r: int) -> NDArray[np.int64]:
    """All classifiers (which ballot each of `num_masks` masks of one feature casts, `(found,
    masks)`) whose label 0 some change of r features puts out of the top k, ties against it.
    """
    named_labels = named(all_ballots(w, classes), classes).astype(np.int64)
    every = np.array(list(itertools.product(range(len(named_labels)), repeat=num_masks)))
    out = np.zeros(len(every), np.bool_)
    new = np.array(list(itertools.product(range(len(named_labels)), repeat=r)), np.int64)
    new = new.reshape(len(named_labels) ** r, r)
    for changed in itertools.combinations(range(num_masks), r):
        rest = named_labels[np.delete(every, changed, axis=1)].sum(axis=1)
        for put in new:
            after = rest + named_labels[put].sum(axis=0)
            out |= (after[:, 1:] >= after[:, :1]).sum(axis=1) >= k
    return every[out]


BROKEN = [
    (4, 2, 3, 2, 1),
    (4, 1, 4, 2, 1),
    (5, 2, 4, 1, 1),
    (4, 2, 4, 2, 1),
    (4, 2, 4, 3, 1),
    (4, 3, 4, 3, 1),
    (5, 2, 3, 2, 1),
    (5, 3, 4, 3, 1),
    (5, 3, 4, 3, 2),
    (4, 2, 4, 2, 0),
    (4, 3, 4, 1, 0),
]


@pytest.mark.parametrize(("masks", "w", "classes", "k", "r"), BROKEN)
def test_nobody_gains_while_the_label_is_broken(
    masks: int, w: int, classes: int, k: int, r: int
) -> None:
    bets = bets_for(k, w, classes, num_features=masks, num_kept=1)
    assert r < bets.num_radii, "no votes prove this radius: nothing is tested"
    named_labels = named(all_ballots(w, classes), classes)
    found, tight = broken(masks, w, classes, k, r), 0
    assert 0 < len(found) < len(named_labels) ** masks
    for cast in named_labels[found]:
        counts = cast.sum(axis=0)
        likeliest = (1 + np.argsort(-counts[1:], kind="stable"))[:k]
        for t in bets.parts.sizes:
            for part in itertools.combinations(likeliest.tolist(), t):
                x = t * cast[:, 0] - cast[:, part].sum(axis=1)
                # one more ballot, by share
                mean = np.exp(bets.gains[t][x + min(t, w), r]).mean(axis=0)
                assert (mean <= 1 + 1e-12).all()
                tight += int((mean > 1 - 1e-12).any())
        if bets.alone is not None:
            assert (np.exp(bets.alone[cast[:, 0].astype(int), r]).mean(axis=0) <= 1 + 1e-12).all()
    assert tight > 0


def test_a_bar_for_one_label_a_ballot_gains_while_the_label_is_broken() -> None:
    ballots = np.array([[0, 3], [0, 1], [0, 1], [0, 2], [0, 2], [1, 2]])
    changed = ballots.copy()
    changed[0] = (1, 2)  # one feature of six, each mask keeping one
    assert counted(changed, 4).tolist() == [4, 4, 4, 0]  # out of the top 2
    cast = named(ballots, 4).astype(int)
    x = 2 * cast[:, 0] - cast[:, 1] - cast[:, 2]
    bar, naive = 4 / 6, 3 / 6
    assert np.mean(1 + 0.98 * (x - bar) / (2 + bar)) == pytest.approx(1)
    assert np.mean(1 + 0.98 * (x - naive) / (2 + naive)) > 1.05


def test_what_is_bet_sums_to_one_and_no_ballot_ruins() -> None:
    for k, w, classes in [*CASES, (3, 2, 10), (3, 3, 10), (5, 2, 10)]:
        bets = bets_for(k, w, classes)
        total = sum(math.comb(k, t) * np.exp(bets.begun[t]).sum() for t in bets.parts.sizes)
        total += 0.0 if bets.begun_alone is None else np.exp(bets.begun_alone).sum()
        assert total == pytest.approx(1.0, abs=1e-12)
        every = [*bets.gains.values(), *([] if bets.alone is None else [bets.alone])]
        assert min(np.exp(gains).min() for gains in every) >= 0.02 - 1e-12


def test_at_the_scale_for_one_label_a_ballot_the_capital_goes_below_nothing() -> None:
    for r in range(bets_for(3, 2, 10).num_radii):
        touched = 1 - survival(**SPACE).floats[r]
        assert 1 + 0.98 * (-2 - 5 * touched) / (1 + 5 * touched) < 0  # two of three rivals named
    assert np.isfinite(bets_for(3, 2, 10).gains[3]).all()


def test_evidence_falls_as_the_radius_grows() -> None:
    for k, w, classes in CASES:
        bets, ballots = bets_for(k, w, classes), some_ballots(60, w, classes)
        joint = bets.parts.joint(counted(ballots, classes)[None], np.zeros(1, np.int64), [ballots])
        assert (np.diff(ballot_evidence(bets, joint)[0]) <= 1e-12).all()


def test_many_inputs_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    bets = bets_for(2, 2, 5)
    every = [some_ballots(30, 2, 5, seed) for seed in range(7)]
    counts = np.stack([counted(ballots, 5) for ballots in every])
    joint = bets.parts.joint(counts, np.arange(7) % 3, every)
    whole = ballot_evidence(bets, joint)
    monkeypatch.setattr("topcert.theory.ballot_evidence._CELLS", 1)
    assert np.allclose(ballot_evidence(bets, joint), whole, rtol=1e-12, atol=1e-12)


def test_overwhelming_evidence_does_not_overflow() -> None:
    bets = bets_for(3, 2, 5)
    ballots = np.array([[0, 1], [0, 2], [0, 3], [0, 4]] * 5000)
    joint = bets.parts.joint(counted(ballots, 5)[None], np.zeros(1, np.int64), [ballots])
    found = ballot_evidence(bets, joint)[0]
    assert 100 < found[0] < math.inf
    lost = bets.parts.joint(counted(ballots, 5)[None], np.full(1, 4), [ballots[:, ::-1]])
    assert (ballot_evidence(bets, lost)[0] < 0).all()


@pytest.mark.parametrize(
    ("k", "w", "votes", "message"),
    [
        (0, 2, 10, "k must lie in 1 .. classes - 1 = 4, got 0"),
        (5, 2, 10, "k must lie in 1 .. classes - 1 = 4, got 5"),
        (2, 5, 10, "num_named must lie in 1 .. classes - 1 = 4, got 5"),
        (2, 2, MAX_VOTES + 1, "votes that are looked at as they come"),
    ],
)
def test_what_is_out_of_range_is_refused(k: int, w: int, votes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_ballot_bets(k=k, num_named=w, num_classes=5, max_votes=votes, **SPACE)


def test_ballots_that_were_not_counted_are_refused() -> None:
    parts, ballots = Parts(k=2, num_named=2, num_classes=5), some_ballots(9, 2, 5)
    counts = counted(ballots, 5)
    for other in (ballots[1:], ballots[:, :1]):
        with pytest.raises(ValueError, match="input 0: its ballots of 2 are not those counted"):
            parts.joint(counts[None], np.zeros(1, np.int64), [other])


@pytest.mark.parametrize(
    ("k", "w", "classes"), [(1, 2, 10), (3, 2, 10), (3, 3, 10), (5, 2, 1000), (10, 2, 1000)]
)
def test_the_parts_that_are_looked_at_stay_few(k: int, w: int, classes: int) -> None:
    parts = Parts(k=k, num_named=w, num_classes=classes)
    assert parts.sets.shape[1] <= 512
    assert parts.near == 9 or k > 3
    # Every set of k rivals has C(k, t) parts of t.
    sizes = np.concatenate([np.full(len(group.chosen), group.size) for group in parts.groups])
    for t in parts.sizes:
        assert (parts.sets[:, sizes == t].sum(axis=1) == math.comb(k, t)).all()
