"""An argument of the wrong kind is one line of ours, which names it, its value and the fix."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from torch.utils.data import Dataset

import topcert
from tests.packages import install
from topcert.api.python_words import in_python
from topcert.plugins import NOISES
from topcert.sklearn import TopKCertifier
from topcert.torch import Smoothed

X = np.random.default_rng(0).random((6, 12))
LABELS = [0, 1, 2] * 2
NOISE = topcert.Ablation(num_kept=6)
LAST = {"num_samples": 20, "progress": False}


def model(batch: Any) -> Any:
    return batch[:, :3]


SMOOTHED = topcert.SmoothedClassifier(model, noise=NOISE)
VOTES = SMOOTHED.vote(X, LABELS, num_samples=20, progress=False)
FOUND = VOTES.certify(k=1)
ACCURACY = FOUND.accuracy()
TENSOR = torch.from_numpy(X)


class Items(Dataset[Any]):
    """A data set of what `make` gives of a place."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, place: int) -> Any:
        return self.make(place)


def vote(x: Any = X, labels: Any = None, **options: Any) -> topcert.Votes:
    return SMOOTHED.vote(x, labels, **{**LAST, **options})


def smoothed(**options: Any) -> topcert.SmoothedClassifier:
    return topcert.SmoothedClassifier(model, noise=NOISE, **options)


def train(**options: Any) -> topcert.Trained:
    return topcert.train_network("cifar10", out="o", **options)


def tune(**options: Any) -> topcert.Tuned:
    usual = {"noises": [NOISE], "radius": 0, **LAST}
    return topcert.tune(model, X, LABELS, **{**usual, **options})


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: VOTES.certify(alpha="0.1"), "alpha must be a number, got '0.1'; write 0.1"),
    (lambda: VOTES.certify(k=[]), r"k is \[\], which asks about no k; give one or several"),
    (lambda: VOTES.certify(k="12"), r"k must be a whole number \(an int\), got '12'"),
    (lambda: VOTES.certify(k={1: 2}), "k must be a whole number"),
    (lambda: VOTES.certify(progress=5), "progress must be None, False, or a function"),
    (lambda: VOTES.plot(5), "ax must be matplotlib axes, got 5; leave it out"),
    (lambda: VOTES.save(5), "folder must be a path, as text or a Path, got 5"),
    (lambda: FOUND.save(5), "folder must be a path"),
    (lambda: ACCURACY.save(5), "path must be a path"),
    (lambda: ACCURACY.at(1.5), "radius must be a whole number"),
    (lambda: ACCURACY.at(-1), "a radius must be at least 0, got -1"),
    (lambda: ACCURACY.interval(-1), "a radius must be at least 0, got -1"),
    (lambda: ACCURACY.to_markdown(radii=5), r"radii must be a list, such as \[0, 1, 5\], got 5"),
    (lambda: topcert.compare(FOUND), r"runs must be a list, such as \[one, other\], got a Cert"),
    (lambda: topcert.compare([5]), "each of runs must be Certificates or Accuracy, got 5"),
    (lambda: topcert.compare([FOUND], "a"), "names must be a list"),
    (lambda: topcert.compare([FOUND], [5]), "each of names must be a text"),
    (lambda: smoothed(device=0), "device must be auto, cpu, cuda or cuda:N, got 0; write 'cuda:0'"),
    (lambda: smoothed(device=torch.device("cpu")), r"got device\(type='cpu'\); write 'cpu'"),
    (lambda: smoothed(class_names=5), "class_names must be different names, .* got 5"),
    (lambda: smoothed(executor=5), "executor must be an Executor, such as .*, got 5"),
    (lambda: vote(out=5), "out must be a path, as text or a Path, got 5"),
    (lambda: vote(stop=5), "stop must be a Stopping, such as .*, got 5"),
    (lambda: vote(reading=5), "reading must be a Reading, such as .*, got 5"),
    (lambda: vote(progress=5), "progress must be None, False, or a function of the stage"),
    (lambda: vote(resume="yes"), "resume must be True or False, got 'yes'"),
    (lambda: vote(label_choice="selected", num_selection=0), "num_selection must be at least 1"),
    (lambda: vote(label_choice="given"), "label_choice is 'given', and there are no labels"),
    (lambda: vote(labels=[0.5] * 6), r"^labels must be integers.* labels\.astype\(int\)"),
    (lambda: vote(labels=[-1] * 6), "^labels hold the label -1"),
    (lambda: vote(TENSOR.bfloat16()), r"of torch.bfloat16, which NumPy does not .* its float\(\)"),
    (lambda: vote(TENSOR.to_sparse()), r"sparse \(torch.sparse_coo\); give its to_dense\(\)"),
    (lambda: vote(scipy.sparse.csr_matrix(X)), r"is a csr_matrix.*; give its toarray\(\)"),
    (lambda: vote(Items(lambda i: {"image": TENSOR[i]})), "item 0 of Items is a dict of 'image'"),
    (
        lambda: vote(Items(lambda i: TENSOR[i] if i < 2 else torch.rand(12))),
        "item 2 of Items is another each time",
    ),
    (lambda: SMOOTHED.predict(X, k="1"), "k must be a whole number"),
    (lambda: SMOOTHED.predict(X, out=5), "out must be a path"),
    (lambda: tune(noises=NOISE), r"noises must be a list, such as \[topcert\.Ablation"),
    (lambda: tune(claim=5), "claim must be a Claim"),
    (lambda: topcert.open_votes(5), "folder must be a path"),  # type: ignore[arg-type]
    (lambda: topcert.verify(5), "folder must be a path"),  # type: ignore[arg-type]
    (lambda: topcert.Reading(limit="x"), "limit must be a whole number"),  # type: ignore[arg-type]
    (lambda: topcert.Ablation(num_kept=5, design=5), "design must be a text such as 'partitions'"),
    (lambda: topcert.Ablation(design="lattice:0x0"), "which follows from the number kept"),
    (lambda: topcert.plan(num_features=9, num_kept=2, num_classes=3, alpha="1"), "write 1"),
    (lambda: Smoothed(torch.nn.Linear(12, 3), noise=NOISE)(X), "x must be a Tensor, such as"),
    (lambda: Smoothed(5, noise=NOISE), "module must be a Module"),  # type: ignore[arg-type]
    (lambda: vote(x=X, reading=topcert.Reading(value_range=5)), "value_range"),
    (lambda: vote(x=None), "x is None; give the inputs"),
    (lambda: topcert.merge(5, out="o"), "folders must be a list"),  # type: ignore[arg-type]
    (lambda: topcert.merge([5], out="o"), "each of folders must be a path"),  # type: ignore[list-item]
    (lambda: SMOOTHED.vote_share(X, share=5, out="o"), "share must be I/N"),  # type: ignore[arg-type]
    (lambda: topcert.RowCast.of(X), "frame must be a pandas DataFrame, got an ndarray"),
    (lambda: topcert.Recipe(epochs="2"), "epochs must be a whole number"),  # type: ignore[arg-type]
    (lambda: topcert.Teaching(teacher=5), "teacher must be a path"),  # type: ignore[arg-type]
    (lambda: topcert.TrainingNoise(law=5), "law must be a text, got 5"),  # type: ignore[arg-type]
    (lambda: train(recipe=5), "recipe must be a Recipe, such as"),
    (lambda: train(device=0), "device must be auto, cpu, cuda or cuda:N, got 0"),
    (lambda: topcert.ablate(TENSOR.bfloat16(), num_kept=2, seed=0), "of torch.bfloat16"),
    (lambda: TopKCertifier(num_kept="3").fit(X, LABELS), "num_kept must be a number, got '3'"),
    (lambda: topcert.count_votes(5, X, noise=NOISE, num_samples=9), "the model is an int, not"),
]


@pytest.mark.parametrize(("call", "says"), WRONG)
def test_an_argument_of_the_wrong_kind(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)


def test_columns_of_a_data_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :4], columns=list("abcd"))
    with pytest.raises(ValueError, match="no column 'z' in the DataFrame to take labels of; it ha"):
        vote(frame, "z")
    frame.columns = list("aacd")
    with pytest.raises(ValueError, match="the DataFrame has 2 columns 'a'"):
        vote(frame)


def test_k_may_be_an_array() -> None:
    assert VOTES.certify(k=np.array([1, 2])).k == (1, 2)
    assert VOTES.certify(k=np.int64(1)).k == (1,)


def test_tune_asks_about_as_many_classes_as_there_are() -> None:
    assert tune().k == 2


def test_classes_that_only_the_labels_name_are_told() -> None:
    names = ["cat", "ant", "bee"] * 2
    with pytest.warns(UserWarning, match="in the order of text: 'ant', 'bee', 'cat'; say its own"):
        votes = vote(labels=names)
    assert votes.labels is not None
    assert votes.labels.tolist() == [2, 0, 1] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        named = smoothed(class_names=["cat", "ant", "bee"]).vote(X, names, **LAST)
    assert named.labels is not None
    assert named.labels.tolist() == [0, 1, 2] * 2


LAW = """
from dataclasses import dataclass, field
from typing import ClassVar
from topcert.noise.law import Noise, option

@dataclass(frozen=True, kw_only=True)
class Blur(Noise):
    name: ClassVar[str] = "blur"
    title: ClassVar[str] = "Blur"
    known: ClassVar[frozenset[str]] = frozenset()
    strength: float = field(
        metadata=option("--blur-by", meaning="how much", help_text="How much.", kind=float)
    )
"""


def test_options_of_a_new_law_are_its_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "--blur-by must be at least 0; --keep too"
    assert in_python(text) == "--blur-by must be at least 0; num_kept too"
    install(
        monkeypatch,
        tmp_path,
        package="topcert-blur",
        entries={NOISES: {"blur": "blur_for_tests:Blur"}},
        modules={"blur_for_tests": LAW},
    )
    assert in_python(text) == "strength must be at least 0; num_kept too"
