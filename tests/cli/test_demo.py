"""`topcert demo` does the main job on data that is already here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import joblib
import pytest

import topcert as library
from tests.conftest import Outcome
from topcert.evaluation.accuracy import read_accuracy
from topcert.training import digits


@pytest.fixture
def demo(workplace: Path, topcert: Callable[..., Outcome]) -> Outcome:
    return topcert("demo", "--samples", 250)


def test_the_demo_certifies_draws_and_verifies(
    demo: Outcome, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
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
    check_python(demo, monkeypatch)


def check_python(demo: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python does what the command did; the network, which takes longest, is that of the first."""

    def trained(*_: object, num_kept: int, seed: int) -> object:
        assert (num_kept, seed) == (10, 0)
        return joblib.load("topcert-demo/digits.joblib")

    monkeypatch.setattr(digits, "train_digits", trained)
    made = library.demo(out="python", num_samples=250, progress=False)
    names = {path.name for path in made.folder.iterdir()}
    assert {path.name for path in Path("topcert-demo").iterdir()} == names
    for name in ("counts.csv", "accuracy.csv", "gallery.png"):
        one, other = (Path(folder, name).read_bytes() for folder in ("topcert-demo", "python"))
        assert one == other, name
    for row in made.rows():
        shown = (row["index"], row["label"], f"{row['votes']} of {row['total']}", row["radius_1"])
        cells = ["abstains" if cell is None else str(cell) for cell in shown]
        (line,) = (
            line
            for line in demo.out.splitlines()
            if [cell.strip() for cell in line.split("│")[1:3]] == cells[:2]
        )
        assert [cell.strip() for cell in line.split("│")[1:5]] == cells
    with pytest.raises(ValueError, match="python already holds a demo; remove it or choose"):
        library.demo(out="python")
