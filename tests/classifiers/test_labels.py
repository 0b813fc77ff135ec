"""The rule that turns an output into labels: first largest score, and nothing that is not a vote passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from topcert.classifiers import labels_of
from topcert.classifiers.classifier import width_of


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8])
def test_scores_give_the_largest(dtype: Any) -> None:
    scores = np.array([[1, 3, 2], [9, 0, 1], [0, 1, 7]], dtype)
    labels = labels_of(scores, batch_size=3, num_classes=3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 0, 2]


def test_the_first_of_equal_largest_scores_wins() -> None:
    scores = [[0.5, 0.5, 0.5], [0.1, 0.7, 0.7], [-1.0, -1.0, -2.0], [0.0, -0.0, 0.0]]
    assert labels_of(np.array(scores), batch_size=4, num_classes=3).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_labels_pass_as_they_are(dtype: Any) -> None:
    given = np.array([2, 0, 1, 2], dtype)
    labels = labels_of(given, batch_size=4, num_classes=3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [2, 0, 1, 2]
    assert not np.shares_memory(labels, given)


def test_a_list_is_as_good_as_an_array() -> None:
    assert labels_of([1, 0], batch_size=2, num_classes=2).tolist() == [1, 0]
    assert labels_of([[0.1, 0.9], [0.8, 0.2]], batch_size=2, num_classes=2).tolist() == [1, 0]


@pytest.mark.parametrize(("bad", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_a_score_that_is_not_finite_is_refused_with_its_class(bad: float, shown: str) -> None:
    scores = np.zeros((3, 4))
    scores[1, 2] = bad
    with pytest.raises(ValueError, match=rf"gave the score {shown} for class 2; a vote needs finite scores"):
        labels_of(scores, batch_size=3, num_classes=4)


@pytest.mark.parametrize("label", [-1, 3, 255])
def test_a_label_out_of_range_is_refused_with_the_range(label: int) -> None:
    with pytest.raises(ValueError, match=rf"gave the label {label}; with 3 classes labels are 0 \.\. 2"):
        labels_of(np.array([0, label, 2]), batch_size=3, num_classes=3)


@pytest.mark.parametrize("shape", [(3, 5), (3, 3), (2, 4), (4, 4), (0, 4)])
def test_scores_of_another_shape_are_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"gave scores of shape .* expected \(3, 4\)") as caught:
        labels_of(np.zeros(shape), batch_size=3, num_classes=4)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    "output",
    [
        np.zeros(3),  # labels must be integers
        np.zeros(2, np.int64),  # of another batch
        np.zeros((3, 4, 1)),
        np.int64(0),
        np.zeros(3, np.bool_),
        np.zeros((3, 4), np.bool_),
        np.zeros((3, 4), np.complex128),
        np.array(["0", "1", "2"]),
        np.array([None, None, None]),
        None,
    ],
    ids=lambda output: f"{np.asarray(output).dtype}-{np.shape(output)}",
)
def test_anything_else_is_refused_with_what_is_expected(output: Any) -> None:
    with pytest.raises(ValueError, match=r"expected scores \(3, 4\) or integer labels \(3,\)"):
        labels_of(output, batch_size=3, num_classes=4)


def test_the_width_of_scores_is_the_number_of_classes() -> None:
    assert width_of(np.zeros((2, 7))) == 7
    assert width_of(np.zeros(2, np.int64)) is None
    assert width_of(np.zeros((2, 7, 1, 1))) is None
