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


def blas(path: str, kind: str) -> dict[str, str | None]:
    return {"internal_api": "openblas", "filepath": path, "architecture": kind}


@pytest.mark.parametrize(
    ("libraries", "named"),
    [
        ([{"internal_api": "openmp"}, blas("numpy.libs/a.so", "SkylakeX")], "cpu SkylakeX"),
        (
            [blas("a/scipy.libs/a.so", "Haswell"), blas("b/numpy.libs/b.so", "SkylakeX")],
            "cpu SkylakeX",
        ),
        (
            [blas("b/numpy.libs/b.so", "SkylakeX"), blas("a/scipy.libs/a.so", "Haswell")],
            "cpu SkylakeX",
        ),
        ([blas("lib/b.so", "Zen"), blas("lib/a.so", "Haswell")], "cpu Haswell"),
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
