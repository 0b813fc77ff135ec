"""scikit-learn estimators."""

from __future__ import annotations

import warnings
from typing import Any, final

import numpy as np
import sklearn
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError
from topcert.classifiers.classifier import Classifier
from topcert.classifiers.names import read_names
from topcert.classifiers.processor import this_cpu


@final
class SklearnClassifier(Classifier):
    """A fitted classifier; each ablated input is flattened into one row, and its `classes_` are the labels in order."""

    def __init__(self, estimator: Any, *, fingerprint: str = "") -> None:
        classes = getattr(estimator, "classes_", None)
        if isinstance(classes, (list, tuple)) and any(np.ndim(part) for part in classes):
            raise ValueError(several_outputs(estimator, len(classes)))
        if classes is None or np.ndim(classes) != 1:
            raise ValueError(f"{type(estimator).__name__} has no one-dimensional classes_; pass a fitted classifier")
        numbers = np.sort(np.asarray(classes))
        if numbers.dtype.kind in "iuf" and not np.array_equal(numbers, np.arange(len(numbers))):
            raise ValueError(  # the label 1 of an input could be the class 1 or the one at place 1
                f"the model's classes_ are {', '.join(map(str, numbers.tolist()))[:80]}, and labels count from 0; fit "
                "it on labels 0, 1, ... without gaps, or on names"
            )
        super().__init__(
            num_classes=len(numbers),
            fingerprint=fingerprint,
            runtime=f"scikit-learn {sklearn.__version__}, {this_cpu()}",
            class_names=read_names(np.asarray(classes).tolist(), len(numbers)),
        )
        self._estimator = estimator
        self._order = np.argsort(classes)
        self._classes = np.asarray(classes)[self._order]

    def run(self, batch: NDArray[np.floating]) -> Any:
        rows = batch.reshape(len(batch), -1).copy()  # a pipeline may work in place
        with warnings.catch_warnings():  # without pandas a model fitted on a table warns at every batch
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            found = np.asarray(self._estimator.predict(named(rows, self._estimator)))
        if found.ndim == 2 and found.shape[1] > 1:  # several labels an input, which are no scores
            raise AnswerError(several_outputs(self._estimator, found.shape[1]))
        found = found.reshape(-1)  # some packages give a column
        places = np.searchsorted(self._classes, found).clip(max=self.num_classes - 1)
        unknown = self._classes[places] != found
        if unknown.any():
            raise AnswerError(f"the model predicted {str(found[unknown][0])!r}, which is none of its classes_")
        return self._order[places]


def named(rows: NDArray[Any], estimator: Any) -> Any:
    """The rows under the column names that an estimator was fitted on: as a DataFrame, where it was fitted on one."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or np.shape(names) != rows.shape[1:]:
        return rows
    try:
        import pandas as pd  # what fitted the estimator had it; topcert does without
    except ImportError:
        return rows
    return pd.DataFrame(rows, columns=np.asarray(names))


def several_outputs(estimator: Any, outputs: int) -> str:
    """What to say of an estimator that predicts more than one thing."""
    return (
        f"{type(estimator).__name__} has several outputs ({outputs}), and a vote is one label; fit a classifier for one of "
        "them, or give a function that returns one"
    )
