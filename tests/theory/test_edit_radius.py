"""Theorem I: compared with exact fractions, split by split, and with Theorem 1."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.edit_oracle import oracle_edit_radius
from topcert.theory.attacker import DELETE, EDITS, INSERT, MOVES, REWRITE, REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.edit_radius import edit_radius

ATTACKERS = [
    Attacker(moves=moves) for size in (1, 2, 3) for moves in itertools.combinations(MOVES, size)
]
few = settings(max_examples=40, deadline=None)


def random_counts(
    generator: np.random.Generator, total: int, classes: int, named: int, inputs: int
) -> np.ndarray:
    """Namings of `total` masks, most of which name label 0."""
    weights = generator.dirichlet(np.full(classes, 0.5), inputs)
    weights[:, 0] += generator.choice([0.0, 1.0, 4.0], inputs)
    scores = np.log(weights[:, None] + 1e-9) + generator.gumbel(size=(inputs, total, classes))
    order = np.argsort(-scores, axis=2)[:, :, :named]
    return (order[..., None] == np.arange(classes)).sum(axis=(1, 2))


@pytest.mark.parametrize("attacker", ATTACKERS, ids=lambda one: "-".join(one.moves))
def test_radii_are_those_of_exact_fractions_split_by_split(attacker: Attacker) -> None:
    generator = np.random.default_rng(21)
    seen = set()
    for (d, e), classes in itertools.product([(5, 1), (9, 2), (7, 3), (12, 1), (6, 5)], (3, 5)):
        for named in range(1, classes):
            counts = random_counts(generator, math.comb(d, e), classes, named, 12)
            # bounds that are counts, and some that leave the rivals more
            upper = np.minimum(counts + generator.integers(0, 2, counts.shape), math.comb(d, e))
            space = {"num_features": d, "num_kept": e, "num_named": named, "attacker": attacker}
            found = edit_radius(counts, upper, np.zeros(12, np.int64), k=range(1, classes), **space)
            for (row, column), radius in np.ndenumerate(found):
                expected = oracle_edit_radius(
                    counts[row].tolist(), upper[row].tolist(), 0, k=column + 1, **space
                )
                assert radius == expected, (d, e, named, column + 1, counts[row])
            seen |= set(found.ravel().tolist())
    assert {ABSTAIN, 0, 1, 2} <= seen


def test_inputs_of_several_lengths_are_certified_as_each_alone() -> None:
    generator = np.random.default_rng(3)
    lower = generator.uniform(0.5, 1.0, (16, 3)) * [1.0, 0.0, 0.0]
    upper = np.maximum(generator.uniform(0.0, 0.3, (16, 3)), lower)
    sizes = generator.choice([8, 20, 300, 70_000], 16)
    labels = np.zeros(16, np.int64)
    found = edit_radius(lower, upper, labels, k=[1, 2], num_features=sizes, num_kept=8)
    for row in range(16):
        one = slice(row, row + 1)
        alone = edit_radius(
            lower[one], upper[one], [0], k=[1, 2], num_features=int(sizes[row]), num_kept=8
        )
        assert (alone == found[one]).all()
    assert (found[sizes == 8] <= 0).all()
    assert (found.max(axis=1)[sizes == 300] > 1).any()


@few
@given(
    p=st.floats(0.3, 1.0),
    rival=st.floats(0.0, 0.4),
    space=st.sampled_from([(10, 3), (64, 8), (1024, 50), (50_176, 1000), (300, 1)]),
    k=st.integers(1, 3),
    named=st.integers(1, 3),
)
def test_rewriting_alone_is_theorem_1_and_deleting_beside_it_costs_nothing(
    p: float, rival: float, space: tuple[int, int], k: int, named: int
) -> None:
    lower = np.array([[p, 0, 0, 0, 0]])
    upper = np.array([[1.0, rival, rival / 2, rival / 3, 0.01]])
    bounds = {"k": k, "num_features": space[0], "num_kept": space[1], "num_named": named}
    expected = certified_radius(lower, upper, [0], **bounds)
    for moves in ((REWRITE,), (DELETE, REWRITE)):
        found = edit_radius(lower, upper, [0], **bounds, attacker=Attacker(moves=moves))
        assert found == expected


@few
@given(
    p=st.floats(0.3, 1.0),
    rival=st.floats(0.0, 0.4),
    space=st.sampled_from([(10, 3), (64, 8), (1024, 50), (9_000, 700)]),
    named=st.integers(1, 2),
)
def test_more_moves_lower_a_radius_and_tighter_bounds_raise_it(
    p: float, rival: float, space: tuple[int, int], named: int
) -> None:
    lower, upper = np.array([[p, 0, 0, 0]]), np.array([[1.0, rival, rival / 2, 0.0]])
    bounds = {"k": 2, "num_features": space[0], "num_kept": space[1], "num_named": named}
    found = {
        one.moves: int(edit_radius(lower, upper, [0], **bounds, attacker=one)[0])
        for one in ATTACKERS
    }
    for less, more in itertools.product(found, repeat=2):
        if set(less) <= set(more):
            assert found[less] >= found[more]
    tighter = edit_radius(
        np.array([[(1 + p) / 2, 0, 0, 0]]), upper * [1, 0.5, 0.5, 1], [0], **bounds
    )
    assert tighter >= found[MOVES]


def test_a_rounded_grid_gives_no_more_than_exact_fractions_and_hardly_less() -> None:
    # C(400, 60) is far beyond 64 bits: floats are rounded onto a grid, Fractions are not
    generator = np.random.default_rng(5)
    lower = np.round(generator.uniform(0.6, 1.0, (30, 4)), 3) * [1, 0, 0, 0]
    upper = np.maximum(np.round(generator.uniform(0.0, 0.2, (30, 4)), 3), lower)
    exact = [
        [[Fraction(value).limit_denominator(1000) for value in row] for row in side.tolist()]
        for side in (lower, upper)
    ]
    for attacker in ATTACKERS:
        space = {"k": [1, 3], "num_features": 400, "num_kept": 60, "attacker": attacker}
        labels = np.zeros(30, np.int64)
        found = edit_radius(lower, upper, labels, **space)
        assert (found == edit_radius(*map(np.array, exact), labels, **space)).all()
        assert found.max() > 3


def test_what_is_certified_of_edits_is_less_than_of_each_move_alone() -> None:
    space = {"k": 1, "num_features": 100, "num_kept": 10}
    alone = [
        int(edit_radius([[0.9, 0]], [[1, 0.1]], [0], **space, attacker=Attacker(moves=(move,)))[0])
        for move in MOVES
    ]
    assert alone == [5, 14, 4]  # inserted, deleted, rewritten
    assert edit_radius([[0.9, 0]], [[1, 0.1]], [0], **space, attacker=EDITS) == [4]


def test_no_radius_reaches_inputs_that_no_mask_fits_in() -> None:
    # all masks agree: after d - e deletions one mask is left, and after one more none is
    counts = [[math.comb(6, 2), 0]]
    found = edit_radius(
        counts, counts, [0], k=1, num_features=6, num_kept=2, attacker=Attacker(moves=(DELETE,))
    )
    assert found == [4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_features": [9, 1, 9]}, "num_kept must lie in 1 .. num_features = 1, got 2"),
        ({"num_features": [9, 9]}, "integers of shape \\(3,\\)"),
        ({"num_features": 9.0}, "num_features must be a whole number"),
        ({"k": 2}, "k must lie in 1 .. classes - 1 = 1"),
        ({"labels": [0, 0, 2]}, "label 2 is out of range"),
        ({"num_named": 2}, "got num_named 2"),
    ],
)
def test_what_is_no_question_is_refused(change: dict[str, object], message: str) -> None:
    asked = {"labels": [0, 0, 0], "k": 1, "num_features": 9, "num_kept": 2} | change
    bounds = np.full((3, 2), 0.5)
    with pytest.raises(ValueError, match=message):
        edit_radius(bounds, bounds, asked.pop("labels"), **asked)


@pytest.mark.parametrize("moves", [(), ("swap",), (INSERT, INSERT)])
def test_an_attacker_has_known_moves_each_once(moves: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="moves must be some of insert, delete, rewrite"):
        Attacker(moves=moves)
    assert Attacker(moves=("rewrite", "insert")).moves == ("insert", "rewrite")
    assert [one.rewrites_alone for one in (REWRITES, EDITS)] == [True, False]
