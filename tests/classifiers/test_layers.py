"""The layers read from an ONNX file are those of the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from topcert.classifiers.layers import read_layers
from topcert.models.bounded_network import make_cnn, make_mlp
from topcert.theory.interval_bounds import scores
from topcert.theory.interval_layers import Conv, Dense, Flatten, ReLU
from topcert.training.export import export_onnx
from topcert.training.interval import layers_of

GENERATOR = np.random.default_rng(0)
FIRST, SECOND = (
    GENERATOR.normal(size=(6, 12)).astype(np.float32),
    GENERATOR.normal(size=(3, 6)).astype(np.float32),
)
SHIFT, BIAS = (
    GENERATOR.normal(size=6).astype(np.float32),
    GENERATOR.normal(size=3).astype(np.float32),
)
KERNEL = GENERATOR.normal(size=(4, 3, 2, 2)).astype(np.float32)


def write(
    path: Path,
    nodes: list[onnx.NodeProto],
    *,
    batch: int | str = "batch",
    outputs: tuple[str, ...] = ("scores",),
    **extra: Any,
) -> Path:
    """A graph from `x`, images of 3 x 2 x 2, to `scores`, with the constants that the nodes may
    name.
    """
    constants: dict[str, Any] = {
        "first": FIRST,
        "first_t": FIRST.T,
        "second": SECOND,
        "shift": SHIFT,
        "row": SHIFT[None],
        "bias": BIAS,
        "kernel": KERNEL,
        "flat": np.array([-1, 12]),
        "wide": np.array([-1, 3, 4]),
        **extra,
    }
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 2, 2])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, "classes"])
            for name in outputs
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in constants.items()
        ],
    )
    onnx.save_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    return path


def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


FLAT = node("Flatten", "x", "a")
GEMM = node("Gemm", "a first shift", "b", transB=1)
RELU = node("Relu", "b", "c")
LAST = node("Gemm", "c second bias", "scores", transB=1)

ENDS = [RELU, LAST]
SPELLINGS = {
    "gemm": [FLAT, GEMM, *ENDS],
    "gemm the other way round": [FLAT, node("Gemm", "a first_t shift", "b"), *ENDS],
    "reshape": [node("Reshape", "x flat", "a"), GEMM, *ENDS],
    "matmul and add": [FLAT, node("MatMul", "a first_t", "m"), node("Add", "m shift", "b"), *ENDS],
    "add the other way round": [
        FLAT,
        node("MatMul", "a first_t", "m"),
        node("Add", "row m", "b"),
        *ENDS,
    ],
    "identities": [
        node("Identity", "x", "i"),
        node("Identity", "first", "j"),
        node("Flatten", "i", "a"),
        node("Gemm", "a j shift", "b", transB=1),
        *ENDS,
    ],
    "a constant in a node": [
        FLAT,
        node("Constant", "", "j", value=numpy_helper.from_array(FIRST)),
        node("Gemm", "a j shift", "b", transB=1),
        *ENDS,
    ],
}
for nodes in SPELLINGS.values():
    for item in nodes:
        if list(item.input) == [""]:
            del item.input[:]


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("batch", ["batch", 1, 3])
def test_a_network_is_the_same_however_it_is_spelled(
    tmp_path: Path, name: str, batch: int | str
) -> None:
    flatten, first, relu, last = read_layers(
        write(tmp_path / "net.onnx", SPELLINGS[name], batch=batch)
    )
    assert isinstance(flatten, Flatten)
    assert isinstance(relu, ReLU)
    for layer, weight, bias in ((first, FIRST, SHIFT), (last, SECOND, BIAS)):
        assert isinstance(layer, Dense)
        np.testing.assert_array_equal(layer.weight, weight)
        np.testing.assert_array_equal(layer.bias, bias)


def test_biases_may_be_missing_and_padding_may_differ_by_axis(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x kernel", "a", strides=[2, 1], pads=[1, 2, 1, 2]),
        node("Relu", "a", "b"),
        node("Flatten", "b", "c"),
        node("Gemm", "c head", "scores", transB=1),
    ]
    head = GENERATOR.normal(size=(3, 40)).astype(np.float32)
    kernel, _, _, last = read_layers(write(tmp_path / "net.onnx", nodes, head=head))
    assert isinstance(kernel, Conv)
    assert isinstance(last, Dense)
    assert (kernel.stride, kernel.padding) == ((2, 1), (1, 2))
    assert not kernel.bias.any()
    assert not last.bias.any()


@pytest.mark.parametrize(
    "make",
    [lambda: make_mlp(hidden=(16, 8)), lambda: make_mlp(hidden=()), lambda: make_cnn(width=3)],
)
def test_an_exported_network_is_read_back_as_it_was(
    tmp_path: Path, make: Callable[[], nn.Sequential]
) -> None:
    torch.manual_seed(0)
    network = make()
    path = tmp_path / "net.onnx"
    wanted = layers_of(network)
    export_onnx(network, path, input_shape=(3, 32, 32), metadata={})
    found = read_layers(path)
    assert [type(layer) for layer in found] == [type(layer) for layer in wanted]
    for one, other in zip(found, wanted, strict=True):
        if isinstance(one, Dense | Conv):
            assert isinstance(other, Dense | Conv)
            np.testing.assert_array_equal(one.weight, other.weight)
            np.testing.assert_array_equal(one.bias, other.bias)
    images = GENERATOR.random((20, 3, 32, 32)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path))
    np.testing.assert_allclose(
        scores(found, images), session.run(None, {"ablated": images})[0], atol=1e-5
    )


BAD = {
    "Sigmoid": (
        [FLAT, GEMM, node("Sigmoid", "b", "c"), LAST],
        (
            "has the operator Sigmoid, which interval bounds cannot follow; they follow Conv, Gemm,"
            " MatMul, Add, Relu, "
        ),
    ),
    "Softmax at the end": (
        [FLAT, node("Gemm", "a first shift", "b", transB=1), node("Softmax", "b", "scores")],
        "Softmax",
    ),
    "groups": ([node("Conv", "x thin", "scores", group=3)], r"has a Conv of a kind .* \(group 3\)"),
    "dilation": (
        [node("Conv", "x kernel", "scores", dilations=[1, 2], pads=[0, 1, 0, 1])],
        r"\(dilations \[1, 2\], pads",
    ),
    "lopsided padding": (
        [node("Conv", "x kernel", "scores", pads=[0, 1, 0, 0])],
        r"has a Conv of a kind",
    ),
    "padding by name": (
        [node("Conv", "x kernel", "scores", auto_pad="SAME_UPPER")],
        r"\(auto_pad b'SAME_UPPER'\)",
    ),
    "a factor": (
        [FLAT, node("Gemm", "a first shift", "scores", transB=1, alpha=2.0)],
        r"has a Gemm of a kind",
    ),
    "a late axis": (
        [node("Flatten", "x", "scores", axis=2)],
        r"has a Flatten of a kind .* \(axis 2\)",
    ),
    "no flat shape": ([node("Reshape", "x wide", "scores")], "has a Reshape of a kind"),
    "a second bias": ([FLAT, GEMM, node("Add", "b shift", "scores")], "has a Add of a kind"),
    "a shortcut": (
        [FLAT, GEMM, node("Add", "b b", "scores")],
        "is not a chain of layers: Add '' takes other than the last",
    ),
    "a branch": (
        [FLAT, GEMM, RELU, node("Gemm", "b second bias", "scores", transB=1)],
        "is not a chain of layers: Gemm",
    ),
    "an early output": (
        [FLAT, node("Gemm", "a first shift", "scores", transB=1), node("Relu", "scores", "c")],
        "its output",
    ),
    "weights that are fed": (
        [FLAT, node("MatMul", "first a", "scores")],
        "is not a chain of layers: MatMul",
    ),
    "no scores": ([FLAT, GEMM, node("Relu", "b", "scores")], "the last layer must be Dense"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_bounds_cannot_follow_is_named(tmp_path: Path, name: str) -> None:
    nodes, message = BAD[name]
    thin = np.ones((3, 1, 2, 2), np.float32)
    with pytest.raises(ValueError, match=message) as raised:
        read_layers(write(tmp_path / "net.onnx", nodes, thin=thin))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with pytest.raises(ValueError, match=r"net\.onnx does not exist"):
        read_layers(path)
    path.write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"net\.onnx is not an ONNX file that can be read"):
        read_layers(path)
    with pytest.raises(ValueError, match="must have one input and one output, it has 1 and 2"):
        read_layers(
            write(
                path,
                [FLAT, GEMM, *ENDS, node("Identity", "scores", "more")],
                outputs=("scores", "more"),
            )
        )


def test_layers_that_give_other_scores_than_the_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "net.onnx", SPELLINGS["gemm"])
    monkeypatch.setattr(
        "topcert.classifiers.layers.scores", lambda layers, images: 1.01 * scores(layers, images)
    )
    with pytest.raises(
        ValueError,
        match=r"net\.onnx gives other scores in ONNX Runtime than the layers read from it",
    ):
        read_layers(path)
