"""Stopping when the answer is known: however long it sampled, what is claimed is wrong no more
often than alpha.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.boundary import SPACE, short_of
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.evidence import MAX_VOTES, evidence, make_bets, passes, proven_radius
from topcert.theory.stopping_rules import Stopping
from topcert.theory.stopping_test import StoppingTest, looks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALPHA = 0.05
DRAWS = 500
CAP = 500


def at_most(alpha: float) -> float:
    """The share of failures that a rule of level alpha stays below, but once in millions of
    seeds.
    """
    return alpha + 5 * math.sqrt(alpha * (1 - alpha) / DRAWS)


def stopping_test(
    question: str, k: int, *, alpha: float = ALPHA, cap: int = CAP, batch: int = 8
) -> StoppingTest:
    return StoppingTest(
        Stopping(question=question, k=k, alpha=alpha), max_votes=cap, batch_size=batch, **SPACE
    )


# Validity.


OTHERS = {
    "even": np.full(5, 1 / 5),
    "one strong": np.array([0.9, *[0.1 / 5] * 5]),
    "falling": (0.5 ** np.arange(6)) / (0.5 ** np.arange(6)).sum(),
}


def wrong_claims(
    p: Floats,
    radius: int,
    looked: tuple[int, ...],
    proves: Callable[[Ints], Ints],
    stops: Callable[[Ints], NDArray[np.bool_]],
) -> tuple[float, float]:
    """Shares of draws whose claim when they stop, or at any look at all, reaches the radius that
    label 0 has not.
    """
    generator = np.random.default_rng(3)
    counts, before = np.zeros((DRAWS, len(p)), np.int64), 0
    active, stopped, ever = (
        np.ones(DRAWS, np.bool_),
        np.zeros(DRAWS, np.bool_),
        np.zeros(DRAWS, np.bool_),
    )
    for look in looked:
        counts += generator.multinomial(look - before, p, size=DRAWS)
        before = look
        wrong = proves(counts) >= radius
        ever |= wrong
        ending = active & (stops(counts) if look < looked[-1] else True)
        stopped |= ending & wrong
        active &= ~ending
    assert not active.any()
    return float(stopped.mean()), float(ever.mean())


@pytest.mark.parametrize("question", ["radius=2", "table", "exact"])
@pytest.mark.parametrize(
    ("k", "radius", "case"),
    [(1, 2, "even"), (1, 2, "one strong"), (3, 0, "falling"), (3, 2, "even")],
)
def test_claims_are_wrong_no_more_often_than_alpha(
    question: str, case: str, k: int, radius: int
) -> None:
    rule, p = stopping_test(question, k), short_of(radius, k, OTHERS[case])
    assert certified_radius(p[None], p[None], [0], k=k, **SPACE)[0] == radius - 1
    labels = np.zeros(DRAWS, np.int64)
    stopped, ever = wrong_claims(
        p,
        radius,
        rule.looks,
        lambda counts: rule.proven(counts, labels),
        lambda counts: rule.stops(counts, labels),
    )
    assert stopped <= ever <= at_most(ALPHA)


def test_looking_at_every_vote_uses_most_of_the_level_and_no_more() -> None:
    # With one rival the edge is sharp: evidence that is twice too large, or picked with hindsight,
    # errs in over a quarter.
    rule, p = stopping_test("radius=1", 1, alpha=0.2, cap=400, batch=1), short_of(1, 1, np.ones(1))
    labels = np.zeros(DRAWS, np.int64)
    _, ever = wrong_claims(
        p,
        1,
        tuple(range(1, 401)),
        lambda counts: rule.proven(counts, labels),
        lambda _: np.zeros(DRAWS, np.bool_),
    )
    assert 0.1 < ever < 0.25


def test_evidence_passes_from_one_over_alpha_on() -> None:
    assert not passes(np.log([1.0, 19.0, 20.0]), 0.05).any()
    assert passes(np.log([20.001, 1e300]), 0.05).all()


@pytest.mark.parametrize(("k", "radius"), [(1, 2), (3, 2)])
def test_a_bound_for_one_look_fails_the_same_test_when_it_looks_often(k: int, radius: int) -> None:
    def proves(counts: Ints) -> Ints:
        """Clopper-Pearson at every look: of the label against all others, which is all that decides
        among k + 1 labels.
        """
        trials = counts.sum(axis=1)
        lower, upper = np.zeros(counts.shape), np.ones(counts.shape)
        lower[:, 0] = lower_bound(counts[:, 0], trials, ALPHA)
        return certified_radius(lower, upper, np.zeros(len(counts), np.int64), k=k, **SPACE)

    p = short_of(radius, k, np.full(k, 1 / k))
    looked = looks(max_votes=CAP * 4, batch_size=8)
    stopped, _ = wrong_claims(p, radius, looked, proves, lambda counts: proves(counts) >= radius)
    assert stopped > at_most(ALPHA)


@pytest.mark.parametrize("k", [1, 2])
def test_the_evidence_is_an_exact_supermartingale(k: int) -> None:
    # At the boundary of Theorem 1 with every number a fraction: one more vote leaves no more than
    # there was, in expectation.
    bets = make_bets(k=k, num_features=12, num_kept=2, max_votes=100)
    beta = [Fraction(math.comb(12 - r, 2), math.comb(12, 2)) for r in range(bets.won.shape[1])]
    for r, b in enumerate(beta):
        for t in range(1, k + 1):
            bar = (t + 1) * (1 - b)
            for rivals in (Fraction(0), Fraction(1, 10), Fraction(1, 3)):
                own = (bar + rivals) / t  # E[X] = t own - rivals = h
                if own + rivals > 1:
                    continue
                for share in range(bets.won.shape[2]):
                    won, lost, even = (
                        np.exp(part[t - 1, r, share]) for part in (bets.won, bets.lost, bets.even)
                    )
                    mean = float(own) * won + float(rivals) * lost + float(1 - own - rivals) * even
                    assert mean == pytest.approx(1.0, abs=1e-12)
    parts = sum(np.exp(bets.begun[t - 1]).sum() * math.comb(k, t) for t in range(1, k + 1))
    assert parts == pytest.approx(1.0, abs=1e-12)


# What is computed.


def test_the_most_voted_rivals_have_the_least_evidence_of_all_sets() -> None:
    generator = np.random.default_rng(1)
    bets = make_bets(k=2, max_votes=400, **SPACE)
    for counts in generator.multinomial(80, [0.6, 0.2, 0.1, 0.05, 0.05], size=20):
        least = evidence(bets, counts[:1], np.sort(counts[1:])[None, -2:], np.array([80]))
        for pair in itertools.combinations(counts[1:].tolist(), 2):
            assert (
                least <= evidence(bets, counts[:1], np.sort([pair]), np.array([80])) + 1e-12
            ).all()


def test_evidence_is_the_capital_of_one_who_bets_vote_by_vote() -> None:
    bets = make_bets(k=2, max_votes=100, **SPACE)
    votes = [0, 0, 1, 0, 2, 3, 0, 1, 0]  # label 0; its rivals are 2 (fewest) and 1; 3 is another
    r = 1
    capital = 0.0
    for t, part in ((1, {2}), (2, {1, 2})):
        for share in range(bets.won.shape[2]):
            one = math.exp(bets.begun[t - 1, 0, share])
            for vote in votes:
                kind = bets.won if vote == 0 else bets.lost if vote in part else bets.even
                one *= math.exp(kind[t - 1, r, share])
            capital += one
    found = evidence(bets, np.array([5]), np.array([[1, 2]]), np.array([9]))
    assert math.exp(found[0, r]) == pytest.approx(capital, rel=1e-12)


def test_many_inputs_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    bets = make_bets(k=2, max_votes=400, **SPACE)
    counts = np.random.default_rng(2).multinomial(90, [0.6, 0.2, 0.1, 0.1], size=7)
    asked = (counts[:, 0], np.sort(counts[:, 1:], axis=1)[:, 1:], counts.sum(axis=1))
    whole = evidence(bets, *asked)
    for cells in (1, 3 * bets.won.size):
        monkeypatch.setattr("topcert.theory.evidence._CELLS", cells)
        assert np.allclose(evidence(bets, *asked), whole, rtol=1e-12, atol=1e-12)


def test_more_evidence_for_a_smaller_chance_of_error() -> None:
    bets = make_bets(k=1, max_votes=10_000, **SPACE)
    found = evidence(bets, np.array([900]), np.array([[50]]), np.array([1000]))
    radii = [int(proven_radius(found, alpha)[0]) for alpha in (0.5, 0.05, 1e-3, 1e-150)]
    assert radii == sorted(radii, reverse=True)
    assert radii[0] > radii[-1] >= 0


def test_looks_are_whole_batches_up_to_the_cap() -> None:
    assert looks(max_votes=100, batch_size=8)[:4] == (8, 16, 24, 32)
    for cap, batch in ((1, 8), (8, 8), (9, 8), (100_000, 32), (10_000, 1000), (1000, 7)):
        found = looks(max_votes=cap, batch_size=batch)
        assert found[-1] == cap
        assert all(look % batch == 0 for look in found[:-1])
        assert all(before < after for before, after in itertools.pairwise(found))
    assert len(looks(max_votes=MAX_VOTES, batch_size=1)) < 200


@pytest.mark.parametrize("k", [1, 3])
def test_a_question_is_settled_when_both_sides_agree(k: int) -> None:
    rule = stopping_test("radius=2", k, alpha=0.01)
    counts = np.array([[1992, 2, 2, 2, 2], [2, 1992, 2, 2, 2], [1200, 200, 200, 200, 200]])
    shown = np.zeros(3, np.int64)
    assert rule.settled(counts[:2], shown[:2]).tolist() == [True, True]
    assert rule.proven(counts[:1], shown[:1])[0] >= 2
    near = short_of(2, k, np.full(4, 1 / 4))
    level = np.round(near * 2000).astype(np.int64)[None]
    assert not rule.settled(level, shown[:1])[0]


@pytest.mark.parametrize("question", ["radius=2", "table"])
def test_the_most_voted_rivals_settle_a_question_as_all_would(question: str) -> None:
    rule, last = stopping_test(question, 2, alpha=0.01), 2 if question == "radius=2" else 5
    generator = np.random.default_rng(4)
    shares = generator.dirichlet(np.full(6, 0.4), size=300)
    counts = np.stack([generator.multinomial(200, row) for row in shares])
    labels = generator.integers(0, 6, 300)
    rows, trials = np.arange(300), counts.sum(axis=1)
    look = np.searchsorted(np.array(rule.looks), 200) + 1
    error = 0.01 / (look * (look + 1)) / 6
    highest, lowest = np.zeros(counts.shape), lower_bound(counts, trials[:, None], error)
    highest[rows, labels], lowest[rows, labels] = (
        upper_bound(counts[rows, labels], trials, error),
        1.0,
    )
    best, proven = (
        certified_radius(highest, lowest, labels, k=2, **SPACE),
        rule.proven(counts, labels),
    )
    wanted = np.minimum(best, last) == np.minimum(proven, last)
    if question == "radius=2":
        wanted = (proven >= last) | (best < last)
    assert rule.settled(counts, labels).tolist() == wanted.tolist()
    assert 0 < wanted.sum() < 300


def test_what_is_far_from_the_question_stops_early_and_what_is_near_goes_on() -> None:
    rule = stopping_test("radius=2", 1, alpha=0.001, cap=100_000)
    sure, lost, near = (
        [64, 0, 0],
        [0, 64, 0],
        np.round(short_of(2, 1, np.array([0.5, 0.5])) * 64).astype(int),
    )
    assert rule.stops(np.array([sure, lost, near]), np.zeros(3, np.int64)).tolist() == [
        True,
        True,
        False,
    ]


def test_at_the_cap_everything_stops() -> None:
    rule = stopping_test("exact", 1, cap=40)
    assert rule.stops(np.array([[25, 15, 0]]), np.zeros(1, np.int64)).all()


# The text in a manifest.


@pytest.mark.parametrize("question", ["radius=5", "table", "exact"])
def test_a_rule_reads_back_what_it_wrote(question: str) -> None:
    rule = Stopping(question=question, k=3, alpha=0.001)
    assert Stopping.read(rule.to_text()) == rule


@pytest.mark.parametrize(
    "text",
    [
        "fixed",
        "",
        "radius=5",
        "radius=5; k=3; alpha=2.0; label=given; rule=evidence-2",
        "radius=5; k=0; alpha=0.001; label=given; rule=evidence-2",
        "radius=5; k=3; alpha=1e-3; label=given; rule=evidence-2",
        "radius=5; k=3; alpha=0.001; label=predicted; rule=evidence-2",
        "radius=5; k=3; alpha=0.001; label=given; rule=evidence-9",
        "radius=5; k=3; alpha=1-1-1; label=given; rule=evidence-2",
    ],
)
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="which this release does not know"):
        Stopping.read(text)


@pytest.mark.parametrize(
    ("question", "k", "cap", "message"),
    [
        ("radius", 1, 10, "the question of a stopping rule must be radius=R"),
        ("radius=-1", 1, 10, "the question of a stopping rule must be"),
        ("radius=99", 1, 10, "no votes can certify a radius above"),
        ("table", 1, 0, "--max-samples"),
        ("table", 1, MAX_VOTES + 1, "--max-samples"),
        ("table", 0, 10, "k must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(question: str, k: int, cap: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stopping_test(question, k, cap=cap)
