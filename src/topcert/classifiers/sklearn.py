"""scikit-learn estimators."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import sklearn
from numpy.typing import NDArray

from topcert.classifiers.classifier import AnswerError, Classifier
from topcert.classifiers.names import read_names
from topcert.classifiers.processor import this_cpu


@final
class SklearnClassifier(Classifier):
    """A fitted classifier; each ablated input is flattened into one row, and its `classes_` are the labels in order."""

    def __init__(self, estimator: Any, *, fingerprint: str = "") -> None:
        classes = getattr(estimator, "classes_", None)
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
        found = np.asarray(self._estimator.predict(rows))
        places = np.searchsorted(self._classes, found).clip(max=self.num_classes - 1)
        unknown = self._classes[places] != found
        if unknown.any():
            raise AnswerError(f"the model predicted {str(found[unknown][0])!r}, which is none of its classes_")
        return self._order[places]
