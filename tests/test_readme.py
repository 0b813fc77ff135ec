"""The quickstart of README runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_ten_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(
        r"## From Python\n\n```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S
    )
    assert found is not None
    code = found.group(1)
    assert len([line for line in code.splitlines() if line]) <= 10
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(6 * 1024, 10))
    names: dict[str, Any] = {
        "model": lambda batch: batch.reshape(len(batch), -1) @ weights,
        "x": generator.random((3, 32, 32, 3)),
        "labels": np.array([3, 1, 4]),
    }
    exec(code.replace("10_000", "300").replace("k=3,", "num_samples=300, k=3,"), names)
    assert names["votes"].num_samples == 300
    assert len(names["shown"][0]) == 3
    assert (tmp_path / "runs" / "mine" / "certificates.parquet").is_file()
