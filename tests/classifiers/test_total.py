"""Classifiers are total: an attacker who writes anything into one row moves no other row, and gets
some label.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from tests.classifiers.networks import SHAPE, example_of, make_batch, write_linear
from topcert.classifiers.answers import UNDEFINED_LABEL, AnswerError
from topcert.classifiers.classifier import Classifier
from topcert.classifiers.functions import FunctionClassifier
from topcert.classifiers.onnx import OnnxClassifier
from topcert.classifiers.sklearn_estimator import SklearnClassifier
from topcert.classifiers.torch_module import TorchClassifier
from topcert.classifiers.trial import check_trial

torch.set_num_threads(1)

WRITTEN = (3e38, -3e38, 3.4028235e38, 1e30, 65520.0, 1e-45, -0.0, np.inf, -np.inf, np.nan)
SIZE = 4


def flat_scores(batch: NDArray[Any]) -> NDArray[Any]:
    return batch.reshape(len(batch), -1)[:, :4]


def picky(batch: NDArray[Any]) -> NDArray[Any]:
    """Raises on a batch that holds anything out of the ordinary."""
    if not (np.abs(batch) < 1e3).all():
        raise ArithmeticError("a value out of the ordinary")
    return flat_scores(batch)


def place(batch: NDArray[Any]) -> NDArray[Any]:
    """Labels from a number that anyone may write: out of range, or no number at all."""
    with np.errstate(all="ignore"):
        return np.rint(np.abs(batch.reshape(len(batch), -1)[:, 0])).astype(np.int64)


class Picky(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not bool((x.abs() < 1e3).all()):
            raise RuntimeError("index out of range")
        return x.flatten(1)[:, :4]


def estimator(kind: Any) -> SklearnClassifier:
    return SklearnClassifier(kind.fit(make_batch().reshape(50, -1), np.arange(50) % 4))


def onnx(
    folder: Path, element: int = TensorProto.FLOAT, batch: int | str = "batch"
) -> OnnxClassifier:
    path = write_linear(folder / "net.onnx", element=element, batch=batch)
    return OnnxClassifier(path, example=example_of(SHAPE), device="cpu")


ADAPTERS: dict[str, Callable[[Path], Classifier]] = {
    "onnx": onnx,
    "onnx in half precision": lambda folder: onnx(folder, TensorProto.FLOAT16),
    "onnx of a fixed batch": lambda folder: onnx(folder, batch=SIZE),
    "torch": lambda _: TorchClassifier(
        nn.Sequential(nn.Flatten(), nn.Linear(18, 4)), example=example_of(SHAPE), device="cpu"
    ),
    "torch that raises": lambda _: TorchClassifier(
        Picky(), example=example_of(SHAPE), device="cpu"
    ),
    "logistic regression": lambda _: estimator(LogisticRegression()),
    "naive Bayes": lambda _: estimator(GaussianNB()),
    "a tree": lambda _: estimator(DecisionTreeClassifier()),
    "a function": lambda _: FunctionClassifier(flat_scores, num_classes=4),
    "a function that raises": lambda _: FunctionClassifier(picky, num_classes=4),
    "a function to labels": lambda _: FunctionClassifier(place, num_classes=4),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # what scikit-learn says of infinite values
@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whatever_one_row_holds_it_has_a_label_and_its_mates_keep_theirs(
    tmp_path: Path, kind: str, dtype: Any
) -> None:
    classifier = ADAPTERS[kind](tmp_path)
    classifier.refuse_labels = False
    clean = make_batch(SIZE).astype(dtype)
    before = classifier(clean)
    values = (*WRITTEN, 1e308) if dtype is np.float64 else WRITTEN
    for value in values:
        for row in range(SIZE):
            batch = clean.copy()
            batch[row, 0, 0, 0] = value
            found = classifier.read(batch)
            mates = np.arange(SIZE) != row
            np.testing.assert_array_equal(found.ballots[mates], before[mates])
            assert 0 <= found.ballots[row, 0] < classifier.num_classes
            alone = classifier.read(np.repeat(batch[row : row + 1], SIZE, axis=0))
            assert found.ballots[row, 0] == alone.ballots[row, 0], "a vote is a function of its row"
            assert found.undefined[row] == alone.undefined[row]
            if found.undefined[row]:
                assert found.ballots[row, 0] == UNDEFINED_LABEL


def test_the_attackers_do_reach_every_part_of_the_rule(tmp_path: Path) -> None:
    """Else the test above could pass where nothing ever went wrong."""
    reached = set()
    for kind, make in ADAPTERS.items():
        classifier = make(tmp_path)
        classifier.refuse_labels = False
        batch = make_batch(SIZE)
        batch[1, 0, 0, 0] = 3e38
        if "tree" not in kind:
            classifier(batch)
        shown = classifier.undefined
        reached |= {
            name for name in ("not_finite", "raised", "out_of_range") if getattr(shown, name)
        }
        assert shown.asked in (0, SIZE)
    assert reached == {"not_finite", "raised", "out_of_range"}


def test_a_row_that_is_asked_alone_is_asked_in_the_shape_of_the_batch() -> None:
    seen = []

    def function(batch: NDArray[Any]) -> NDArray[Any]:
        seen.append(batch.copy())
        return picky(batch)

    batch = make_batch(SIZE)
    batch[2, 0, 0, 0] = 1e9
    classifier = FunctionClassifier(function, num_classes=4)
    labels = classifier(batch)
    assert [len(part) for part in seen] == [SIZE] * (1 + SIZE)
    for row, part in enumerate(seen[1:]):
        np.testing.assert_array_equal(part, np.repeat(batch[row : row + 1], SIZE, axis=0))
    wanted = flat_scores(batch).argmax(1)
    wanted[2] = UNDEFINED_LABEL
    assert labels[:, 0].tolist() == wanted.tolist()
    assert (
        classifier.undefined.raised,
        classifier.undefined.total,
        classifier.undefined.asked,
    ) == (1, 1, SIZE)
    assert "ArithmeticError: a value out of the ordinary" in classifier.undefined.reason


def test_only_votes_of_the_run_are_counted() -> None:
    batch = make_batch(SIZE)
    batch[1:3, 0, 0, 0] = np.nan
    classifier = FunctionClassifier(flat_scores, num_classes=4)
    classifier.answer(batch)
    classifier.read(batch)
    classifier(batch, num_votes=0)
    assert (classifier.undefined.total, classifier.undefined.asked) == (0, 0)
    classifier(batch, num_votes=2)
    assert (classifier.undefined.not_finite, classifier.undefined.asked) == (1, 2)
    classifier(batch)
    assert (classifier.undefined.not_finite, classifier.undefined.asked) == (3, 6)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((9,), np.dtype(float)),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        FileNotFoundError(2, "No such file"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError(),
    ],
    ids=repr,
)
def test_what_is_nobodys_row_stops_the_run(error: Exception) -> None:
    def function(_: NDArray[Any]) -> NDArray[Any]:
        raise error

    with pytest.raises(
        ValueError, match="the model could not be run on a batch of shape"
    ) as caught:
        FunctionClassifier(function, num_classes=4)(make_batch(SIZE))
    assert not isinstance(caught.value, AnswerError)
    assert caught.value.__cause__ is error


def test_ctrl_c_in_a_model_is_not_swallowed() -> None:
    def function(_: NDArray[Any]) -> NDArray[Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FunctionClassifier(function, num_classes=4)(make_batch(SIZE))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (
            lambda batch: flat_scores(batch) * np.nan,
            "scores that are NaN or infinite for each of 4 ablated inputs",
        ),
        (
            lambda batch: batch["no such"],
            r"the model failed on a batch of shape \(4, 2, 3, 3\): IndexError",
        ),
        (
            lambda batch: np.full(len(batch), 4),
            "gave the label 4; with 4 classes labels are 0 .. 3; where it counts from 1",
        ),
        (lambda batch: np.arange(len(batch)) + 1, "the label 4"),
    ],
)
def test_a_model_without_an_answer_to_any_ordinary_row_is_refused_before_the_run(
    function: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        check_trial(FunctionClassifier(function, num_classes=4), make_batch(4))


def test_a_model_with_an_answer_to_one_ordinary_row_is_taken() -> None:
    batch = make_batch(4)
    batch[:3, 0, 0, 0] = 1e9
    check_trial(FunctionClassifier(picky, num_classes=4), batch)
    batch[3, 0, 0, 0] = 1e9
    with pytest.raises(ValueError, match="a value out of the ordinary"):
        check_trial(FunctionClassifier(picky, num_classes=4), batch)
