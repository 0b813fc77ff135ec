"""Theorems I and S against every edit of small inputs, as `benchmarks/edits.py` searches them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from benchmarks import edits

from topcert.theory.attacker import EDITS, REWRITES, Attacker

INSERTS = Attacker(moves=("insert",))
CLAIMS, CERTIFIED, BROKEN, LEFT_OUT = range(4)


def searched(seed: int, cases: int) -> dict[str, np.ndarray]:
    """What a search finds, every kind of attacker in turn."""
    generator = np.random.default_rng(seed)
    found = {"I": np.zeros(4, np.int64), "S": np.zeros(4, np.int64)}
    for number in range(cases):
        case = edits.random_case(generator)
        attacker = edits.ATTACKERS[number % len(edits.ATTACKERS)]
        reach = 2 if len(case["x"]) <= 5 else 1
        for theorem, numbers in edits.search_one(case, attacker, reach).items():
            found[theorem] += numbers
    return found


def test_no_edit_of_a_small_sequence_or_set_breaks_a_certificate() -> None:
    for numbers in searched(1, 42).values():
        assert not numbers[BROKEN]
        assert numbers[CERTIFIED] > 100


@pytest.mark.parametrize("name", ["edit_radius", "stay_radius"])
def test_a_radius_that_is_one_too_large_is_found_out(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    true: Callable[..., np.ndarray] = getattr(edits, name)
    monkeypatch.setattr(edits, name, lambda *given, **named: true(*given, **named) + 1)
    assert searched(1, 14)["I" if name == "edit_radius" else "S"][BROKEN] > 20


@pytest.mark.parametrize("attacker", [EDITS, REWRITES, INSERTS], ids=lambda one: one.moves[0])
@pytest.mark.parametrize(("d", "classes", "named"), [(3, 4, 1), (4, 3, 1), (3, 3, 2)])
def test_of_counts_alone_theorem_i_leaves_nothing_out(
    d: int, classes: int, named: int, attacker: Attacker
) -> None:
    found = edits.counts_of_one(d, classes, named, attacker)
    assert not found["I"][BROKEN]
    assert not found["I"][LEFT_OUT]
    assert found["I"][CERTIFIED] > 5
    assert not found["S"][BROKEN]
    assert found["S"][LEFT_OUT] <= found["S"][CLAIMS] // 50
