"""Stopping with ballots: wrong no more often than alpha, whoever is named with whom."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.ballots import CLASSES, SPACE, all_ballots, at_the_edge, holds, named
from topcert.theory.ballot_evidence import ballot_evidence, make_ballot_bets
from topcert.theory.counting import survival
from topcert.theory.evidence import evidence, make_bets, proven_radius
from topcert.theory.stopping_rules import Stopping
from topcert.theory.stopping_test import StoppingTest

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Proves = Callable[[StoppingTest, Ints, Ints], Ints]

ALPHA = 0.05
DRAWS = 200
CAP = 240
AT_MOST = ALPHA + 5 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)


def stopping_test(
    k: int,
    w: int,
    *,
    question: str = "exact",
    cap: int = CAP,
    batch: int = 12,
    alpha: float = ALPHA,
) -> StoppingTest:
    rule = Stopping(question=question, k=k, alpha=alpha, num_named=w)
    return StoppingTest(rule, num_classes=CLASSES, max_votes=cap, batch_size=batch, **SPACE)


def counts_of(ballots: Ints) -> Ints:
    """`(draws, classes)` of ballots `(draws, votes, w)`."""
    return np.stack([(ballots == label).sum(axis=(1, 2)) for label in range(CLASSES)], axis=1)


def by_ballots(rule: StoppingTest, ballots: Ints, counts: Ints) -> Ints:
    labels = np.zeros(len(counts), np.int64)
    return rule.proven(counts, labels, rule.joint(counts, labels, ballots))


def wrong_claims(
    rule: StoppingTest, every: Ints, chances: Floats, radius: int, proves: Proves
) -> float:
    """The share of draws in which label 0 is claimed, at any look, at a radius that it has not."""
    drawn = np.random.default_rng(5).choice(len(every), p=chances, size=(DRAWS, rule.looks[-1]))
    ever = np.zeros(DRAWS, np.bool_)
    for look in rule.looks:
        ballots = every[drawn[:, :look]]
        ever |= proves(rule, ballots, counts_of(ballots)) >= radius
    return float(ever.mean())


KINDS = [(1, 2), (1, 3), (2, 2), (2, 3), (3, 2), (3, 3)]


@pytest.mark.parametrize("design", ["even", "one", "together", "apart", "beside"])
@pytest.mark.parametrize(("k", "w"), KINDS)
def test_claims_are_wrong_no_more_often_than_alpha(k: int, w: int, design: str) -> None:
    chances = at_the_edge(1, k=k, num_named=w, design=design)
    assert 0 < chances @ named(all_ballots(w))[:, 0] <= 1
    assert wrong_claims(stopping_test(k, w), all_ballots(w), chances, 1, by_ballots) <= AT_MOST


def test_looking_often_uses_much_of_the_level_and_no_more() -> None:
    # Label 0 is always named, 1 all but twice the share of masks that one feature takes: the edge
    # is sharp.
    gone = 1 - survival(**SPACE).floats[1]
    ballots = np.array([[0, 1], [0, 2], [0, 3], [0, 4]])
    chances = np.array([1 - 2 * gone, *[2 * gone / 3] * 3])
    found = wrong_claims(stopping_test(1, 2, batch=4, alpha=0.2), ballots, chances, 1, by_ballots)
    assert 0.06 < found < 0.2 + 5 * math.sqrt(0.2 * 0.8 / DRAWS)


# Versions that look right and are not, each on ballots that show it.

TOGETHER = (np.array([[0, 1], [1, 2], [1, 3]]), np.array([0.9, 0.05, 0.05]), 2)  # 1 is always there
# 2 is level with label 0, which is broken; 1 is nearly level, and nearly always named with label 0.
HIDDEN = (np.array([[0, 1], [0, 3], [2, 4]]), np.array([0.45, 0.05, 0.5]), 0)


def by_counts_alone(rule: StoppingTest, ballots: Ints, counts: Ints) -> Ints:
    """As if each vote were one label's: a bet wins those of the label and loses the rivals'."""
    bets = make_bets(k=1, max_votes=rule.looks[-1], **SPACE)
    trials = np.full(len(counts), ballots.shape[1])
    rivals = np.minimum(counts[:, 1:].max(axis=1), trials - counts[:, 0])
    return proven_radius(evidence(bets, counts[:, 0], rivals[:, None], trials), ALPHA)


def by_the_most_named(rule: StoppingTest, ballots: Ints, counts: Ints) -> Ints:
    """The set of the rivals named most in place of all sets: label 0 against the most named one."""
    bets = make_ballot_bets(
        k=1, num_named=2, num_classes=CLASSES, max_votes=rule.looks[-1], **SPACE
    )
    labels = np.zeros(len(counts), np.int64)
    joint = bets.parts.joint(counts, labels, ballots)
    first = bets.parts.sets[:1] * 0
    first[0, 0] = 1  # near rivals stand in order of their counts
    bets.parts.sets = first
    return proven_radius(ballot_evidence(bets, joint), ALPHA)


@pytest.mark.parametrize(
    ("shown", "naive"), [(TOGETHER, by_counts_alone), (HIDDEN, by_the_most_named)]
)
def test_versions_that_know_less_fail_where_this_one_does_not(
    shown: tuple[Ints, Floats, int], naive: Proves
) -> None:
    ballots, chances, radius = shown
    rule = stopping_test(1, 2)
    assert wrong_claims(rule, ballots, chances, radius, naive) > AT_MOST
    assert wrong_claims(rule, ballots, chances, radius, by_ballots) <= AT_MOST


def test_the_rivals_named_most_need_not_have_the_least_evidence() -> None:
    ballots = np.array([[0, 1]] * 60 + [[0, 2]] * 2 + [[2, 3]] * 55)
    bets = make_ballot_bets(k=1, num_named=2, num_classes=CLASSES, max_votes=400, **SPACE)
    counts = counts_of(ballots[None])
    assert counts[0, 1] > counts[0, 2]
    joint = bets.parts.joint(counts, np.zeros(1, np.int64), ballots[None])
    least = ballot_evidence(bets, joint)[0, 0]
    single = bets.parts.sets
    bets.parts.sets = single[single[:, 0] > 0]
    assert ballot_evidence(bets, joint)[0, 0] > least + 1


# What stops, and what is settled.


def test_what_is_far_from_the_question_stops_early_and_what_is_near_goes_on() -> None:
    rule = stopping_test(1, 2, question="radius=2", cap=100_000, alpha=0.001)
    sure = np.array([[0, 1 + vote % 4] for vote in range(96)])
    lost = np.array([[1, 2 + vote % 3] for vote in range(96)])
    near = np.array([[0, 1 + vote % 4] if vote < 72 else [1, 2] for vote in range(96)])
    ballots, labels = np.stack([sure, lost, near]), np.zeros(3, np.int64)
    counts = counts_of(ballots)
    joint = rule.joint(counts, labels, ballots)
    assert rule.proven(counts, labels, joint)[0] >= 2
    assert rule.stops(counts, labels, joint).tolist() == [True, True, False]


@pytest.mark.parametrize("question", ["radius=1", "table", "exact"])
def test_at_the_cap_everything_stops(question: str) -> None:
    rule = stopping_test(2, 2, question=question, cap=40)
    ballots = np.array([[[0, 1]] * 25 + [[1, 2]] * 15])
    counts, labels = counts_of(ballots), np.zeros(1, np.int64)
    assert rule.stops(counts, labels, rule.joint(counts, labels, ballots)).all()


@pytest.mark.parametrize(("k", "w"), [(1, 2), (2, 2), (3, 2), (3, 3)])
def test_a_question_is_settled_when_both_sides_agree(k: int, w: int) -> None:
    rule = stopping_test(k, w, question="radius=1", cap=4000, alpha=0.01)
    every, generator = all_ballots(w), np.random.default_rng(0)
    named_labels = named(every)
    sure = (
        named_labels[:, 0] & ~(named_labels[:, 1] & named_labels[:, 2])
        if k == 1
        else named_labels[:, 0]
    )
    edge = at_the_edge(1, k=k, num_named=w, design="even")
    chances = [sure / sure.sum(), ~named_labels[:, 0] / (~named_labels[:, 0]).sum(), edge]
    ballots = np.stack([every[generator.choice(len(every), p=p, size=2000)] for p in chances])
    counts, labels = counts_of(ballots), np.zeros(3, np.int64)
    joint = rule.joint(counts, labels, ballots)
    assert rule.settled(counts, labels, joint).tolist() == [True, True, False]
    assert rule.proven(counts, labels, joint)[0] >= 1


@pytest.mark.parametrize(("k", "w"), [(1, 2), (2, 2), (3, 2), (3, 3), (2, 3)])
def test_no_radius_is_beyond_what_bounds_leave(k: int, w: int) -> None:
    """With exact shares the most that is left is the radius of Theorem 1 for ballots."""
    rule, every, generator = stopping_test(k, w), all_ballots(w), np.random.default_rng(1)
    beta = survival(**SPACE, k=k).floats
    weights = generator.dirichlet(np.full(len(every), 0.3), size=40) + 2 * named(every)[
        :, 0
    ] * generator.random((40, 1))
    weights /= weights.sum(axis=1, keepdims=True)
    n = 10**6
    counts = np.round(weights @ named(every) * n).astype(np.int64)
    counts[:, -1] += w * n - counts.sum(axis=1)
    found = rule._evidence.largest_possible(counts, np.zeros(40, np.int64), error=np.full(40, 0.5))
    for row in range(40):
        p = counts[row] / n
        radii = [r for r in range(len(beta)) if not holds(p, k=k, num_named=w, gone=1 - beta[r])]
        assert found[row] in (radii[0] - 1, radii[0])


# The text in a manifest.


@pytest.mark.parametrize("question", ["radius=5", "table", "exact"])
@pytest.mark.parametrize("w", [1, 2, 12])
def test_a_rule_reads_back_what_it_wrote(question: str, w: int) -> None:
    rule = Stopping(question=question, k=3, alpha=0.001, num_named=w)
    assert Stopping.read(rule.to_text()) == rule


def test_the_text_names_ballots_where_there_are_some() -> None:
    texts = [Stopping(question="radius=5", k=3, alpha=0.001, num_named=w).to_text() for w in (1, 2)]
    assert texts == [
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-2",
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-ballots-1; ballot=2",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-2; ballot=1",
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-2; ballot=2",
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-ballots-1",
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-ballots-1; ballot=1",
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-ballots-1; ballot=02",
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-ballots-1; ballot=0",
        "radius=5; k=3; alpha=0.001; label=given; ballot=2; rule=evidence-ballots-1",
    ],
)
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="which this release does not know"):
        Stopping.read(text)


def test_what_no_ballots_can_prove_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"no votes can certify a radius above .* kept and 2 labels a ballot; ask for less",
    ):
        stopping_test(1, 2, question="radius=30")
    with pytest.raises(ValueError, match=r"num_named must lie in 1 .. classes - 1 = 4, got 5"):
        stopping_test(1, 5)


def test_naming_more_labels_reaches_less_far_with_one_shown() -> None:
    reach = [stopping_test(1, w)._reach for w in (1, 2, 3)]
    assert reach[0] >= reach[1] == reach[2]
    assert stopping_test(3, 1)._reach > stopping_test(3, 2)._reach > stopping_test(3, 3)._reach
