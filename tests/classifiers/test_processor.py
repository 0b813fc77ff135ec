"""The kind of the processor, as runtimes name it."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Iterator

import pytest

from topcert.classifiers import processor
from topcert.classifiers.processor import this_cpu


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    this_cpu.cache_clear()
    yield
    this_cpu.cache_clear()


@pytest.mark.parametrize(
    ("libraries", "named"),
    [
        ([{"internal_api": "openmp"}, {"internal_api": "openblas", "architecture": "SkylakeX"}], "cpu SkylakeX"),
        ([{"internal_api": "openmp"}], f"cpu {platform.machine()}"),
        ([{"internal_api": "openblas", "architecture": None}], f"cpu {platform.machine()}"),
        ([], f"cpu {platform.machine()}"),
    ],
)
def test_the_kind_is_that_of_the_blas_or_else_the_machine(
    monkeypatch: pytest.MonkeyPatch, libraries: list[dict[str, str | None]], named: str
) -> None:
    monkeypatch.setattr(processor, "threadpool_info", lambda: libraries)
    assert this_cpu() == named


def test_what_is_imported_later_does_not_change_it() -> None:
    before = this_cpu()
    this_cpu.cache_clear()
    importlib.import_module("torch")
    importlib.import_module("onnxruntime")
    importlib.import_module("scipy.linalg")
    assert this_cpu() == before
