"""From what a person names to a classifier: every kind of name, and a clear error for every wrong
one.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from tests.classifiers.networks import (
    SHAPE,
    example_of,
    linear_labels,
    make_batch,
    make_weights,
    write_linear,
)
from topcert.classifiers import loading
from topcert.classifiers.functions import FunctionClassifier
from topcert.classifiers.loading import load_classifier
from topcert.classifiers.onnx import OnnxClassifier
from topcert.classifiers.sklearn_estimator import SklearnClassifier
from topcert.classifiers.torch_module import TorchClassifier

torch.set_num_threads(1)

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module into the current directory, which is not on the path, and name it; forgotten
    afterwards.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    written = []

    def write(source: str) -> str:
        name = f"loaded_by_a_test_{len(written)}"
        written.append(name)
        Path(f"{name}.py").write_text("import numpy as np\n" + source)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


def load(name: str, num_classes: int | None = None) -> Any:
    return load_classifier(name, example=example_of(SHAPE), device="cpu", num_classes=num_classes)


def fitted() -> GaussianNB:
    return GaussianNB().fit(make_batch().reshape(50, -1), np.arange(50) % 3)


def test_an_onnx_file_is_loaded(tmp_path: Path) -> None:
    classifier = load(str(write_linear(tmp_path / "net.onnx")))
    assert isinstance(classifier, OnnxClassifier)
    assert classifier(make_batch())[:, 0].tolist() == linear_labels(make_batch(), make_weights())


def test_a_carried_network_is_loaded_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loading.CARRIED, "compact", str(write_linear(tmp_path / "net.onnx")))
    assert load("compact").fingerprint == load(str(tmp_path / "net.onnx")).fingerprint


@pytest.mark.parametrize(
    ("name", "shape"),
    [("compact", (6, 32, 32)), ("lattice", (6, 7, 7)), ("lattice-mirrored", (6, 7, 7))],
)
def test_the_networks_in_the_package_take_cifar10_as_it_is_shown_to_them(
    name: str, shape: tuple[int, ...]
) -> None:
    if not files("topcert.models").joinpath(loading.CARRIED[name]).is_file():
        pytest.skip("this checkout carries no network")
    classifier = load_classifier(name, example=example_of(shape), device="cpu")
    assert classifier.num_classes == 10
    assert classifier(np.zeros((3, *shape), np.float32)).shape == (3, 1)


@pytest.mark.parametrize("suffix", [".joblib", ".pkl", ".pickle"])
def test_a_scikit_learn_file_is_loaded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    joblib.dump(fitted(), path) if suffix == ".joblib" else path.write_bytes(pickle.dumps(fitted()))
    classifier = load(str(path))
    assert isinstance(classifier, SklearnClassifier)
    np.testing.assert_array_equal(
        classifier(make_batch())[:, 0], fitted().predict(make_batch().reshape(50, -1))
    )


def test_the_fingerprint_of_a_scikit_learn_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    prints = []
    for name, smoothing in (("a", 1e-9), ("b", 1e-9), ("c", 1e-2)):
        joblib.dump(fitted().set_params(var_smoothing=smoothing), tmp_path / f"{name}.joblib")
        prints.append(load(str(tmp_path / f"{name}.joblib")).fingerprint)
    assert prints[0] == prints[1] != prints[2]
    assert len(prints[0]) == 64


def test_a_function_in_the_current_directory_is_found(write: Write) -> None:
    name = write("def make():\n    return lambda batch: batch.reshape(len(batch), -1)[:, :4]\n")
    assert str(Path.cwd()) not in sys.path
    classifier = load(f"{name}:make")
    assert isinstance(classifier, FunctionClassifier)
    assert classifier.num_classes == 4
    np.testing.assert_array_equal(
        classifier(make_batch())[:, 0], make_batch().reshape(50, -1)[:, :4].argmax(1)
    )


def test_a_function_may_give_a_torch_module(write: Write) -> None:
    source = """
import torch

def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(18, 7))

class Network(torch.nn.Module):
    def forward(self, x):
        return x.flatten(1)
"""
    name = write(source)
    classifier = load(f"{name}:make")
    assert isinstance(classifier, TorchClassifier)
    assert classifier.num_classes == 7
    assert load(f"{name}:Network").num_classes == 18


def test_a_function_may_give_a_fitted_estimator(write: Write) -> None:
    name = write(
        "from sklearn.naive_bayes import GaussianNB\n"
        "def make():\n    return GaussianNB().fit(np.eye(18)[[0, 1, 2] * 5], ['a', 'b', 'c'] * 5)\n"
    )
    classifier = load(f"{name}:make")
    assert isinstance(classifier, SklearnClassifier)
    assert classifier.num_classes == 3
    assert len(classifier.fingerprint) == 64


def test_a_function_that_gives_labels_needs_the_number_of_classes(write: Write) -> None:
    name = write("def make():\n    return lambda batch: np.arange(len(batch)) % 3\n")
    with pytest.raises(
        ValueError, match="returns labels, so say how many classes there are: --classes"
    ):
        load(f"{name}:make")
    classifier = load(f"{name}:make", num_classes=3)
    assert classifier.num_classes == 3
    assert classifier(make_batch(5))[:, 0].tolist() == [0, 1, 2, 0, 1]


def test_a_callable_may_say_its_number_of_classes(write: Write) -> None:
    name = write(
        "class Labels:\n    num_classes = 9\n    def __call__(self, batch):\n        return"
        " np.zeros(len(batch), int)\n"
    )
    assert load(f"{name}:Labels").num_classes == 9


def test_a_number_of_classes_that_contradicts_the_scores_is_refused(write: Write) -> None:
    name = write("def make():\n    return lambda batch: np.zeros((len(batch), 6))\n")
    with pytest.raises(
        ValueError, match="--classes is 5, the model gives 6 scores; leave --classes out"
    ):
        load(f"{name}:make", num_classes=5)


@pytest.mark.parametrize("shape", ["(len(batch), 1)", "len(batch)"])
def test_a_single_number_is_refused_with_the_fix(write: Write, shape: str) -> None:
    name = write(f"def make():\n    return lambda batch: np.zeros({shape})\n")
    with pytest.raises(
        ValueError, match=r"one number for each input, float64 \(2.*: a sigmoid .* \[1 - p, p\]"
    ):
        load(f"{name}:make")


def test_the_fingerprint_of_an_estimator_tells_what_was_fitted(write: Write) -> None:
    source = (
        "from sklearn.naive_bayes import GaussianNB\n\n\ndef make():\n    x, y ="
        " np.load('fit.npz').values()\n"
    )
    name = write(source + "    return GaussianNB().fit(x, y)\n")
    prints = []
    for shift in (0.0, 1.0, 0.0):
        np.savez("fit.npz", x=make_batch().reshape(50, -1) + shift, y=np.arange(50) % 3)
        prints.append(load(f"{name}:make").fingerprint)
    assert prints[0] == prints[2] != prints[1]


def test_a_device_is_refused_where_it_changes_nothing(write: Write, tmp_path: Path) -> None:
    name = write("def make():\n    return lambda batch: np.zeros((len(batch), 3))\n")
    joblib.dump(fitted(), tmp_path / "model.joblib")
    for model in (f"{name}:make", str(tmp_path / "model.joblib")):
        with pytest.raises(
            ValueError, match="--device cuda is for torch modules and ONNX networks"
        ):
            load_classifier(model, example=example_of(SHAPE), device="cuda")
        with pytest.raises(ValueError, match="--device must be auto"):
            load_classifier(model, example=example_of(SHAPE), device="gpu")


def test_the_fingerprint_of_a_function_tells_files_and_functions_apart(write: Write) -> None:
    body = "    return lambda batch: np.zeros((len(batch), {}))\n"
    two = write("def make():\n" + body.format(3) + "def other():\n" + body.format(3))
    changed = write("def make():\n" + body.format(4))
    prints = [
        load(name).fingerprint
        for name in (f"{two}:make", f"{two}:other", f"{changed}:make", f"{two}:make")
    ]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]
    assert all(len(found) == 64 for found in prints)


@pytest.mark.parametrize(
    "name", ["resnet", "model.pt", "", "module:", ":", "module:a.b", "module:1", "folder/"]
)
def test_an_unknown_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"unknown model .*; give compact, lattice, lattice-mirrored, an \.onnx file, a \.joblib"
            r" file or module:fun"
        ),
    ) as caught:
        load(name)
    assert repr(name) in str(caught.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    for name in ("none.onnx", "none.joblib", "none.pkl"):
        with pytest.raises(ValueError, match=f"{name} does not exist"):
            load(str(tmp_path / name))


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04cno_such_module\nThing\n."])
def test_a_damaged_scikit_learn_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.joblib does not load with joblib: \w+: "):
        load(str(path))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    joblib.dump({"weights": 1}, tmp_path / "model.joblib")
    with pytest.raises(
        ValueError, match="dict has no one-dimensional classes_; pass a fitted classifier"
    ):
        load(str(tmp_path / "model.joblib"))
    joblib.dump(LogisticRegression(), tmp_path / "model.joblib")
    with pytest.raises(ValueError, match="LogisticRegression has no one-dimensional classes_"):
        load(str(tmp_path / "model.joblib"))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no weights here')", "RuntimeError: no weights here"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def make(:", "SyntaxError: "),
    ],
)
def test_a_module_that_raises_is_named_with_the_reason(
    write: Write, source: str, reason: str
) -> None:
    name = write(source)
    with pytest.raises(ValueError, match=f"cannot import {name}: {reason}"):
        load(f"{name}:make")


def test_a_module_that_is_not_there_is_named(write: Write) -> None:
    del write
    with pytest.raises(ValueError, match="cannot import no_such_module: ModuleNotFoundError"):
        load("no_such_module:make")
    with pytest.raises(ValueError, match="is no module that Python can import"):
        load(":make")


def test_a_missing_attribute_is_named(write: Write) -> None:
    name = write("")
    with pytest.raises(ValueError, match=f"{name} has no make"):
        load(f"{name}:make")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "def make(path):\n    return path",
            "TypeError: make.. missing 1 required positional argument: 'path'",
        ),
        ("def make():\n    raise OSError('gone')", "OSError: gone"),
        ("make = 5", "TypeError: 'int' object is not callable"),
    ],
)
def test_a_function_that_cannot_be_called_without_arguments_is_refused(
    write: Write, source: str, reason: str
) -> None:
    name = write(source)
    with pytest.raises(
        ValueError, match=rf"{name}:make\(\) failed: {reason}; it must take no arguments"
    ):
        load(f"{name}:make")


def test_what_is_neither_a_module_nor_callable_is_refused(write: Write) -> None:
    name = write("def make():\n    return np.zeros(3)\n")
    with pytest.raises(
        ValueError,
        match="the model is an ndarray, not a torch module, a fitted estimator or a callable",
    ):
        load(f"{name}:make")


@pytest.mark.parametrize(("name", "kind"), [("time:time", "float"), ("gc:get_count", "tuple")])
def test_a_built_in_module_is_refused_as_any_other(name: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"the model is a {kind}, not a torch module"):
        load(name)


def test_a_callable_that_fails_on_the_input_is_refused_with_its_shape(write: Write) -> None:
    name = write("def make():\n    return lambda batch: {}['scores']\n")
    with pytest.raises(
        ValueError, match=r"the model failed on a batch of shape \(2, 2, 3, 3\): KeyError: 'scores'"
    ):
        load(f"{name}:make")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "../A/mynet:make",
            r"'../A/mynet' is a file, .*: go to ../A and give mynet:make, or put its folder",
        ),
        ("/somewhere/mynet.py:make", "go to /somewhere and give mynet:make"),
        ("C:\\nets\\mynet.py:make", "go to C:/nets and give mynet:make"),
        ("mynet.py:make", "as Python imports it: give mynet:make"),
        ("./mynet:make", "as Python imports it: give mynet:make"),
        (".mynet:make", "as Python imports it: give mynet:make"),
        (":make", "'' is no module that Python can import; give module:function"),
        ("my-net:make", "'my-net' is no module that Python can import"),
    ],
)
def test_a_path_in_place_of_a_module_is_told_from_it(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_classifier(name, example=np.zeros((2, 3), np.float32))
