"""The total rule that turns an answer into labels: first largest score, and one fixed label for
what is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from topcert.classifiers.answers import (
    UNDEFINED_LABEL,
    AnswerError,
    ReadAnswer,
    checked_answer,
    out_of_range,
    read_answer,
)


def judged(output: Any, *, batch_size: int, num_classes: int) -> ReadAnswer:
    return read_answer(
        checked_answer(output, batch_size=batch_size, num_classes=num_classes),
        num_classes=num_classes,
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8])
def test_scores_give_the_largest(dtype: Any) -> None:
    found = judged(np.array([[1, 3, 2], [9, 0, 1], [0, 1, 7]], dtype), batch_size=3, num_classes=3)
    assert found.ballots.dtype == np.int64
    assert found.ballots[:, 0].tolist() == [1, 0, 2]
    assert not found.undefined.any()


def test_the_first_of_equal_largest_scores_wins() -> None:
    scores = [[0.5, 0.5, 0.5], [0.1, 0.7, 0.7], [-1.0, -1.0, -2.0], [0.0, -0.0, 0.0]]
    assert judged(np.array(scores), batch_size=4, num_classes=3).ballots[:, 0].tolist() == [
        0,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_labels_pass_as_they_are(dtype: Any) -> None:
    given = np.array([2, 0, 1, 2], dtype)
    labels = judged(given, batch_size=4, num_classes=3).ballots[:, 0]
    assert labels.dtype == np.int64
    assert labels.tolist() == [2, 0, 1, 2]
    assert not np.shares_memory(labels, given)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_a_column_of_labels_and_booleans_are_labels(shape: tuple[int, ...]) -> None:
    assert judged(np.array([1, 0, 2, 1]).reshape(shape), batch_size=4, num_classes=3).ballots[
        :, 0
    ].tolist() == [1, 0, 2, 1]
    truth = np.array([True, False, False, True]).reshape(shape)
    assert judged(truth, batch_size=4, num_classes=2).ballots[:, 0].tolist() == [1, 0, 0, 1]


def test_a_list_is_as_good_as_an_array() -> None:
    assert judged([1, 0], batch_size=2, num_classes=2).ballots[:, 0].tolist() == [1, 0]
    assert judged([[0.1, 0.9], [0.8, 0.2]], batch_size=2, num_classes=2).ballots[:, 0].tolist() == [
        1,
        0,
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_row_with_a_score_that_is_not_finite_has_the_fixed_label_and_no_other_row_has(
    bad: float, place: int
) -> None:
    scores = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 2.0, 1.0]])
    scores[1, place] = bad
    found = judged(scores, batch_size=3, num_classes=4)
    assert found.ballots[:, 0].tolist() == [1, UNDEFINED_LABEL, 2]
    assert found.not_finite.tolist() == found.undefined.tolist() == [False, True, False]


@pytest.mark.parametrize("scores", [[3e38, -3e38], [1e308, 1e307], [65504.0, 0.0]])
def test_a_huge_score_is_a_score(scores: list[float]) -> None:
    found = judged(np.array([scores]), batch_size=1, num_classes=2)
    assert found.ballots[:, 0].tolist() == [0]
    assert not found.undefined.any()


@pytest.mark.parametrize(
    ("label", "dtype"),
    [(-1, np.int64), (3, np.int64), (255, np.uint8), (2**63, np.uint64), (-(2**63), np.int64)],
)
def test_a_label_out_of_range_becomes_the_fixed_one_and_is_told(label: int, dtype: Any) -> None:
    found = judged(np.array([1, label, 2], dtype), batch_size=3, num_classes=3)
    assert found.ballots[:, 0].tolist() == [1, UNDEFINED_LABEL, 2]
    assert found.out_of_range.tolist() == [False, True, False]
    assert found.label == label
    assert f"the model gave the label {label}; with 3 classes labels are 0 .. 2" in out_of_range(
        label, 3
    )


def test_labels_that_count_from_one_are_told_what_to_do() -> None:
    assert out_of_range(3, 3).endswith("where it counts from 1, subtract 1")
    assert not out_of_range(4, 3).endswith("subtract 1")


@pytest.mark.parametrize("shape", [(3, 5), (3, 3), (2, 4), (4, 4), (0, 4)])
def test_scores_of_another_shape_are_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(AnswerError, match=r"gave scores of shape .* expected \(3, 4\)") as caught:
        checked_answer(np.zeros(shape), batch_size=3, num_classes=4)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    "output",
    [
        np.zeros(3),  # labels must be integers
        np.zeros(2, np.int64),  # of another batch
        np.zeros((3, 4, 1)),
        np.int64(0),
        np.zeros((3, 4), np.bool_),
        np.zeros((3, 4), np.complex128),
        np.array(["0", "1", "2"]),
        np.array([None, None, None]),
        None,
    ],
    ids=lambda output: f"{np.asarray(output).dtype}-{np.shape(output)}",
)
def test_anything_else_is_refused_with_what_is_expected(output: Any) -> None:
    with pytest.raises(AnswerError, match=r"expected scores \(3, 4\) or integer labels \(3,\)"):
        checked_answer(output, batch_size=3, num_classes=4)


def test_what_is_no_array_is_refused_by_its_kind() -> None:
    with pytest.raises(AnswerError, match="the model gave a list of 2 list, which is no array: "):
        checked_answer([[1.0], [1.0, 2.0]], batch_size=2, num_classes=2)
