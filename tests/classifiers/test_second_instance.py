"""A second instance of a model knows nothing of what the first one was asked."""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from topcert.classifiers.loading import load_classifier
from topcert.classifiers.second_instance import CALLED, FILE, MODULES, modules_anew, second_instance

EXAMPLE = np.random.default_rng(0).random((4, 6), dtype=np.float32)

COUNTING = """
import numpy as np
import beside
CALLS = []
class Model:
    calls = []
    def __call__(self, batch):
        from beside import COUNTS
        for kept in (CALLS, self.calls, COUNTS):
            kept.append(1)
        return np.full((len(batch), 3), len(CALLS) + len(self.calls) + len(COUNTS), float)
def make():
    return Model()
"""


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that counts its calls: in its module, in its class, and in another module that it
    imports late.
    """
    (tmp_path / "counting.py").write_text(COUNTING)
    (tmp_path / "beside.py").write_text("COUNTS = []\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("counting", "beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_state_of_modules_and_classes_starts_over_and_the_first_keeps_its_own(
    counting: Path,
) -> None:
    first = load_classifier("counting:make", example=EXAMPLE)
    loaded = first.answer(EXAMPLE)[0, 0]
    before = {name: sys.modules[name] for name in ("counting", "beside")}
    for _ in range(3):
        first.answer(EXAMPLE)
    with second_instance(
        "counting:make", first, example=EXAMPLE, device="auto", output=None
    ) as again:
        assert again.how == MODULES
        assert again.classifier is not None
        assert again.classifier.answer(EXAMPLE)[0, 0] == loaded
    assert {name: sys.modules[name] for name in before} == before
    assert first.answer(EXAMPLE)[0, 0] == loaded + 4 * 3


def test_only_a_persons_own_modules_are_run_again(counting: Path) -> None:
    import counting as first  # type: ignore[import-not-found]
    import scipy.special as installed

    with modules_anew():
        assert "counting" not in sys.modules
        assert sys.modules["scipy.special"] is installed
        assert sys.modules["topcert.classifiers.loading"].load_classifier is load_classifier
    assert sys.modules["counting"] is first


def test_a_module_that_cannot_be_run_twice_has_its_function_called_again(counting: Path) -> None:
    guard = (
        "import sys\nif getattr(sys, 'once_for_tests', False):\n    raise RuntimeError('registered"
        " twice')\n"
    )
    (counting / "counting.py").write_text(guard + "sys.once_for_tests = True\n" + COUNTING)
    try:
        first = load_classifier("counting:make", example=EXAMPLE)
        with second_instance(
            "counting:make", first, example=EXAMPLE, device="auto", output=None
        ) as again:
            assert again.how == CALLED
            assert again.classifier is not None
            assert again.classifier is not first
    finally:
        del sys.once_for_tests  # type: ignore[attr-defined]


def test_what_cannot_be_loaded_twice_is_told(counting: Path) -> None:
    (counting / "counting.py").write_text(
        COUNTING.replace("return Model()", "return Model() if not CALLS else 1 / 0")
    )
    first = load_classifier("counting:make", example=EXAMPLE)
    (counting / "beside.py").write_text("raise RuntimeError('gone')\n")
    with second_instance(
        "counting:make", first, example=EXAMPLE, device="auto", output=None
    ) as again:
        assert again.classifier is None
        assert "division by zero" in again.how


def test_files_are_loaded_again(tmp_path: Path) -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(EXAMPLE, [0, 1, 2, 1])
    joblib.dump(forest, tmp_path / "forest.joblib")
    name = str(tmp_path / "forest.joblib")
    first = load_classifier(name, example=EXAMPLE)
    with second_instance(name, first, example=EXAMPLE, device="auto", output=None) as again:
        assert again.how == MODULES
        assert again.classifier is not None
        assert again.classifier is not first
        assert np.array_equal(again.classifier(EXAMPLE), first(EXAMPLE))
    shown = np.zeros((2, 6, 32, 32), np.float32)
    carried = load_classifier("compact", example=shown)
    with second_instance("compact", carried, example=shown, device="auto", output=None) as again:
        assert again.how == FILE
        assert again.classifier is not None
        assert np.array_equal(again.classifier.answer(shown), carried.answer(shown))
