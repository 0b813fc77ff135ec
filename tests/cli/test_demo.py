"""`topcert demo` does the main job on data that is already here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome
from topcert.evaluation.accuracy import read_accuracy


@pytest.fixture
def demo(workplace: Path, topcert: Callable[..., Outcome]) -> Outcome:
    return topcert("demo", "--samples", 250)


def test_the_demo_certifies_draws_and_verifies(
    demo: Outcome, topcert: Callable[..., Outcome]
) -> None:
    assert demo.code == 0, demo.err
    folder = Path("topcert-demo")
    made = {path.name for path in folder.iterdir()}
    assert {
        "gallery.png",
        "gallery.svg",
        "accuracy.png",
        "accuracy.svg",
        "digits.joblib",
        "manifest.json",
    } <= made
    shares = {
        (int(k), int(r)): float(share)
        for k, r, _, _, share, _ in read_accuracy(folder / "accuracy.csv")
    }
    assert shares[1, 0] > 0.5  # far beyond chance, and top 3 beyond top 1
    assert shares[3, 0] > shares[1, 0]
    assert shares[3, 3] > 0.1
    assert topcert("verify", folder, "--model", folder / "digits.joblib", "--replay", 5).code == 0
    again = topcert("demo")
    assert again.code == 2
    assert "already holds" in again.err
