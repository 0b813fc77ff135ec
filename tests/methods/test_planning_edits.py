"""Plans for attackers who insert and delete."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

import topcert
from tests.conftest import Outcome
from topcert.theory.confidence import lower_bound, upper_bound

EDITS = ["insert", "delete", "rewrite"]
SPACE = {"num_features": 200, "num_kept": 10}


@pytest.mark.parametrize("moves", [EDITS, ["insert"], ["delete"], ["rewrite"]])
def test_the_largest_radius_is_that_of_all_votes_for_one_label(moves: list[str]) -> None:
    made = topcert.plan(**SPACE, num_classes=20, k=3, num_samples=500, moves=moves)
    counts = np.array([[500] + [0] * 19])
    lower = lower_bound(counts, 500, 0.001 / 20) * (counts > 0)
    upper = np.maximum(upper_bound(counts, 500, 0.001 / 20), lower)
    attacker = topcert.Attacker(moves=tuple(moves))
    (radius,) = topcert.edit_radius(lower, upper, [0], k=3, **SPACE, attacker=attacker)
    assert made.largest_radius() == radius
    assert ("moves insert, delete, rewrite" in repr(made)) == (moves == EDITS)
    (reach,) = [one for one in made.reaches(radius) if (one.num_named, one.percent) == (1, 100)]
    assert reach.num_kept is not None
    assert reach.num_kept >= 10
    assert (reach.num_blocks is None) == (moves != ["rewrite"])


def test_the_command_says_the_same(topcert: Callable[..., Outcome]) -> None:
    asked = ("--features", 200, "--keep", 10, "--classes", 20, "--k", 3, "--radius", 2)
    run = topcert("plan", *asked, "--moves", ",".join(EDITS), "--json")
    assert run.code == 0, run.err
    found = json.loads(run.out)
    assert found["settings"][0]["moves"] == EDITS
    assert all(one["num_blocks"] is None for one in found["suggested"][0]["reaches"])
    assert "over a design" not in run.err
    assert topcert("plan", *asked, "--moves", "swap").code == 2
