"""Theorem S: compared with exact fractions, with Theorem I for one label, and with itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.edit_oracle import masks_of, splits, stays_hold
from tests.theory.test_edit_radius import ATTACKERS, random_counts
from topcert.theory.attacker import DELETE, EDITS, REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.edit_radius import edit_radius
from topcert.theory.ranking import most_voted
from topcert.theory.stay_radius import NO_LABEL, stay_radius


def oracle(counts: list[int], chosen: list[int], *, m: int, k: int, space: dict) -> int:
    """The largest r at whose every split Theorem S holds."""
    d, e, attacker = space["num_features"], space["num_kept"], space["attacker"]
    if len(counts) - len(chosen) < k - m + 1:
        return d - e if attacker.may(DELETE) else d
    r, bounds = 0, {"m": m, "k": k, "named": space["num_named"]}
    while all(
        stays_hold(counts, counts, chosen, masks_of(split, d, e), **bounds)
        for split in splits(r, attacker)
    ):
        r += 1
    return r - 1


@pytest.mark.parametrize("attacker", ATTACKERS, ids=lambda one: "-".join(one.moves))
def test_radii_are_those_of_exact_fractions_split_by_split(attacker: Attacker) -> None:
    generator = np.random.default_rng(22)
    seen = set()
    for (d, e), classes, size in itertools.product([(8, 1), (6, 3)], (4, 6), (1, 2, 3)):
        for named in range(1, 4):
            counts = random_counts(generator, math.comb(d, e), classes, named, 6)
            sets = most_voted(counts, size)
            space = {"num_features": d, "num_kept": e, "num_named": named, "attacker": attacker}
            for k in range(1, 4):
                found = stay_radius(counts, counts, sets, k=k, **space)
                assert found.shape == (6, min(k, size))
                for (row, column), radius in np.ndenumerate(found):
                    chosen = sets[row].tolist()
                    expected = oracle(counts[row].tolist(), chosen, m=column + 1, k=k, space=space)
                    assert radius == expected, (space, k, column + 1, counts[row], chosen)
                seen |= set(found.ravel().tolist())
    assert {ABSTAIN, 0, 1, 2} <= seen


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32), named=st.integers(1, 3), space=st.sampled_from([(20, 2), (9, 3)])
)
def test_one_label_is_theorem_i_and_sets_are_nested(
    seed: int, named: int, space: tuple[int, int]
) -> None:
    generator = np.random.default_rng(seed)
    total = math.comb(*space)
    lower = random_counts(generator, total, 7, named, 8)
    upper = np.minimum(lower + generator.integers(0, 3, lower.shape), total)
    sets = most_voted(lower, 3)
    for attacker in (REWRITES, EDITS):
        bounds = {
            "num_features": space[0],
            "num_kept": space[1],
            "num_named": named,
            "attacker": attacker,
        }
        alone = [edit_radius(lower, upper, sets[:, j], k=3, **bounds) for j in range(3)]
        for j in range(3):
            one = stay_radius(lower, upper, sets[:, j : j + 1], k=3, **bounds)
            assert (one[:, 0] == alone[j]).all()
        found = stay_radius(lower, upper, sets, k=3, **bounds)
        assert (np.diff(found, axis=1) <= 0).all()  # m labels stay wherever m + 1 do
        # a set is certified at least as far as its labels one by one, most certified first
        exact = stay_radius(lower, lower, sets, k=3, **bounds)
        each = [edit_radius(lower, lower, sets[:, j], k=3, **bounds) for j in range(3)]
        assert (exact >= -np.sort(-np.stack(each, axis=1), axis=1)).all()
        wider = stay_radius(lower, upper, most_voted(lower, 4), k=3, **bounds)
        assert (wider >= found).all()  # of more labels as many stay at least
        shuffled = generator.permuted(sets, axis=1)
        padded = np.concatenate([shuffled, np.full((8, 2), NO_LABEL)], axis=1)
        assert (stay_radius(lower, upper, padded, k=3, **bounds) == found).all()


def test_sets_of_several_sizes_and_inputs_of_several_lengths_are_certified_as_each_alone() -> None:
    generator = np.random.default_rng(8)
    bounds = generator.dirichlet(np.full(9, 0.2), 20)
    sizes, features = generator.integers(0, 5, 20), generator.choice([30, 31, 9_000], 20)
    sets = np.where(np.arange(5) < sizes[:, None], most_voted((bounds * 1e6).astype(int), 5), -1)
    space = {"k": 4, "num_kept": 6, "attacker": EDITS}
    found = stay_radius(bounds, bounds, sets, num_features=features, **space)
    for row in range(20):
        one, size = slice(row, row + 1), max(1, int(sizes[row]))
        alone = stay_radius(
            bounds[one], bounds[one], sets[one, :size], num_features=int(features[row]), **space
        )
        assert (found[one, : alone.shape[1]] == alone).all()
        assert (found[row, sizes[row] :] == ABSTAIN).all()
    assert len(np.unique(found)) > 3


def test_labels_stay_where_there_are_too_few_others_to_displace_them() -> None:
    bounds, space = [[34, 25, 25]], {"k": 2, "num_features": 9, "num_kept": 3}
    assert stay_radius(bounds, bounds, [[0, 1]], **space).tolist() == [[9, ABSTAIN]]
    assert stay_radius(bounds, bounds, [[0, 1]], **space, attacker=EDITS).tolist() == [[6, ABSTAIN]]


def test_fifty_thousand_inputs_take_seconds() -> None:
    generator = np.random.default_rng(1)
    bounds = generator.dirichlet(np.full(20, 0.1), 50_000)
    sets = most_voted((bounds * 1e9).astype(np.int64), 5)
    found = stay_radius(bounds, bounds, sets, k=5, num_features=200, num_kept=20)
    assert (np.diff(found, axis=1) <= 0).all()
    assert found[:, 0].max() > found[:, 4].max() >= 0


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([[0, 0]], "label 0 stands twice in the set of input 0"),
        ([[0, 4]], "label 4 is out of range"),
        ([0], "sets of labels must be integers of shape \\(1, labels\\)"),
        ([[0.5, 1.0]], "sets of labels must be integers"),
    ],
)
def test_what_is_no_set_is_refused(sets: object, message: str) -> None:
    bounds = np.full((1, 4), 0.25)
    with pytest.raises(ValueError, match=message):
        stay_radius(bounds, bounds, sets, k=2, num_features=9, num_kept=2)
