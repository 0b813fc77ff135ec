"""The examples in docstrings of what people import run, and print what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "topcert.ablating",
    "topcert.certified",
    "topcert.classifiers.answers",
    "topcert.classifiers.mirrored",
    "topcert.classifiers.trained",
    "topcert.counted",
    "topcert.curves",
    "topcert.datasets.casting",
    "topcert.datasets.raw",
    "topcert.evaluation.intervals",
    "topcert.methods.suggestions",
    "topcert.planned",
    "topcert.python_words",
    "topcert.sklearn",
    "topcert.smoothed",
    "topcert.torch",
    "topcert.tuned",
    "topcert.votes",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0
    if name != "topcert.certified":
        assert found.attempted > 0
