"""A plain function as a classifier."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.classifiers.functions import FunctionClassifier
from topcert.classifiers.processor import this_cpu


def test_scores_and_labels_are_both_votes() -> None:
    batch = np.array([[0.1, 0.9], [0.7, 0.3]])
    assert FunctionClassifier(lambda x: x, num_classes=2)(batch).tolist() == [[1], [0]]
    assert FunctionClassifier(lambda x: x.argmin(axis=1), num_classes=2)(batch).tolist() == [
        [0],
        [1],
    ]


def test_it_says_what_it_is() -> None:
    classifier = FunctionClassifier(lambda x: x, num_classes=3, fingerprint="abc")
    assert (classifier.num_classes, classifier.fingerprint, classifier.batch_size) == (
        3,
        "abc",
        None,
    )
    assert classifier.runtime == f"numpy {np.__version__}, {this_cpu()}"


def test_whatever_the_function_raises_becomes_one_clear_error() -> None:
    def broken(_: NDArray[np.floating]) -> NDArray[np.floating]:
        raise KeyError("weights")

    with pytest.raises(
        ValueError, match=r"the model failed on a batch of shape \(2, 5\): KeyError: 'weights'"
    ) as caught:
        FunctionClassifier(broken, num_classes=2).answer(np.zeros((2, 5)))
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_label_out_of_range_is_refused_or_counted() -> None:
    with pytest.raises(ValueError, match="gave the label 9"):
        FunctionClassifier(lambda x: np.full(len(x), 9), num_classes=5)(np.zeros((2, 5)))
    lenient = FunctionClassifier(lambda x: np.where(x[:, 0] > 0, 9, 3), num_classes=5)
    lenient.refuse_labels = False
    assert lenient(np.array([[0.0], [1.0]]))[:, 0].tolist() == [3, 0]
    assert (lenient.undefined.out_of_range, lenient.undefined.label, lenient.undefined.asked) == (
        1,
        9,
        2,
    )


def test_a_function_that_works_in_place_does_not_write_to_the_batch() -> None:
    def in_place(batch: NDArray[np.floating]) -> NDArray[np.floating]:
        batch -= 0.5
        return batch

    batch = np.array([[0.1, 0.9], [0.7, 0.3]])
    before = batch.copy()
    assert FunctionClassifier(in_place, num_classes=2)(batch).tolist() == [[1], [0]]
    np.testing.assert_array_equal(batch, before)
