"""Located certificates against insertions: with the bounds of Theorem I, and edit by edit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from benchmarks import edits

from topcert.theory.attacker import EDITS
from topcert.theory.counting import survival
from topcert.theory.edit_radius import edit_radius
from topcert.theory.located_edits import located_edit_radius


@pytest.mark.parametrize("named", [1, 2])
@pytest.mark.parametrize(("d", "e"), [(60, 6), (400, 30), (300, 5)])
def test_bounds_of_all_masks_give_theorem_i(d: int, e: int, named: int) -> None:
    generator = np.random.default_rng(d)
    k, classes = 2, 9
    p = generator.uniform(0.5, 1.0, 60)
    others = generator.uniform(0.0, 0.3, (60, classes - 1))
    upper = np.concatenate([p[:, None], others], axis=1)
    lower = np.concatenate([p[:, None], 0 * others], axis=1)
    space = {"num_features": d, "num_kept": e, "num_named": named}
    expected = edit_radius(lower, upper, np.zeros(60, np.int64), k=k, attacker=EDITS, **space)
    beta = survival(d, e, k=k).floats
    rivals = np.cumsum(np.sort(others, axis=1)[:, -k:], axis=1)
    found = located_edit_radius(p[:, None] - (1 - beta), rivals[:, None, :], beta=beta, **space)
    assert found.tolist() == expected.tolist()
    assert expected.max() > expected.min()


def exact_shares(case: dict, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Of one input and classifier: how often any m features leave the label named at least, in
    masks, and how often each label is named.
    """
    x, e = case["x"], case["num_kept"]
    masks = list(itertools.combinations(range(len(x)), e))
    ballots = [case["votes"][tuple(x[i] for i in mask)] for mask in masks]
    counts = np.bincount(np.concatenate(ballots), minlength=case["classes"])
    least = [
        min(
            sum(
                label in ballot and not set(mask) & set(gone)
                for mask, ballot in zip(masks, ballots, strict=True)
            )
            for gone in itertools.combinations(range(len(x)), m)
        )
        for m in range(len(x) - e + 1)
    ]
    return np.array(least), counts


def test_no_edit_of_a_small_input_breaks_a_located_certificate() -> None:
    generator = np.random.default_rng(11)
    certified = broken_beyond = 0
    for _ in range(60):
        case = edits.random_case(generator)
        x, e, named, classes = case["x"], case["num_kept"], case["named"], case["classes"]
        total = math.comb(len(x), e)
        reach = 2 if len(x) <= 5 else 1
        others = [
            (distance, *edits.attacked(case["votes"], other, e, classes))
            for other, distance in edits.reachable(x, reach, EDITS, case["ordered"])
            if len(other) >= e
        ]
        for label, k in itertools.product(range(classes), range(1, classes)):
            least, counts = exact_shares(case, label)
            beta = survival(len(x), e, k=k).floats
            rivals = np.cumsum(np.sort(np.delete(counts, label))[-k:]) / total
            space = {"num_features": len(x), "num_kept": e, "num_named": named}
            (radius,) = located_edit_radius(
                least[None, : len(beta)] / total, rivals[None, None, :], beta=beta, **space
            )
            certified += radius >= 1
            for distance, common, sizes in others:
                if distance <= radius + 1:
                    after = edits.after_attack(common, sizes, (label,), m=1, k=k, named=named)
                    stays = edits.stay_after(after, (label,), k) == 1
                    assert stays or distance > radius, (case, label, k)
                    broken_beyond += not stays
    assert certified > 20
    assert broken_beyond > 20  # one more is found out
