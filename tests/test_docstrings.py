"""The examples in docstrings of what people import run, and print what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "topcert.api.ablate",
    "topcert.api.certificates",
    "topcert.classifiers.answers",
    "topcert.classifiers.mirrored",
    "topcert.classifiers.trained",
    "topcert.api.certify_counts",
    "topcert.api.accuracy_curves",
    "topcert.datasets.casting",
    "topcert.datasets.raw",
    "topcert.evaluation.accuracy_intervals",
    "topcert.methods.suggestions",
    "topcert.api.plan",
    "topcert.api.python_words",
    "topcert.sklearn",
    "topcert.api.smoothed_classifier",
    "topcert.torch",
    "topcert.api.tune",
    "topcert.api.votes",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    if name != "topcert.api.certificates":
        assert found.attempted > 0
