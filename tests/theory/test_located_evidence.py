"""Located evidence: less than anyone's who knew the changed features, and wrong no more often than
alpha at any look.
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

from tests.theory.test_located_radius import (
    KnownVotes,
    counts_of,
    every_mask,
    some_votes,
    true_radii,
)
from topcert.theory import surviving_votes as module
from topcert.theory.evidence import Bets, located_evidence, make_bets
from topcert.theory.stopping_rules import Stopping
from topcert.theory.stopping_test import StoppingTest
from topcert.theory.surviving_votes import SurvivingVotes, near_labels, surviving_votes

Ints = NDArray[np.int64]

ALPHA = 0.05
CAP = 400
DRAWS = 200
FEATURES, KEPT, CLASSES = 8, 2, 4


def bets_of(k: int, num_features: int, num_kept: int, cap: int = CAP) -> tuple[Bets, Bets]:
    """Those that tell apart which masks keep changed features, and those that win by them."""
    untouched, all_votes = (
        make_bets(k=k, num_features=num_features, num_kept=num_kept, max_votes=cap, untouched=flag)
        for flag in (True, False)
    )
    return untouched, all_votes


def parts_of(rivals: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for size in range(1, len(rivals) + 1):
        yield from itertools.combinations(rivals, size)


def shown(votes: Ints, met: NDArray[np.bool_], part: tuple[int, ...]) -> list[tuple[Ints, Ints]]:
    """For either kind of bets: which votes win and which lose, for label 0 against a part of its
    rivals.
    """
    rivals = np.isin(votes, part) & ~met
    return [((votes == 0) & ~met, rivals), ((votes == 0) | met, rivals)]


def test_the_evidence_is_less_than_that_of_one_who_knows_what_changed() -> None:
    generator = np.random.default_rng(0)
    for num_features, num_kept, classes, k in (
        (5, 1, 3, 1),
        (5, 2, 4, 2),
        (6, 2, 4, 2),
        (6, 1, 4, 3),
    ):
        every = every_mask(num_features, num_kept)
        untouched, all_votes = bets_of(k, num_features, num_kept)
        for lean in (None, 0, 1):
            kept = every[generator.integers(0, len(every), 60)]
            votes = generator.choice(
                classes, p=[0.7, *[0.3 / (classes - 1)] * (classes - 1)], size=60
            )
            if lean is not None:  # what keeps a certain feature votes for the label, or against it
                votes = np.where((kept == 2).any(axis=1), lean, votes)
            found = now(votes, kept, k=k, classes=classes, num_features=num_features)[0]
            for r in range(len(found)):
                least = math.inf
                for changed in itertools.combinations(range(num_features), r):
                    met = np.isin(kept, changed).any(axis=1)
                    for rivals in itertools.combinations(range(1, classes), k):
                        least = min(least, capital(votes, met, rivals, (untouched, all_votes), r))
                assert math.exp(found[r]) <= least * (1 + 1e-9)
            assert found[0] > -math.inf


def now(votes: Ints, kept: Ints, *, k: int, classes: int, num_features: int) -> NDArray[np.float64]:
    """The located evidence for label 0 of one input."""
    left = left_of(votes, kept, k=k, classes=classes, num_features=num_features)
    untouched, all_votes = bets_of(k, num_features, kept.shape[1])
    return located_evidence(
        untouched,
        all_votes,
        left.least_left[:, 0],
        left.others_left[:, 0],
        left.rivals(k),
        left.trials,
    )


def left_of(votes: Ints, kept: Ints, *, k: int, classes: int, num_features: int) -> SurvivingVotes:
    known, counts, label = (
        KnownVotes(kept, votes[None], num_features),
        counts_of(votes[None], classes),
        np.zeros(1, np.int64),
    )
    reach = (
        make_bets(k=k, num_features=num_features, num_kept=kept.shape[1], max_votes=CAP).won.shape[
            1
        ]
        - 1
    )
    met = known.kept_counts(near_labels(counts, label, k))
    return surviving_votes(
        counts, label, met, known.degrees(), k=k, reach=reach, num_kept=kept.shape[1]
    )


def capital(
    votes: Ints, met: NDArray[np.bool_], rivals: tuple[int, ...], both: tuple[Bets, Bets], r: int
) -> float:
    """What is won vote by vote with all parts of a set of rivals, the changed features being
    known.
    """
    return sum(
        math.exp(begun + gains.sum()) / 2 for begun, gains in every_bet(votes, met, rivals, both, r)
    )


def every_bet(
    votes: Ints, met: NDArray[np.bool_], rivals: tuple[int, ...], both: tuple[Bets, Bets], r: int
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Of each kind, part and share: what it begins with and what each vote multiplies it by, as
    logarithms.
    """
    for part in parts_of(rivals):
        for bets, (wins, loses) in zip(both, shown(votes, met, part), strict=True):
            t = len(part) - 1
            for share in range(bets.won.shape[2]):
                other = np.where(loses, bets.lost[t, r, share], bets.even[t, r, share])
                yield float(bets.begun[t, 0, share]), np.where(wins, bets.won[t, r, share], other)


def broken_by(
    kept: Ints, votes: Ints, k: int, r: int
) -> list[tuple[Fraction, NDArray[np.bool_], tuple[int, ...]]]:
    """All (slack, masks that meet R, rivals) that break label 0 with r features, the true shares
    being those of all masks.

    The slack is how far the best part of the rivals is from proving otherwise: 0 at the boundary,
    below it otherwise.
    """
    found = []
    n = len(kept)
    for changed in itertools.combinations(range(FEATURES), r):
        met = np.isin(kept, changed).any(axis=1)
        for rivals in itertools.combinations(range(1, CLASSES), k):
            slack = max(
                Fraction(
                    int(
                        len(part) * (votes[~met] == 0).sum()
                        - np.isin(votes[~met], part).sum()
                        - met.sum()
                    ),
                    n,
                )
                for part in parts_of(rivals)
            )
            if slack <= 0:
                found.append((slack, met, rivals))
    return found


@lru_cache
def at_the_edge(k: int, r: int) -> tuple[Ints, Ints]:
    """A base classifier, as votes under all masks, that nearly has a radius of r.

    Of those with the least slack one whose votes for the label lean most on r features: what is
    held against any R is true of these.
    """
    kept, every = every_mask(FEATURES, KEPT), some_votes(FEATURES, KEPT, CLASSES)
    true = true_radii(kept, every, 0, classes=CLASSES, num_features=FEATURES)[:, k - 1]
    candidates = every[true == r - 1]
    candidates = candidates[:: max(1, len(candidates) // 100)]
    worth = []
    for votes in candidates:
        leaning = np.sort(np.bincount(kept[votes == 0].reshape(-1), minlength=FEATURES))
        worth.append(
            (
                max(slack for slack, _, _ in broken_by(kept, votes, k, r)),
                int(leaning[-r] - leaning[-r - 1]),
            )
        )
    return kept, candidates[max(range(len(worth)), key=worth.__getitem__)]


@pytest.mark.parametrize(("k", "r"), [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_nobody_gains_while_the_label_is_broken(k: int, r: int) -> None:
    kept, votes = at_the_edge(k, r)
    both = bets_of(k, FEATURES, KEPT)
    tight = 0
    for _, met, rivals in broken_by(kept, votes, k, r):
        for _, gains in every_bet(votes, met, rivals, both, r):
            mean = np.exp(gains).mean()  # one more vote, under any of the masks
            assert mean <= 1 + 1e-12
            tight += mean > 1 - 1e-12
    assert tight > 0


def wrong_claims(k: int, r: int) -> float:
    """The share of samples in which label 0 is claimed, at any look, at the radius that it has
    not.
    """
    kept, votes = at_the_edge(k, r)
    rule = Stopping(question="exact", k=k, alpha=ALPHA, method="located")
    stopping_test = StoppingTest(
        rule, num_features=FEATURES, num_kept=KEPT, max_votes=CAP, batch_size=40
    )
    keeps = np.zeros((len(kept), FEATURES), np.int64)
    np.put_along_axis(keeps, kept, 1, axis=1)
    generator, wrong, label = np.random.default_rng(k), 0, np.zeros(1, np.int64)
    for _ in range(DRAWS):
        drawn, before, ever = np.zeros(len(kept), np.int64), 0, False
        for look in stopping_test.looks:
            drawn += np.bincount(
                generator.integers(0, len(kept), look - before), minlength=len(kept)
            )
            before = look
            counts = np.array([[int(drawn[votes == j].sum()) for j in range(CLASSES)]])
            met = [
                np.stack(
                    [
                        drawn[votes == j] @ keeps[votes == j]
                        for j in stopping_test.near(counts, label)[0].tolist()
                    ]
                )
            ]
            left = stopping_test.surviving(counts, label, met, drawn @ keeps)
            ever |= bool(stopping_test.proven(counts, label, left)[0] >= r)
            stopping_test.stops(counts, label, left)
        wrong += ever
    return wrong / DRAWS


AT_MOST = ALPHA + 5 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)


@pytest.mark.parametrize(("k", "r"), [(1, 1), (1, 2), (2, 2), (2, 3)])
def test_claims_are_wrong_no_more_often_than_alpha(k: int, r: int) -> None:
    assert wrong_claims(k, r) <= AT_MOST


def forgetful(kept: Ints, reach: int) -> Ints:
    return np.zeros((*kept.shape[:-1], reach + 1), np.int64)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        # as if changed features met no vote for the label
        ("topcert.theory.surviving_votes.most_met", forgetful),
        # or met what meets most
        (
            "topcert.theory.surviving_votes.least_met",
            lambda kept, reach: module.most_met(kept, reach),
        ),
    ],
)
def test_a_rule_that_looks_away_fails_the_same_test(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[[Ints, int], Ints]
) -> None:
    monkeypatch.setattr(name, wrong)
    assert wrong_claims(1, 1) > AT_MOST
