"""scikit-learn estimators."""

from __future__ import annotations

import warnings
from typing import Any, final

import numpy as np
import sklearn
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError
from topcert.classifiers.class_names import read_names
from topcert.classifiers.classifier import Classifier
from topcert.classifiers.processor import this_cpu
from topcert.classifiers.shown_rows import Show


@final
class SklearnClassifier(Classifier):
    """A fitted classifier; each ablated input is flattened into one row, or is a text, and its
    `classes_` are the labels in order.

    One label is what it predicts. Ballots of more rank the classes by `predict_proba`, or
    `decision_function` where there is no such method, with what it predicts first: an estimator may
    predict another class than its likeliest. Raises ValueError where it has neither and `depth` is
    more than 1.
    """

    def __init__(
        self, estimator: Any, *, fingerprint: str = "", depth: int = 1, show: Show = np.copy
    ) -> None:
        classes = getattr(estimator, "classes_", None)
        if isinstance(classes, (list, tuple)) and any(np.ndim(part) for part in classes):
            raise ValueError(several_outputs(estimator, len(classes)))
        if classes is None or np.ndim(classes) != 1:
            raise ValueError(
                f"{type(estimator).__name__} has no one-dimensional classes_; pass a fitted"
                " classifier"
            )
        numbers = np.sort(np.asarray(classes))
        if numbers.dtype.kind in "iuf" and not np.array_equal(numbers, np.arange(len(numbers))):
            raise ValueError(  # the label 1 of an input could be the class 1 or the one at place 1
                f"the model's classes_ are {', '.join(map(str, numbers.tolist()))[:80]}, and labels"
                " count from 0; fit it on labels 0, 1, ... without gaps, or on names"
            )
        super().__init__(
            num_classes=len(numbers),
            fingerprint=fingerprint,
            runtime=f"scikit-learn {sklearn.__version__}, {this_cpu()}",
            class_names=read_names(np.asarray(classes).tolist(), len(numbers)),
            depth=depth,
        )
        self._estimator, self._show = estimator, show
        self._order = np.argsort(classes)
        self._classes = np.asarray(classes)[self._order]
        ways = ("predict_proba", "decision_function")
        self._scores = next(
            (getattr(estimator, way) for way in ways if hasattr(estimator, way)), None
        )
        if depth > 1 and (self._scores is None or _scores_pairs(estimator)):
            raise ValueError(
                f"{type(estimator).__name__} predicts one label, and has no predict_proba and no"
                f" decision_function with a score for each class, so it cannot rank {depth}; fit"
                " one that has, or use --ballot 1"
            )

    def run(self, batch: NDArray[np.floating]) -> Any:
        rows = self._show(batch)
        if isinstance(rows, np.ndarray):
            rows = rows.reshape(len(batch), -1)
        # without pandas a model fitted on a table warns at every batch
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            table = named(rows, self._estimator)
            found = np.asarray(self._estimator.predict(table))
            scores = (
                None if self.depth == 1 or self._scores is None else np.asarray(self._scores(table))
            )
        if found.ndim == 2 and found.shape[1] > 1:  # several labels an input, which are no scores
            raise AnswerError(several_outputs(self._estimator, found.shape[1]))
        found = found.reshape(-1)  # some packages give a column
        places = np.searchsorted(self._classes, found).clip(max=self.num_classes - 1)
        unknown = self._classes[places] != found
        if unknown.any():
            raise AnswerError(
                f"the model predicted {str(found[unknown][0])!r}, which is none of its classes_"
            )
        labels = self._order[places]
        return labels if scores is None else self._ranking(scores, labels)

    def _ranking(self, scores: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores of all classes, by which what was predicted is the best."""
        if scores.shape != (len(labels), self.num_classes):
            raise AnswerError(
                f"the model gave scores of shape {scores.shape} for {self.num_classes} classes,"
                " which do not rank them"
            )
        ranking = scores.astype(np.float64)
        rows = np.flatnonzero(np.isfinite(ranking).all(axis=1) & (ranking.argmax(axis=1) != labels))
        ranking[rows, labels[rows]] = np.nextafter(ranking[rows].max(axis=1), np.inf)
        return ranking


def _scores_pairs(estimator: Any) -> bool:
    """Whether its decision function is about pairs of classes, of which three classes have
    three.
    """
    inner = getattr(estimator, "best_estimator_", estimator)
    steps = getattr(inner, "steps", None)
    last = steps[-1][1] if steps else inner
    return (
        not hasattr(last, "predict_proba") and getattr(last, "decision_function_shape", "") == "ovo"
    )


def named(rows: Any, estimator: Any) -> Any:
    """The rows under the column names that an estimator was fitted on: as a DataFrame, where it was
    fitted on one.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or np.shape(names) != np.shape(rows)[1:]:
        return rows
    try:
        import pandas as pd  # what fitted the estimator had it; topcert does without
    except ImportError:
        return rows
    return pd.DataFrame(rows, columns=np.asarray(names))


def several_outputs(estimator: Any, outputs: int) -> str:
    """What to say of an estimator that predicts more than one thing."""
    return (
        f"{type(estimator).__name__} has several outputs ({outputs}), and a vote is one label; fit"
        " a classifier for one of them, or give a function that returns one"
    )
