"""Located evidence from ballots: less than anyone's who knew what changed, and wrong no more often
than alpha.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.ballots import all_ballots, named
from topcert.theory.ballot_evidence import BallotBets, make_ballot_bets
from topcert.theory.located_ballots import JointAndSurviving, located_ballot_evidence
from topcert.theory.stopping_rules import Stopping
from topcert.theory.stopping_test import StoppingTest
from topcert.theory.surviving_votes import most_met

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FEATURES, KEPT, CLASSES = 6, 2, 4
SPACE = {"num_features": FEATURES, "num_kept": KEPT}
MASKS = np.array(list(itertools.combinations(range(FEATURES), KEPT)))
KEEPS = (MASKS[:, :, None] == np.arange(FEATURES)).any(axis=1)
ALPHA, CAP, DRAWS = 0.05, 300, 150
AT_MOST = ALPHA + 5 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)


def stopping_test(k: int, w: int, *, classes: int = CLASSES) -> StoppingTest:
    rule = Stopping(question="exact", k=k, alpha=ALPHA, method="located", num_named=w)
    return StoppingTest(rule, num_classes=classes, max_votes=CAP, batch_size=20, **SPACE)


def bets_of(k: int, w: int) -> tuple[BallotBets, BallotBets]:
    apart, met = (
        make_ballot_bets(k=k, num_named=w, num_classes=CLASSES, max_votes=CAP, kind=kind, **SPACE)
        for kind in ("untouched", "touched")
    )
    return apart, met


def absolute_if_file(
    rule: StoppingTest, ballots: Ints, drawn: Ints
) -> tuple[Ints, JointAndSurviving]:
    """Counts, and what the rule asks of one input's ballots under masks number `drawn`."""
    counts, label = np.bincount(ballots.reshape(-1), minlength=CLASSES)[None], np.zeros(1, np.int64)
    keeps = KEEPS[drawn].astype(np.int64)
    own = (ballots == 0).any(axis=1)
    surviving = rule.surviving(counts, label, [keeps[own].sum(axis=0)[None]], keeps.sum(axis=0))
    return counts, JointAndSurviving(
        joint=rule.joint(counts, label, [ballots]), surviving=surviving
    )


def bets_on(
    named_labels: Bools,
    met_masks: Bools,
    rivals: tuple[int, ...],
    both: tuple[BallotBets, BallotBets],
    r: int,
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Of each kind, part and share: what it begins with, and the logarithm that each ballot
    adds.
    """
    w = both[0].parts.num_named
    for kind, bets in zip(("untouched", "touched"), both, strict=True):
        own = (
            named_labels[:, 0] & ~met_masks
            if kind == "untouched"
            else named_labels[:, 0] | met_masks
        )
        for t in bets.parts.sizes:
            for part in itertools.combinations(rivals, t):
                x = t * own - np.where(met_masks, 0, named_labels[:, part].sum(axis=1))
                for share in range(bets.gains[t].shape[2]):
                    yield float(bets.begun[t][share]), bets.gains[t][x + min(t, w), r, share]
        if bets.alone is not None and bets.begun_alone is not None:
            for share in range(bets.alone.shape[2]):
                yield float(bets.begun_alone[share]), bets.alone[own.astype(int), r, share]


@pytest.mark.parametrize(("k", "w"), [(1, 2), (2, 2), (2, 3), (3, 2)])
def test_it_is_less_than_that_of_one_who_knows_what_changed(k: int, w: int) -> None:
    generator, both, rule = np.random.default_rng(k + w), bets_of(k, w), stopping_test(k, w)
    every = all_ballots(w, CLASSES)
    for lean in range(3):
        drawn = generator.integers(0, len(MASKS), 40)
        likely = 1 + 4.0 * named(every, CLASSES)[:, 0]
        ballots = every[generator.choice(len(every), p=likely / likely.sum(), size=40)]
        if lean:  # what keeps feature 2 names the label, or does not
            ballots[KEEPS[drawn, 2]] = every[0 if lean == 1 else -1]
        named_labels = named(ballots, CLASSES)
        _, seen = absolute_if_file(rule, ballots, drawn)
        found = located_ballot_evidence(*both, seen, radii=slice(0, both[0].num_radii))[0]
        for r in range(len(found)):
            least = math.inf
            for changed in itertools.combinations(range(FEATURES), r):
                met_masks = KEEPS[drawn][:, changed].any(axis=1)
                for rivals in itertools.combinations(range(1, CLASSES), k):
                    all_bets = bets_on(named_labels, met_masks, rivals, both, r)
                    least = min(
                        least, sum(math.exp(begun + added.sum()) / 2 for begun, added in all_bets)
                    )
            assert math.exp(found[r]) <= least * (1 + 1e-9)
        assert found[0] > -math.inf


def slack(named_labels: Bools, met_masks: Bools, rivals: tuple[int, ...], w: int) -> Fraction:
    """How far the best part is from proving that these rivals do not break label 0: 0 at the
    boundary, or below.
    """
    rest, n = named_labels[~met_masks].astype(int), len(named_labels)
    return max(
        Fraction(
            int(
                len(part) * rest[:, 0].sum()
                - rest[:, part].sum()
                - min(len(part), w) * met_masks.sum()
            ),
            n,
        )
        for size in range(1, len(rivals) + 1)
        for part in itertools.combinations(rivals, size)
    )


@lru_cache
def at_the_edge(k: int, w: int, r: int) -> tuple[Ints, list[tuple[Bools, tuple[int, ...]]]]:
    """A ballot for every mask such that label 0 has a radius of r - 1 and nearly of r, and what
    breaks it at r.
    """
    every, generator = all_ballots(w, CLASSES), np.random.default_rng(0)
    best: tuple[Fraction, Ints, list[tuple[Bools, tuple[int, ...]]]] | None = None
    for trial in range(300):
        likely = 1 + (8.0 + trial % 40) * named(every, CLASSES)[:, 0]
        ballots = every[generator.choice(len(every), p=likely / likely.sum(), size=len(MASKS))]
        named_labels, slacks, broken = named(ballots, CLASSES), [], []
        for changed in itertools.combinations(range(FEATURES), r):
            met_masks = KEEPS[:, changed].any(axis=1)
            for rivals in itertools.combinations(range(1, CLASSES), k):
                one = slack(named_labels, met_masks, rivals, w)
                if one <= 0:
                    slacks.append(one)
                    broken.append((met_masks, rivals))
        if broken and (
            best is None
            or max(slacks) > best[0]
            or (max(slacks) == best[0] and len(broken) < len(best[2]))
        ):
            best = (max(slacks), ballots, broken)
    assert best is not None
    return best[1], best[2]


EDGES = [(1, 2, 1), (2, 2, 1), (3, 2, 1), (2, 3, 1)]


@pytest.mark.parametrize(("k", "w", "r"), EDGES)
def test_nobody_gains_while_the_label_is_broken(k: int, w: int, r: int) -> None:
    ballots, broken = at_the_edge(k, w, r)
    named_labels, both, tight = named(ballots, CLASSES), bets_of(k, w), 0
    for met_masks, rivals in broken:
        for _, added in bets_on(named_labels, met_masks, rivals, both, r):
            mean = np.exp(added).mean()  # one more ballot, under any of the masks
            assert mean <= 1 + 1e-12
            tight += mean > 1 - 1e-3
    assert tight > 0


def wrong_claims(k: int, w: int, r: int) -> float:
    """The share of samples in which label 0 is claimed, at any look, at the radius that it has
    not.
    """
    cast, _ = at_the_edge(k, w, r)
    rule, label = stopping_test(k, w), np.zeros(1, np.int64)
    generator, wrong = np.random.default_rng(1), 0
    for _ in range(DRAWS):
        drawn, ever = generator.integers(0, len(MASKS), CAP), False
        for look in rule.looks:
            counts, seen = absolute_if_file(rule, cast[drawn[:look]], drawn[:look])
            ever |= bool(rule.proven(counts, label, seen)[0] >= r)
        rule.stops(counts, label, seen)
        wrong += ever
    return wrong / DRAWS


@pytest.mark.parametrize(("k", "w", "r"), EDGES)
def test_claims_are_wrong_no_more_often_than_alpha(k: int, w: int, r: int) -> None:
    assert wrong_claims(k, w, r) <= AT_MOST


def forgetful(kept: Ints, reach: int) -> Ints:
    """As if changed features met no ballot for the label."""
    return np.zeros((*kept.shape[:-1], reach + 1), np.int64)


@pytest.mark.parametrize(
    ("name", "wrong", "k"),
    [
        ("most_met", forgetful, 2),
        # or met what meets most of the others
        ("least_met", lambda kept, reach: most_met(kept, reach), 3),
    ],
)
def test_a_rule_that_looks_away_fails_the_same_test(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[[Ints, int], Ints], k: int
) -> None:
    monkeypatch.setattr(f"topcert.theory.surviving_votes.{name}", wrong)
    assert wrong_claims(k, 2, 1) > AT_MOST


@pytest.mark.parametrize(("k", "w"), [(1, 2), (2, 2), (3, 3)])
def test_what_stops_and_is_settled(k: int, w: int) -> None:
    every, generator, rule = all_ballots(w, CLASSES), np.random.default_rng(3), stopping_test(k, w)
    named_labels, label = named(every, CLASSES), np.zeros(1, np.int64)
    drawn = generator.integers(0, len(MASKS), 120)
    for chosen, proves in ((named_labels[:, 0], True), (~named_labels[:, 0], False)):
        ballots = every[chosen][generator.integers(0, chosen.sum(), 120)]
        counts, seen = absolute_if_file(rule, ballots, drawn)
        assert (rule.proven(counts, label, seen)[0] >= 0) == (proves or not chosen.any())
        assert (
            not rule.stops(counts, label, seen)[0]
            or not proves
            or rule.proven(counts, label, seen)[0] >= 0
        )
        assert rule.settled(counts, label, seen).shape == (1,)
