"""`topcert plan` on several workers: what they take and cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome
from topcert.api.cost import Cost


def test_plan_says_what_workers_take_and_cost(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    asked = [
        "plan",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        2,
        "--samples",
        600,
        "--k",
        1,
        "--json",
    ]
    run = topcert(*asked, "--workers", 4, "--price", 2.5)
    cost = json.loads(run.out)["cost"]
    hours = cost["passes"] / cost["passes_per_second"] / 3600
    assert cost["passes"] == 8 * 600
    assert cost["blocks"] == 1
    assert cost["shared"] == {
        "workers": 4,
        "seconds": pytest.approx(3600 * hours),  # one block is one worker's
        "worker_hours": pytest.approx(hours),
        "money": pytest.approx(2.5 * hours),
    }
    made = Cost(
        passes=9, passes_per_second=1.0, seconds=7200.0, runtime="", bytes=9, blocks=100
    ).shared(10)
    assert (made.seconds, made.worker_hours, made.money) == (720.0, 2.0, None)
    for wrong, error in (
        (("--price", 1), "--price is that of an hour of --workers"),
        (("--workers", 0), "--workers"),
    ):
        refused = topcert(*asked, *wrong)
        assert refused.code == 2
        assert error in refused.err
    features = ["--features", 12, "--keep", 2, "--classes", 2]
    refused = topcert("plan", *features, "--workers", 2)
    assert "--workers needs DATA and MODEL" in refused.err
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        made_of(0)


def made_of(workers: int) -> object:
    return Cost(passes=9, passes_per_second=1.0, seconds=9.0, runtime="", bytes=9, blocks=1).shared(
        workers
    )
