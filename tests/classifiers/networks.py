"""Tiny ONNX files: one linear layer, written without an exporter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SHAPE = (2, 3, 3)
CLASSES = 4


def make_weights(seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(int(np.prod(SHAPE)), CLASSES))


def make_batch(size: int = 50) -> NDArray[np.float32]:
    return np.random.default_rng(9).normal(size=(size, *SHAPE)).astype(np.float32)


def example_of(shape: tuple[int, ...], rows: int = 2) -> NDArray[np.float32]:
    """Rows of an encoded shape, as a model is tried on before a run."""
    return np.random.default_rng(4).random((rows, *shape)).astype(np.float32)


def linear_labels(batch: NDArray[Any], weights: NDArray[np.float64]) -> list[int]:
    """The labels that a linear network of these weights must give."""
    found: list[int] = (
        (batch.reshape(len(batch), -1).astype(np.float64) @ weights).argmax(1).tolist()
    )
    return found


def linear_model(
    weights: NDArray[np.float64],
    *,
    batch: int | str = "batch",
    element: int = TensorProto.FLOAT,
    outputs: tuple[str, ...] = ("scores",),
    divide: bool = False,
) -> onnx.ModelProto:
    """Scores, labels, or both in the order given; `divide` divides by the first value of each
    input.
    """
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["wide", "weights"], ["raw"]),
        helper.make_node("Cast", ["raw"], ["plain"], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["plain"], ["labels"], axis=1, keepdims=0),
        helper.make_node("Identity", ["plain"], ["image"]),
    ]
    if divide:
        nodes.append(helper.make_node("Div", ["plain", "plain"], ["scores"]))
    else:
        nodes.append(helper.make_node("Identity", ["plain"], ["scores"]))
    nodes.append(helper.make_node("Unsqueeze", ["plain", "axes"], ["maps"]))
    kinds: dict[str, tuple[int, list[int | str]]] = {
        "scores": (TensorProto.FLOAT, [batch, weights.shape[1]]),
        "labels": (TensorProto.INT64, [batch]),
        "maps": (TensorProto.FLOAT, [batch, weights.shape[1], 1, 1]),
    }
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", element, [batch, *SHAPE])],
        [helper.make_tensor_value_info(name, *kinds[name]) for name in outputs],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([2, 3]), "axes"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_linear(path: Path, weights: NDArray[np.float64] | None = None, **options: Any) -> Path:
    onnx.save_model(linear_model(make_weights() if weights is None else weights, **options), path)
    return path


def write_beside(path: Path, weights: NDArray[np.float64], location: str) -> Path:
    """The same with its weights in another file, as exporters do with large networks."""
    (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
    (path.parent / location).unlink(missing_ok=True)  # onnx appends to it
    onnx.save_model(
        linear_model(weights),
        path,
        save_as_external_data=True,
        location=location,
        size_threshold=100,
    )
    return path
