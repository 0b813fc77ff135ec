"""Ballots: the best labels of scores in order, or those that a model ranks itself; total, too."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tests.classifiers.networks import make_batch, write_linear
from topcert.classifiers.answers import AnswerError, best_labels, checked_answer, read_answer
from topcert.classifiers.functions import FunctionClassifier
from topcert.classifiers.loading import load_classifier, wrap
from topcert.classifiers.sklearn_estimator import SklearnClassifier

Array = NDArray[Any]
CLASSES = 5
ROWS = np.random.default_rng(3).normal(size=(40, 4))
WEIGHTS = np.random.default_rng(4).normal(size=(4, CLASSES))


def slow_ballot(scores: list[float], depth: int) -> list[int]:
    """As one would say it: again and again the first of the largest that are left."""
    left, found = list(enumerate(scores)), []
    for _ in range(depth):
        best = max(score for _, score in left)
        found.append(next(label for label, score in left if score == best))
        left = [(label, score) for label, score in left if label != found[-1]]
    return found


def scores(batch: Array) -> Array:
    return np.asarray(batch.reshape(len(batch), -1)[:, :4] @ WEIGHTS)


def ranked(depth: int) -> Any:
    return lambda batch: np.argsort(-scores(batch), axis=1)[:, :depth]


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, np.uint64]
)
def test_a_ballot_has_the_largest_scores_the_first_of_equal_ones_first(dtype: Any) -> None:
    given = np.random.default_rng(0).integers(0, 4, (200, 7)).astype(dtype)  # many are equal
    if np.issubdtype(dtype, np.unsignedinteger):
        given[given == 3] = np.iinfo(dtype).max  # which cannot be negated
    for depth in range(1, 7):
        wanted = [slow_ballot(row, depth) for row in given.tolist()]
        assert best_labels(given, depth).tolist() == wanted
        assert best_labels(given, depth).dtype == np.int64
        assert read_answer(given, num_classes=7, depth=depth).ballots.tolist() == wanted


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_labels_that_a_model_ranks_are_its_ballot_as_they_are(depth: int) -> None:
    classifier = wrap(ranked(depth), example=ROWS, num_classes=CLASSES, depth=depth)
    by_scores = wrap(scores, example=ROWS, depth=depth)
    assert classifier.num_classes == by_scores.num_classes == CLASSES
    assert classifier(ROWS).shape == (40, depth)
    np.testing.assert_array_equal(classifier(ROWS), by_scores(ROWS))
    for fewer in range(1, depth):  # what names fewer labels names the first of these
        np.testing.assert_array_equal(
            wrap(scores, example=ROWS, depth=fewer)(ROWS), by_scores(ROWS)[:, :fewer]
        )


def test_undefined_answers_have_the_first_labels_in_order() -> None:
    given = np.array([[3.0, 1, 2, 0], [0, np.nan, 9, 1], [np.inf, 0, 0, 0]])
    found = read_answer(given, num_classes=4, depth=3)
    assert found.ballots.tolist() == [[0, 2, 1], [0, 1, 2], [0, 1, 2]]
    assert found.not_finite.tolist() == found.undefined.tolist() == [False, True, True]
    named = np.array([[3, 1, 2], [2, 2, 1], [0, 4, 1], [-1, 5, 5], [3, 0, 3]], np.int16)
    found = read_answer(named, num_classes=4, depth=3)
    assert found.ballots.tolist() == [[3, 1, 2], [2, 0, 1], [0, 1, 2], [0, 1, 2], [3, 0, 1]]
    assert found.repeated.tolist() == [False, True, False, False, True]
    assert found.out_of_range.tolist() == [False, False, True, True, False]  # one reason a row
    assert found.label == 4


@pytest.mark.parametrize("rows_at_a_time", [1, 50, 1 << 22])
def test_the_first_labels_of_a_ballot_do_not_depend_on_what_is_ranked_below(
    monkeypatch: pytest.MonkeyPatch, rows_at_a_time: int
) -> None:
    """All ways to rank labels, right or wrong: a run with fewer labels casts the first of these."""
    monkeypatch.setattr("topcert.classifiers.answers._ROWS", rows_at_a_time)
    given = np.array(list(itertools.product(range(-1, 6), repeat=4)))
    found = read_answer(given, num_classes=5, depth=4)
    for fewer in (1, 2, 3):
        alone = read_answer(given[:, :fewer], num_classes=5, depth=fewer)
        np.testing.assert_array_equal(found.ballots[:, :fewer], alone.ballots)
    for row, ballot in zip(given.tolist(), found.ballots.tolist(), strict=True):
        right = [
            label
            for rank, label in enumerate(row)
            if all(0 <= one < 5 for one in row[: rank + 1])
            and len(set(row[: rank + 1])) == rank + 1
        ]
        lowest = [label for label in range(5) if label not in right]
        assert ballot == (right + lowest)[:4]


def test_what_a_model_had_no_ballot_for_is_counted_by_its_reason() -> None:
    def function(batch: Array) -> Array:
        if (batch[:, 0] > 100).any():
            raise ArithmeticError("too bright")
        found = ranked(2)(batch)
        found[batch[:, 0] > 10] = [4, 4]
        return found

    classifier = FunctionClassifier(function, num_classes=CLASSES, depth=2)
    batch = ROWS[:6].copy()
    batch[1, 0], batch[4, 0] = 11, 1000
    found = classifier(batch)
    assert found[[1, 4]].tolist() == [[4, 0], [0, 1]]
    np.testing.assert_array_equal(found[[0, 2, 3, 5]], ranked(2)(batch[[0, 2, 3, 5]]))
    shown = classifier.undefined
    assert (shown.repeated, shown.raised, shown.total, shown.asked) == (1, 1, 2, 6)
    rule = "the labels 0, 1 (of ranked ones, after those before the first fault)"
    assert f"which count as {rule}: 1 on which it raised" in shown.in_words()
    assert "1 with a label twice" in shown.in_words()


REFUSED: dict[str, tuple[Any, dict[str, int], str]] = {
    "one label each": (
        lambda b: scores(b).argmax(1),
        {"depth": 3},
        r"gave one label .* a ballot has 3; .*--ballot 1",
    ),
    "too few labels": (
        ranked(2),
        {"depth": 3, "num_classes": 5},
        r"integer labels \(40, 3\), the best first",
    ),
    "too many labels": (
        ranked(4),
        {"depth": 3, "num_classes": 5},
        r"gave int64 \(40, 4\) .*integer labels \(40, 3\)",
    ),
    "more labels, or scores": (
        ranked(4),
        {"depth": 3},
        r"may be scores or ranked labels; .*return the first 3.*--classes 4",
    ),
    "labels of unknown classes": (
        ranked(3),
        {"depth": 3},
        "returns labels, so say how many classes there are: --classes",
    ),
    "labels in floats": (
        lambda b: ranked(3)(b) * 1.0,
        {"depth": 3},
        r"ranked labels are integers \(40, 3\)",
    ),
    "labels in floats of 5": (
        lambda b: ranked(3)(b) * 1.0,
        {"depth": 3, "num_classes": 5},
        r"scores \(40, 5\) or integer",
    ),
    "all classes": (scores, {"depth": 5}, "a ballot has 5: scores are of more classes than that"),
    "all counted classes": (
        scores,
        {"depth": 5, "num_classes": 5},
        r"--ballot must lie in 1 \.\. 4, .* got 5",
    ),
    "none": (scores, {"depth": 0}, r"--ballot must lie in 1 \.\. 4"),
    "always a label twice": (
        lambda b: np.full((len(b), 2), 3),
        {"depth": 2, "num_classes": 5},
        "named a label twice for 40 of 40 ablated inputs",
    ),
    "a label too large": (
        lambda b: ranked(2)(b) + 1,
        {"depth": 2, "num_classes": 5},
        "gave the label 5; .*subtract 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_ballot_is_refused_with_the_fix(name: str) -> None:
    model, options, says = REFUSED[name]
    with pytest.raises(ValueError, match=says):
        wrap(model, example=ROWS, **options)


def test_integer_scores_are_scores_where_the_classes_are_counted() -> None:
    whole = np.random.default_rng(1).integers(0, 100, (6, CLASSES))
    for given in (whole, torch.from_numpy(whole)):
        answer = checked_answer(given, batch_size=6, num_classes=CLASSES, depth=2)
        found = read_answer(answer, num_classes=CLASSES, depth=2).ballots
        assert found.tolist() == [slow_ballot(row, 2) for row in whole.tolist()]
    with pytest.raises(AnswerError, match="may be scores or ranked labels"):
        checked_answer(whole, batch_size=6, depth=2)


def test_integers_that_may_be_labels_are_told_where_they_pass_for_scores() -> None:
    shown = wrap(ranked(3), example=ROWS).choice.note
    assert (
        "taken as scores of 3 classes; where they are labels, the best first, say --ballot 3 and"
        " --classes" in shown
    )
    assert (
        wrap(lambda batch: np.rint(scores(batch)).astype(np.int64), example=ROWS).choice.note == ""
    )
    assert wrap(ranked(3), example=ROWS, num_classes=3).choice.note == ""


def test_networks_name_the_best_labels_too(tmp_path: Path) -> None:
    batch = make_batch(6)
    write_linear(tmp_path / "net.onnx")
    one, three = (
        load_classifier(str(tmp_path / "net.onnx"), example=batch, depth=depth) for depth in (1, 3)
    )
    wanted = [slow_ballot(row, 3) for row in three.answer(batch).tolist()]
    assert three(batch).tolist() == wanted
    assert one(batch)[:, 0].tolist() == [ballot[0] for ballot in wanted]
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(batch[0].size, CLASSES))
    found = wrap(module, example=batch, depth=3, device="cpu")
    with torch.inference_mode():
        given = module(torch.from_numpy(batch.astype(np.float32))).tolist()
    assert found(batch).tolist() == [slow_ballot(row, 3) for row in given]


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), Perceptron()),
        RandomForestClassifier(3, random_state=0),
        SVC(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_an_estimator_ranks_classes_with_what_it_predicts_first(model: Any) -> None:
    labels = np.arange(40) % CLASSES
    classifier = SklearnClassifier(model.fit(ROWS, labels), depth=3)
    batch = np.random.default_rng(9).normal(size=(60, 4))
    found = classifier(batch)
    np.testing.assert_array_equal(found[:, 0], model.predict(batch))
    way = model.predict_proba if hasattr(model, "predict_proba") else model.decision_function
    for row, given in enumerate(way(batch).tolist()):
        rest = [label for label in slow_ballot(given, CLASSES) if label != found[row, 0]]
        assert found[row, 1:].tolist() == rest[:2]


def test_an_estimator_whose_scores_are_no_ranking_is_refused_for_ballots() -> None:
    labels = np.arange(40) % 3  # of three classes there are three pairs
    pairs = SVC(decision_function_shape="ovo")
    for model in (pairs, make_pipeline(StandardScaler(), pairs), LabelsAlone()):
        fitted = model.fit(ROWS, labels)
        assert SklearnClassifier(fitted)(ROWS).shape == (40, 1)
        with pytest.raises(ValueError, match="cannot rank 2; fit one that has, or use --ballot 1"):
            SklearnClassifier(fitted, depth=2)


class LabelsAlone:
    """An estimator without scores."""

    def fit(self, _: Array, y: Array) -> LabelsAlone:
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Array) -> Array:
        return np.zeros(len(x), np.int64)


class Contrary(LogisticRegression):
    """Predicts the least likely class, as a rule for costs may."""

    def predict(self, x: Array) -> Array:
        return np.asarray(self.classes_[self.predict_proba(x).argmin(axis=1)])


def test_a_prediction_that_is_not_the_likeliest_class_still_comes_first() -> None:
    model = Contrary().fit(ROWS, np.arange(40) % CLASSES)
    found = SklearnClassifier(model, depth=4)(ROWS)
    np.testing.assert_array_equal(found[:, 0], SklearnClassifier(model)(ROWS)[:, 0])
    for row, given in enumerate(model.predict_proba(ROWS).tolist()):
        order = slow_ballot(given, CLASSES)
        assert found[row].tolist() == [order[-1], *order[:3]]
