"""scikit-learn estimators: whatever their classes are called, labels are places in `classes_`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from topcert.classifiers.processor import this_cpu
from topcert.classifiers.sklearn_estimator import SklearnClassifier

CENTRES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
ROWS = np.repeat(CENTRES, 10, axis=0) + np.random.default_rng(0).normal(size=(30, 2)) / 10


class Odd:
    """A classifier as other packages write them: `classes_` in any order, any predictions."""

    def __init__(self, classes: list[Any], predictions: list[Any]) -> None:
        self.classes_ = np.array(classes)
        self.predictions = np.array(predictions)

    def predict(self, _: NDArray[np.floating]) -> NDArray[Any]:
        return self.predictions


class Raises:
    """A classifier whose prediction fails in the way that it is given."""

    classes_ = np.arange(2)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def predict(self, _: NDArray[np.floating]) -> NDArray[Any]:
        raise self.error


@pytest.mark.parametrize(
    "classes", [[0, 1, 2], [1, 2, 0], [2.0, 0.0, 1.0], ["plum", "apple", "fig"], [True, False]]
)
def test_labels_are_places_in_classes(classes: list[Any]) -> None:
    names = np.repeat(np.array(classes), 10)
    classifier = SklearnClassifier(NearestCentroid().fit(ROWS[: len(names)], names))
    labels = classifier(CENTRES[: len(classes)])[:, 0]
    assert classifier.num_classes == len(classes)
    assert labels.dtype == np.int64
    assert [sorted(classes)[label] for label in labels] == classes


@pytest.mark.parametrize("classes", [[1, 2, 3], [3, 50, 7], [-1, 0, 1], [0.5, 1.5]])
def test_numbers_that_are_not_their_places_are_refused(classes: list[Any]) -> None:
    with pytest.raises(
        ValueError, match=r"classes_ are .*labels count from 0; fit it on labels 0, 1"
    ):
        SklearnClassifier(Odd(classes, classes))


def test_classes_need_not_be_sorted() -> None:
    odd = Odd(["plum", "apple", "fig"], ["fig", "apple", "plum"])
    assert SklearnClassifier(odd)(np.zeros((3, 2))).tolist() == [[2], [1], [0]]


@pytest.mark.parametrize("prediction", ["zebra", "aardvark", "cat"])
def test_a_prediction_that_is_no_class_is_refused(prediction: str) -> None:
    odd = Odd(["ant", "bee", "dog"], ["ant", prediction])
    with pytest.raises(
        ValueError, match=f"the model predicted '{prediction}', which is none of its classes_"
    ):
        SklearnClassifier(odd).answer(np.zeros((2, 2)))


def test_an_input_of_any_shape_is_one_row() -> None:
    generator = np.random.default_rng(1)
    images = generator.random((40, 2, 3, 3)).astype(np.float32)
    fitted = GaussianNB().fit(images.reshape(40, 18), generator.integers(0, 4, 40))
    classifier = SklearnClassifier(fitted, fingerprint="abc")
    np.testing.assert_array_equal(classifier(images)[:, 0], fitted.predict(images.reshape(40, 18)))
    assert (classifier.num_classes, classifier.fingerprint, classifier.batch_size) == (
        4,
        "abc",
        None,
    )
    assert classifier.runtime == f"scikit-learn {sklearn.__version__}, {this_cpu()}"


def test_an_estimator_that_works_in_place_does_not_write_to_the_batch() -> None:
    pipeline = make_pipeline(StandardScaler(copy=False), GaussianNB()).fit(
        ROWS.copy(), np.repeat([0, 1, 2], 10)
    )
    batch = CENTRES.copy()
    assert SklearnClassifier(pipeline)(batch).tolist() == [[0], [1], [2]]
    np.testing.assert_array_equal(batch, CENTRES)


def test_an_estimator_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match="LogisticRegression has no one-dimensional classes_; pass a fitted classifier",
    ):
        SklearnClassifier(LogisticRegression())


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(ValueError, match="dict has no one-dimensional classes_"):
        SklearnClassifier({"classes": 3})


def test_rows_of_another_width_are_refused_with_their_width() -> None:
    classifier = SklearnClassifier(GaussianNB().fit(ROWS, np.repeat([0, 1, 2], 10)))
    with pytest.raises(
        ValueError,
        match=r"the model failed on a batch of shape \(5, 3\): ValueError: X has 3 features",
    ):
        classifier.answer(np.zeros((5, 3)))


@pytest.mark.parametrize("error", [ValueError(), TypeError("no floats"), AttributeError("scaler")])
def test_whatever_the_estimator_raises_becomes_one_clear_error(error: Exception) -> None:
    with pytest.raises(
        ValueError, match=r"the model failed on a batch of shape \(1, 2\): \w+: \S"
    ) as caught:
        SklearnClassifier(Raises(error)).answer(np.zeros((1, 2)))
    assert caught.value.__cause__ is error


def test_an_estimator_fitted_on_a_table_with_names_is_asked_under_them() -> None:
    pandas = pytest.importorskip("pandas")
    names = ["length", "width"]
    fitted = LogisticRegression().fit(
        pandas.DataFrame(ROWS, columns=names), np.repeat([0, 1, 2], 10)
    )
    # a warning would be an error here
    assert SklearnClassifier(fitted)(CENTRES).tolist() == [[0], [1], [2]]


def test_an_estimator_with_names_is_asked_without_a_warning_where_there_is_no_pandas() -> None:
    fitted = LogisticRegression().fit(ROWS, np.repeat([0, 1, 2], 10))
    fitted.feature_names_in_ = np.array(["length", "width"], object)
    assert SklearnClassifier(fitted)(CENTRES).tolist() == [[0], [1], [2]]
