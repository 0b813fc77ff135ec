"""What the documents show works as it stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import topcert.methods
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation

METHODS_PAGE = Path(__file__).parent.parent / "docs" / "methods.md"


def test_the_method_of_the_worked_example_is_one_file_of_forty_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"```python\n(.*?)```", METHODS_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    source = found.group(1)
    assert len(source.splitlines()) <= 40
    (tmp_path / "hoeffding.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(topcert.methods, "__path__", [*topcert.methods.__path__, str(tmp_path)])
    counts = np.array([[950, 30, 20], [400, 350, 250]])
    labels = np.zeros(2, np.int64)
    smoothing = Smoothing(noise=Ablation(num_kept=5), unit="pixel", num_features=100)
    try:
        radii = {
            name: (
                certify(
                    find_vote_method(name),
                    counts,
                    smoothing=smoothing,
                    labels=labels,
                    label_choice="given",
                    ks=[1, 2],
                    alpha=0.01,
                ).radius
            )
            for name in ("hoeffding", "ablation")
        }
    finally:
        sys.modules.pop("topcert.methods.hoeffding", None)
    assert (radii["hoeffding"] <= radii["ablation"]).all()
    assert radii["hoeffding"][0] > 0


def test_every_method_stands_in_the_documents() -> None:
    from topcert.methods.registered_methods import ALIASES, all_methods

    page = METHODS_PAGE.read_text(encoding="utf-8")
    for name in [*all_methods(), *ALIASES]:
        assert f"`{name}`" in page
