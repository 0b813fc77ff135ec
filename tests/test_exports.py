"""The names that people import, and that importing them costs little."""

from __future__ import annotations

import subprocess
import sys

import pytest

import topcert

NAMES = [
    "ABSTAIN",
    "Ablation",
    "Accuracy",
    "Attacker",
    "Certificates",
    "Claim",
    "Cost",
    "Counts",
    "Demo",
    "Discrete",
    "Gaussian",
    "InProcess",
    "Plan",
    "Predictions",
    "Processes",
    "RawInput",
    "Ray",
    "Reading",
    "Records",
    "Recipe",
    "RowCast",
    "SmoothedClassifier",
    "Stopping",
    "Survival",
    "Teaching",
    "TightnessWitness",
    "TorchOptions",
    "Trained",
    "TrainingNoise",
    "Tuned",
    "Verification",
    "Votes",
    "__version__",
    "ablate",
    "certified_radius",
    "certify_counts",
    "certify_network",
    "compare",
    "count_votes",
    "demo",
    "edit_radius",
    "evaluate",
    "intersection_union_bounds",
    "merge",
    "open_votes",
    "plan",
    "read_counts",
    "simultaneous_bounds",
    "stay_radius",
    "survival",
    "tightness_witness",
    "train_network",
    "tune",
    "verify",
]


def test_the_names_are_these() -> None:
    assert topcert.__all__ == sorted(NAMES)
    assert set(NAMES) <= set(dir(topcert))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(topcert, name)
    if callable(found):
        assert found.__doc__


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'SmoothClassifier'"):
        _ = topcert.SmoothClassifier


def test_the_object_is_imported_without_torch_sklearn_or_matplotlib() -> None:
    code = "import sys; from topcert import SmoothedClassifier; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "sklearn", "matplotlib", "onnxruntime", "typer", "pandas"}
    assert heavy & set(done.stdout.split()) == set()
