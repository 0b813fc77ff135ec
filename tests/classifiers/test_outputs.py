"""Which output is the answer: forty odd models, each with the right labels or a line that names
what came back.
"""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from topcert.classifiers.classifier import Classifier
from topcert.classifiers.loading import load_classifier, wrap

torch.set_num_threads(1)

CLASSES, WIDTH = 4, 6
EXAMPLE = np.random.default_rng(2).normal(size=(16, WIDTH)).astype(np.float32)
BATCH = np.random.default_rng(3).normal(size=(40, WIDTH)).astype(np.float32)
WEIGHTS = np.random.default_rng(4).normal(size=(WIDTH, CLASSES)).astype(np.float32)
Array = NDArray[Any]


def scores(batch: Array) -> Array:
    return np.asarray(batch @ WEIGHTS)


def features(batch: Array) -> Array:
    return np.concatenate([np.abs(batch), -np.abs(batch)], axis=1)


def probabilities(batch: Array) -> Array:
    powers = np.exp(scores(batch))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def labels(batch: Array) -> Array:
    return scores(batch).argmax(axis=1)


def top(batch: Array) -> tuple[Array, Array]:
    order = np.argsort(-scores(batch), axis=1)[:, :3]
    return np.take_along_axis(scores(batch), order, axis=1), order


RIGHT = labels(BATCH).tolist()
assert len(set(RIGHT)) == CLASSES


@dataclass
class Record:
    logits: Any
    hidden_states: Any = None
    loss: Any = None


Named = namedtuple("Named", ["logits", "aux_logits"])


class Net(nn.Module):
    """A module that gives what `shape` makes of its input and its scores."""

    def __init__(self, shape: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(WEIGHTS.copy()))
        self.shape = shape

    def forward(self, x: torch.Tensor) -> Any:
        return self.shape(x, x @ self.weights)


GOOD: dict[str, Any] = {
    "scores": scores,
    "scores as lists": lambda b: scores(b).tolist(),
    "a list of rows": lambda b: list(scores(b)),
    "a tensor with a gradient": (
        lambda b: torch.from_numpy(b) @ torch.from_numpy(WEIGHTS).requires_grad_()
    ),
    "a tensor in bfloat16": (
        lambda b: 8 * torch.eye(CLASSES, dtype=torch.bfloat16)[torch.from_numpy(labels(b))]
    ),
    "integer scores": lambda b: np.rint(1e6 * scores(b)).astype(np.int64),
    "half precision": lambda b: np.eye(CLASSES, dtype=np.float16)[labels(b)],
    "a dictionary": lambda b: {"logits": scores(b)},
    "an ordered dictionary": lambda b: OrderedDict(
        logits=scores(b), hidden_states=(b, b), loss=None
    ),
    "a dictionary of features and scores": lambda b: {"features": features(b), "output": scores(b)},
    "logits and probabilities": lambda b: {"probabilities": probabilities(b), "logits": scores(b)},
    "labels and probabilities": lambda b: {"label": labels(b), "probabilities": probabilities(b)},
    "a column of labels and scores": lambda b: {"label": labels(b)[:, None], "scores": scores(b)},
    "a tuple of one": lambda b: (scores(b),),
    "a list of one": lambda b: [scores(b)],
    "labels and agreeing scores without a name": lambda b: (labels(b), probabilities(b)),
    "a record": lambda b: Record(logits=scores(b), hidden_states=features(b)),
    "a named tuple": lambda b: Named(scores(b), features(b)[:, :CLASSES]),
    "a module": Net(lambda x, y: y),  # noqa: ARG005
    "a module to a tuple of one": Net(lambda x, y: (y,)),  # noqa: ARG005
    "a module to a dictionary": Net(lambda x, y: OrderedDict(logits=y, features=x)),
    "a module to a record": Net(lambda x, y: Record(logits=y)),  # noqa: ARG005
    "a module in double": Net(lambda x, y: y.double()),  # noqa: ARG005
}

LABELS: dict[str, Any] = {
    "labels": labels,
    "labels as a list": lambda b: labels(b).tolist(),
    "a tuple of labels": lambda b: tuple(labels(b).tolist()),
    "a column of labels": lambda b: labels(b)[:, None],
    "bytes": lambda b: labels(b).astype(np.uint8),
    "a list of one array of labels": lambda b: [labels(b)],
    "a module to labels": Net(lambda x, y: y.argmax(1)),  # noqa: ARG005
    "a module to a column of labels": Net(lambda x, y: y.argmax(1, keepdim=True)),  # noqa: ARG005
    "labels and maps": lambda b: {
        "output_label": labels(b),
        "output_map": [dict(enumerate(row)) for row in scores(b)],
    },
}

BAD: dict[str, tuple[Any, str]] = {
    "scores and features without names": (
        lambda b: (scores(b), features(b)),
        (
            r"several outputs, 0: float32 \(16, 4\), 1: float32 \(16, 12\); which of them holds"
            r" scores .* --output NAME"
        ),
    ),
    "features beside labels": (
        lambda b: {"x": features(b), "label": labels(b)},
        "not certain that x holds scores",
    ),
    "features alone": (
        lambda b: {"features": features(b)},
        r"only output is called features.*--output features",
    ),
    "largest scores and their classes": (
        top,
        r"0: float32 \(16, 3\), 1: int64 \(16, 3\); it is not certain that 0",
    ),
    "largest scores by name": (
        lambda b: dict(zip(("scores", "labels"), top(b), strict=True)),
        "scores may be the sorted scores of the classes in labels",
    ),
    "sorted scores beside the scores": (
        lambda b: {"scores": -np.sort(-scores(b), axis=1), "raw": scores(b)},
        "scores is sorted, largest first, and may be that of raw",
    ),
    "sorted scores beside other things": (
        lambda b: {"scores": -np.sort(-scores(b), axis=1), "maps": b[:, :, None, None]},
        "scores is sorted, largest first, in every row",
    ),
    "scores that contradict": (
        lambda b: {"logits": scores(b), "probabilities": probabilities(b)[:, ::-1]},
        "logits and probabilities do not put the same classes first",
    ),
    "labels that count from 1 beside scores": (
        lambda b: {"label": labels(b) + 1, "probabilities": probabilities(b)},
        "does not stand at the place that label names",
    ),
    "a score and a column": (
        lambda b: (b[:, :1], scores(b)[:, :1]),
        "none of them is certain to hold scores or labels",
    ),
    "a sigmoid": (
        lambda b: 1 / (1 + np.exp(-b[:, :1])),
        r"one number for each input, float32 \(16, 1\): a sigmoid",
    ),
    "one number": (lambda b: b[:, 0], r"one number for each input, float32 \(16,\)"),
    "labels in floats": (lambda b: labels(b).astype(float), r"labels as integers"),
    "text": (
        lambda b: np.array(["a", "b", "c", "d"])[labels(b)],
        "gave text such as '[abcd]'.*number its classes",
    ),
    "text as objects": (
        lambda b: np.array(["a", "bc", "d", "e"], object)[labels(b)],
        "gave text such as '[abcde]+'",
    ),
    "text beside maps": (
        lambda b: {
            "label": np.array(["a", "b", "c", "d"], object)[labels(b)],
            "maps": [{"a": 1.0} for _ in b],
        },
        (
            r"label: text \(16,\), maps: a list of 16 dict; none of them is certain to hold scores"
            r" or labels"
        ),
    ),
    "one word": (lambda b: "cat", "gave text such as 'cat'"),  # noqa: ARG005
    "nothing": (lambda b: None, r"gave nothing \(None\); expected scores \(16, classes\)"),  # noqa: ARG005
    "booleans in columns": (
        lambda b: scores(b) > 0,
        r"gave bool \(16, 4\) for a batch of 16; expected scores",
    ),
    "maps": (
        lambda b: scores(b)[:, :, None, None],
        r"gave float32 \(16, 4, 1, 1\) for a batch of 16",
    ),
    "dictionaries": (lambda b: [{"a": 1.0} for _ in b], "gave a list of 16 dict for a batch of 16"),
    "an object": (lambda b: object(), "gave an object for a batch of 16"),  # noqa: ARG005
    "a generator": (lambda b: (row for row in b), "gave a generator for a batch of 16"),
    "one row": (lambda b: scores(b)[:1], r"scores of shape \(1, 4\) for a batch of 16"),
    "classes by rows": (lambda b: scores(b).T, r"scores of shape \(4, 16\) for a batch of 16"),
    "complex numbers": (lambda b: scores(b) + 0j, r"gave complex64 \(16, 4\)"),
    "an empty dictionary": (lambda b: {}, "the model has several outputs, nothing|gave a dict"),  # noqa: ARG005
    "a class": (Net, "the model is the class Net, not one of its objects"),
    "a module to scores and features": (
        Net(lambda x, y: (y, x)),
        r"0: float32 \(16, 4\), 1: float32 \(16, 6\)",
    ),
    "a module to one sigmoid": (
        Net(lambda x, y: torch.sigmoid(y[:, :1])),  # noqa: ARG005
        r"one number for each input, float32 \(16, 1\)",
    ),
    "a module to nothing": (Net(lambda x, y: None), r"gave nothing \(None\)"),  # noqa: ARG005
    "an estimator to several labels": (
        MultiOutputClassifier(LogisticRegression()).fit(
            EXAMPLE, np.stack([labels(EXAMPLE), labels(EXAMPLE) % 2], 1)
        ),
        r"MultiOutputClassifier has several outputs \(2\)",
    ),
    "neighbours to several labels": (
        KNeighborsClassifier(1).fit(EXAMPLE, np.stack([labels(EXAMPLE), labels(EXAMPLE) % 2], 1)),
        r"KNeighborsClassifier has several outputs \(2\)",
    ),
    "an estimator to indicators": (
        OneVsRestClassifier(LogisticRegression()).fit(EXAMPLE, (scores(EXAMPLE) > 0).astype(int)),
        r"OneVsRestClassifier has several outputs \(4\)",
    ),
    "an estimator of classes with gaps": (
        LogisticRegression().fit(EXAMPLE, labels(EXAMPLE) * 2),
        "classes_ are 0, 2, 4, 6, and labels count from 0",
    ),
}


def taken(model: Any, **options: Any) -> Classifier:
    return wrap(model, example=EXAMPLE, device="cpu", **options)


@pytest.mark.parametrize("kind", GOOD)
def test_scores_are_found_wherever_they_are(kind: str) -> None:
    classifier = taken(GOOD[kind])
    assert classifier.num_classes == CLASSES
    for size in (40, 2, 1):
        assert classifier(BATCH[:size])[:, 0].tolist() == RIGHT[:size]
    assert not classifier.undefined.total


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_found_and_their_classes_must_be_counted(kind: str) -> None:
    classifier = taken(LABELS[kind], num_classes=CLASSES)
    for size in (40, 2, 1):
        assert classifier(BATCH[:size])[:, 0].tolist() == RIGHT[:size]
    with pytest.raises(
        ValueError, match="returns labels, so say how many classes there are: --classes"
    ):
        taken(LABELS[kind])


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_answer_is_refused_with_what_came_back(kind: str) -> None:
    model, says = BAD[kind]
    with pytest.raises(ValueError, match=says) as caught:
        taken(model)
    assert "returns labels" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "output", "wanted"),
    [
        (lambda b: (features(b), scores(b)), "1", RIGHT),
        (lambda b: (features(b), scores(b)), "0", features(BATCH).argmax(1).tolist()),
        (lambda b: {"features": scores(b)}, "features", RIGHT),
        (lambda b: [labels(b), scores(b)], "1", RIGHT),
        (
            lambda b: {"label": labels(b) + 1, "probabilities": probabilities(b)},
            "probabilities",
            RIGHT,
        ),
        (Net(lambda x, y: (x, y)), "1", RIGHT),
    ],
)
def test_an_output_that_is_named_is_taken(model: Any, output: str, wanted: list[int]) -> None:
    classifier = taken(model, output=output)
    for size in (40, 2, 1):
        assert classifier(BATCH[:size])[:, 0].tolist() == wanted[:size]


def test_a_list_of_two_arrays_is_two_outputs_for_two_rows_too() -> None:
    """As rows of a batch of two it would be other labels."""
    classifier = taken(lambda b: [labels(b), scores(b)], output="1")
    assert classifier(BATCH[:2])[:, 0].tolist() == RIGHT[:2]


@pytest.mark.parametrize(
    ("model", "output", "says"),
    [
        (
            lambda b: {"logits": scores(b)},
            "scores",
            r"no such output; it gives logits: float32 \(16, 4\)",
        ),
        (
            lambda b: (scores(b), labels(b)),
            "2",
            r"no such output; it gives 0: float32 \(16, 4\), 1: int64 \(16,\)",
        ),
        (scores, "logits", r"gives float32 \(16, 4\) alone; leave --output out"),
        (
            lambda b: {"logits": scores(b), "maps": b[:, None]},
            "maps",
            r"gave float32 \(16, 1, 6\) for a batch of 16",
        ),
        (
            LogisticRegression().fit(EXAMPLE, labels(EXAMPLE)),
            "0",
            "LogisticRegression predicts; leave --output out",
        ),
    ],
)
def test_an_output_that_is_not_there_or_no_answer_is_refused(
    model: Any, output: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        taken(model, output=output)


def test_what_was_taken_is_told_where_there_was_a_choice() -> None:
    shown = taken(lambda b: {"features": features(b), "logits": scores(b)}).choice.note
    assert (
        shown
        == "of the model's outputs features: float32 (16, 12), logits: float32 (16, 4), logits is"
        " taken"
    )
    assert taken(scores).choice.note == taken(lambda b: {"logits": scores(b)}).choice.note == ""


def test_one_output_of_sorted_scores_is_refused_or_at_least_told() -> None:
    def best(batch: Array) -> Array:
        return -np.sort(-features(batch), axis=1)[:, :8]

    with pytest.raises(
        ValueError,
        match=r"only output is scores, float32 \(16, 8\): all of its rows are sorted, largest",
    ):
        taken(lambda b: {"scores": best(b)})
    assert taken(lambda b: {"scores": best(b)}, output="scores").num_classes == 8
    assert "all of its rows are sorted" in taken(best).choice.note
    constant = np.arange(8.0)[::-1]
    # one row says nothing
    assert taken(lambda b: {"scores": np.tile(constant, (len(b), 1))}).choice.note == ""


def test_booleans_are_two_classes() -> None:
    for model in (lambda b: b[:, 0] > 0, lambda b: b[:, :1] > 0):
        classifier = taken(model)
        assert classifier.num_classes == 2
        assert classifier(BATCH)[:, 0].tolist() == (BATCH[:, 0] > 0).astype(int).tolist()


def test_a_model_that_knows_its_classes_need_not_be_told_their_number() -> None:
    class Known:
        class_names = ("ant", "bee", "cat", "dog")

        def __call__(self, batch: Array) -> Array:
            return labels(batch)

    classifier = taken(Known())
    assert (classifier.num_classes, classifier.class_names) == (4, ("ant", "bee", "cat", "dog"))


def test_a_column_of_predictions_is_labels() -> None:
    class Column:
        classes_ = (0, 1, 2, 3)

        def predict(self, rows: Array) -> Array:
            return labels(rows).reshape(-1, 1)

    assert taken(Column())(BATCH)[:, 0].tolist() == RIGHT


def test_a_function_that_divides_by_what_is_kept_is_taken() -> None:
    """On a batch of zeros, which no ablation gives, it would raise."""

    def mean_of_kept(batch: Array) -> Array:
        kept = (batch != 0).sum(axis=1)
        with np.errstate(all="raise"):
            return scores(batch) / kept[:, None]

    assert taken(mean_of_kept)(BATCH)[:, 0].tolist() == RIGHT


def network(
    path: Path,
    outputs: dict[str, tuple[str, int, list[Any]]],
    metadata: dict[str, str] | None = None,
    batch: int | str = "batch",
) -> str:
    """A linear network with the named outputs: each is a tensor below, its element type and its
    shape.
    """
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["the scores"]),
        helper.make_node("Softmax", ["the scores"], ["the shares"], axis=1),
        helper.make_node("Abs", ["x"], ["the features"]),
        helper.make_node("ArgMax", ["the scores"], ["the labels"], axis=1, keepdims=0),
        helper.make_node("ArgMax", ["the scores"], ["the column"], axis=1, keepdims=1),
        helper.make_node("TopK", ["the scores", "three"], ["the largest", "the places"], axis=1),
    ]
    for name, (tensor, _, _) in outputs.items():
        if tensor == "maps":
            classes = [0, 1, 2, 3]
            made = helper.make_node(
                "ZipMap", ["the shares"], [name], domain="ai.onnx.ml", classlabels_int64s=classes
            )
        else:
            made = helper.make_node("Identity", [f"the {tensor}"], [name])
        nodes.append(made)
    infos = []
    for name, (tensor, element, shape) in outputs.items():
        if tensor == "maps":
            one = helper.make_map_type_proto(
                TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
            )
            infos.append(helper.make_value_info(name, helper.make_sequence_type_proto(one)))
        else:
            infos.append(helper.make_tensor_value_info(name, element, [batch, *shape[1:]]))
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, WIDTH])],
        infos,
        [
            numpy_helper.from_array(WEIGHTS, "weights"),
            numpy_helper.from_array(np.array([3]), "three"),
        ],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save_model(model, path)
    return str(path)


FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
SCORES, SHARES = ("scores", FLOAT, ["batch", 4]), ("shares", FLOAT, ["batch", 4])
FEATURES, ONE = ("features", FLOAT, ["batch", 6]), ("labels", INT, ["batch"])
COLUMN, LARGEST = ("column", INT, ["batch", 1]), ("largest", FLOAT, ["batch", 3])
PLACES, MAPS = ("places", INT, ["batch", 3]), ("maps", 0, [])


@pytest.mark.parametrize(
    "outputs",
    [
        {"anything": SCORES},
        {"features": FEATURES, "logits": SCORES},
        {"logits": SCORES, "embedding": FEATURES},
        {"features": FEATURES, "output": SCORES},
        {"label": ONE, "probabilities": SHARES},
        {"output_label": COLUMN, "output_probability": SHARES},
        {"probabilities": SHARES, "logits": SCORES},
        {"scores": SCORES, "labels": ONE},
    ],
    ids=lambda outputs: "-".join(outputs),
)
def test_an_onnx_network_gives_its_scores_among_others(tmp_path: Path, outputs: Any) -> None:
    classifier = load_classifier(
        network(tmp_path / "odd.onnx", outputs), example=EXAMPLE, device="cpu"
    )
    assert classifier(BATCH)[:, 0].tolist() == RIGHT
    assert classifier.num_classes == CLASSES


@pytest.mark.parametrize(
    "outputs",
    [{"label": ONE}, {"y": COLUMN}, {"label": ONE, "probabilities": MAPS}],
    ids=lambda outputs: "-".join(outputs),
)
def test_an_onnx_network_gives_labels_where_it_has_no_scores(tmp_path: Path, outputs: Any) -> None:
    path = network(tmp_path / "odd.onnx", outputs)
    classifier = load_classifier(path, example=EXAMPLE, device="cpu", num_classes=CLASSES)
    assert classifier(BATCH)[:, 0].tolist() == RIGHT
    with pytest.raises(ValueError, match="--classes"):
        load_classifier(path, example=EXAMPLE, device="cpu")


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (
            {"a": SCORES, "b": FEATURES},
            r"a: float32 \(16, 4\), b: float32 \(16, 6\); which of them holds scores",
        ),
        (
            {"values": LARGEST, "indices": PLACES},
            r"values: float32 \(16, 3\), indices: int64 \(16, 3\); which",
        ),
        (
            {"scores": LARGEST, "classes": PLACES},
            "scores may be the sorted scores of the classes in classes",
        ),
        ({"indices": PLACES}, "only output is called indices"),
        ({"embedding": FEATURES}, "only output is called embedding"),
        ({"embedding": FEATURES, "label": ONE}, "which of them holds scores is not certain"),
        ({"maps": MAPS}, "gave a list of 16 dict"),
        (
            {"scores": LARGEST, "logits": SCORES},
            "logits and scores do not put the same classes first",
        ),
    ],
)
def test_an_onnx_network_in_doubt_is_refused_with_its_outputs(
    tmp_path: Path, outputs: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        load_classifier(network(tmp_path / "odd.onnx", outputs), example=EXAMPLE, device="cpu")


@pytest.mark.parametrize("batch", [1, 3, 40])
def test_a_network_of_a_fixed_batch_is_tried_on_as_many_rows(tmp_path: Path, batch: int) -> None:
    """One row alone could not tell that scores contradict each other, or labels that agree from
    chance.
    """
    path = network(tmp_path / "odd.onnx", {"a": SCORES, "label": ONE}, batch=batch)
    classifier = load_classifier(path, example=EXAMPLE, device="cpu")
    assert classifier.batch_size == batch
    assert [classifier(row)[0] for row in np.repeat(BATCH[:, None], batch, axis=1)] == RIGHT
    path = network(tmp_path / "odd.onnx", {"score": FEATURES, "label": ONE}, batch=batch)
    with pytest.raises(
        ValueError,
        match=r"score: float32 \(\d+, 6\), label: int64 \(\d+,\); the largest of score does not",
    ):
        load_classifier(path, example=EXAMPLE, device="cpu")


def test_an_onnx_output_that_is_named_is_taken_and_the_others_are_not_computed(
    tmp_path: Path,
) -> None:
    path = network(tmp_path / "odd.onnx", {"a": SCORES, "b": FEATURES})
    classifier = load_classifier(path, example=EXAMPLE, device="cpu", output="a")
    assert classifier(BATCH)[:, 0].tolist() == RIGHT
    assert list(classifier.run(BATCH)) == ["a"]
    with pytest.raises(
        ValueError,
        match=r"--output c: the model has no such output; it gives a: float32 \(16, 4\), b",
    ):
        load_classifier(path, example=EXAMPLE, device="cpu", output="c")


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"class_names": '["ant", "bee", "cat", "dog"]'}, ("ant", "bee", "cat", "dog")),
        ({"classes": "ant\nbee\ncat\ndog\n"}, ("ant", "bee", "cat", "dog")),
        ({"classes": "ant, bee, cat, dog"}, ("ant", "bee", "cat", "dog")),
        ({"names": "{0: 'ant', 1: 'bee', 2: 'cat', 3: 'dog'}"}, ("ant", "bee", "cat", "dog")),
        (
            {"id2label": '{"2": "cat", "0": "ant", "3": "dog", "1": "bee"}'},
            ("ant", "bee", "cat", "dog"),
        ),
        ({"classes": "ant, bee, cat"}, None),
        ({"classes": "[0, 1, 2, 3]"}, None),
        ({"class_names": "ant,ant,bee,cat"}, None),
        ({"id2label": '{"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2", "3": "LABEL_3"}'}, None),
        ({"network": "compact"}, None),
    ],
)
def test_the_names_of_the_classes_are_read_from_the_file(
    tmp_path: Path, metadata: Any, names: Any
) -> None:
    path = network(tmp_path / "odd.onnx", {"scores": SCORES}, metadata)
    assert load_classifier(path, example=EXAMPLE, device="cpu").class_names == names
