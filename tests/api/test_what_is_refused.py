"""What would be left out or reinterpreted without a word is refused, in the words of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import topcert
from topcert.api.python_words import in_python

X = np.random.default_rng(0).random((6, 12))
LABELS = [0, 1, 2] * 2


def smoothed(model: Any = None, **options: Any) -> topcert.SmoothedClassifier:
    return topcert.SmoothedClassifier(
        (lambda batch: batch[:, :3]) if model is None else model,
        noise=topcert.Ablation(num_kept=6),
        **options,
    )


class Table:
    """A DataFrame and an estimator, as far as names of columns go."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns


@pytest.mark.parametrize("columns", [["b", "a"], ["a", "c"], ["a"], ["a", "b", "y"]])
def test_other_columns_than_the_model_was_fitted_on(columns: list[str]) -> None:
    def model(batch: np.ndarray) -> np.ndarray:
        return batch[:, :2]

    model.feature_names_in_ = np.array(["a", "b"])  # type: ignore[attr-defined]
    wrong: Any = Table(columns)
    with pytest.raises(ValueError, match=r"the model was fitted on a, b \(2\), in this order"):
        smoothed(model).vote(wrong, num_samples=5)
    with pytest.raises(ValueError, match="the model was fitted on a, b"):
        topcert.tune(model, wrong, radius=0, noises=[topcert.Ablation(num_kept=2)])


def test_a_data_frame_in_another_order() -> None:
    pandas = pytest.importorskip("pandas")
    from sklearn.linear_model import LogisticRegression

    frame = pandas.DataFrame(X[:, :4], columns=["age", "income", "debt", "years"])
    model = LogisticRegression().fit(frame, LABELS)
    with pytest.raises(ValueError, match="the columns of x are years, debt, income, age"):
        smoothed(model).vote(frame[frame.columns[::-1]], num_samples=5)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 4, "drop_last": True}, {"batch_sampler": [[4, 5], [0]]}],
)
def test_a_loader_that_leaves_inputs_out(options: dict[str, Any]) -> None:
    loader = DataLoader(TensorDataset(torch.from_numpy(X)), **options)
    with pytest.raises(ValueError, match="leaves inputs out"):
        smoothed().vote(loader, num_samples=5)


def test_masked_values() -> None:
    masked = np.ma.masked_array(X, X > 0.9)
    with pytest.raises(ValueError, match="masked values"):
        smoothed().vote(masked, num_samples=5)
    whole = smoothed().vote(np.ma.masked_array(X, False), num_samples=5, progress=False)
    assert len(whole) == 6


@pytest.mark.parametrize("names", [["a", "a", "b"], ["a", "", "b"], "abc", []])
def test_class_names_that_name_no_classes(names: Any) -> None:
    with pytest.raises(ValueError, match="class_names must be different names"):
        smoothed(class_names=names)


def test_no_folder_is_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="out is ''; name a place"):
        smoothed().vote(X, LABELS, num_samples=5, out="")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["no folder runs/my--seed/x", "no folder a--resume", "--seed-x 3"])
def test_a_name_that_looks_like_an_option_stays(text: str) -> None:
    assert in_python(text) == text


def test_equal_runs_leave_equal_folders(tmp_path: Path) -> None:
    found = set()
    for number in range(8):
        folder = tmp_path / str(number)
        smoothed(batch_size=20).vote(X[:1], LABELS[:1], num_samples=60, out=folder, progress=False)
        found.add(tuple(path.read_bytes() for path in sorted(folder.rglob("*.*"))))
    assert len(found) == 1


def test_more_replays_than_votes_are_all_of_them(tmp_path: Path) -> None:
    model = smoothed()
    votes = model.vote(X, LABELS, num_samples=50, out=tmp_path / "o", progress=False)
    votes.certify().save()
    checked = votes.verify(model.model, data=X, labels=LABELS, replay=10**9, progress=False)
    assert checked.good
    assert checked.replayed_votes == 300


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"question": "x"}, "the question of a stopping rule must be radius=R"),
        ({"method": "lee"}, "the method of a stopping rule must be ablation or located, got 'lee'"),
        ({"label": "predicted"}, "the label of a stopping rule must be given or selected"),
        ({"alpha": 0}, "alpha must lie strictly between 0 and 1, got 0"),
        ({"alpha": "0.1"}, "alpha must be a number"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"k": 1.5}, "k must be a whole number"),
    ],
)
def test_a_stopping_rule_that_asks_nothing(wrong: dict[str, Any], says: str) -> None:
    usual: dict[str, Any] = {"question": "exact", "k": 1, "alpha": 0.01}
    with pytest.raises(ValueError, match=says):
        topcert.Stopping(**{**usual, **wrong})
    assert topcert.Stopping(**{**usual, "alpha": np.float64(0.01)}).to_text() == (
        "exact; k=1; alpha=0.01; label=given; rule=evidence-2"
    )
