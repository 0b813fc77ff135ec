"""What ONNX operators are known, or suspected, to mix the rows of a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conftest import Outcome
from topcert.classifiers.loading import CARRIED, carried_path
from topcert.classifiers.onnx_graph import read_graph
from topcert.classifiers.row_mixing import row_mixing_of_graph

WEIGHTS = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
INPUT = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 12])
OUTPUT = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 5])


def write(
    path: Path, nodes: list[onnx.NodeProto], *, opset: int = 17, **arrays: np.ndarray
) -> Path:
    """A network of `nodes` from "x" to "scores"."""
    weights = [
        numpy_helper.from_array(array, name) for name, array in {"w": WEIGHTS, **arrays}.items()
    ]
    graph = helper.make_graph(nodes, "g", [INPUT], [OUTPUT], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def centred(path: Path, reduction: str, *, opset: int = 17, **attributes: object) -> Path:
    nodes = [
        helper.make_node(reduction, ["x"], ["m"], name="spot", **attributes),
        helper.make_node("Sub", ["x", "m"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["scores"]),
    ]
    return write(path, nodes, opset=opset)


def dynamically_quantized(path: Path) -> Path:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="spot"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("MatMul", ["d", "w"], ["scores"]),
    ]
    return write(path, nodes)


def test_dynamic_quantization_is_named_and_fine_one_by_one(
    workplace: Path, tmp_path: Path, topcert: Callable[..., Outcome]
) -> None:
    path = dynamically_quantized(tmp_path / "a.onnx")
    found = row_mixing_of_graph(read_graph(path))
    assert found is not None
    assert found.certain
    assert found.text.startswith(
        "the model's operator DynamicQuantizeLinear (spot) takes the scale"
    )
    run = (
        "certify",
        "table.npz",
        path,
        "--keep",
        "4",
        "--k",
        "1",
        "--samples",
        "60",
        "--out",
        tmp_path / "run",
    )
    refused = topcert(*run)
    assert refused.code == 2
    assert "operator DynamicQuantizeLinear (spot) takes the scale" in refused.err
    assert "--batch-size 1" in refused.err
    assert not (tmp_path / "run").exists()
    assert topcert(*run, "--batch-size", "1").code == 0


@pytest.mark.parametrize(
    ("opset", "training", "outputs", "mixes"),
    [(15, 1, 3, True), (15, 0, 1, False), (9, None, 1, False)],
)
def test_batch_normalization_in_training_is_named(
    tmp_path: Path, opset: int, training: int | None, outputs: int, mixes: bool
) -> None:
    more = {} if training is None else {"training_mode": training}
    names = ["b", "mean", "var"][:outputs]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("BatchNormalization", ["y", "one", "zero", "zero", "one"], names, **more),
        helper.make_node("Identity", ["b"], ["scores"]),
    ]
    arrays = {"one": np.ones(5, np.float32), "zero": np.zeros(5, np.float32)}
    found = row_mixing_of_graph(
        read_graph(write(tmp_path / "a.onnx", nodes, opset=opset, **arrays))
    )
    assert (found is not None) == mixes
    assert found is None or (
        found.certain and "BatchNormalization normalizes by the statistics" in found.text
    )


@pytest.mark.parametrize(
    ("axes", "suspect"), [([0], True), ([1], False), ([0, 1], True), (None, True)]
)
def test_a_reduction_over_the_batch_is_only_suspected(
    tmp_path: Path, axes: list[int] | None, suspect: bool
) -> None:
    path = centred(tmp_path / "a.onnx", "ReduceMean", **({} if axes is None else {"axes": axes}))
    found = row_mixing_of_graph(read_graph(path))
    assert (found is not None) == suspect
    assert found is None or (
        not found.certain and "ReduceMean (spot) works along axis 0" in found.text
    )


def test_axes_as_an_input_are_read(tmp_path: Path) -> None:
    for axis, suspect in ((0, True), (1, False)):
        nodes = [
            helper.make_node("ReduceMax", ["x", "axes"], ["m"]),
            helper.make_node("Sub", ["x", "m"], ["d"]),
            helper.make_node("MatMul", ["d", "w"], ["scores"]),
        ]
        path = write(tmp_path / "a.onnx", nodes, opset=18, axes=np.array([axis], np.int64))
        assert (row_mixing_of_graph(read_graph(path)) is not None) == suspect


@pytest.mark.parametrize("name", CARRIED)
def test_a_carried_network_is_not_suspected(name: str) -> None:
    assert row_mixing_of_graph(read_graph(carried_path(name))) is None


def within_if(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes, from "x" to "d", inside both branches of an `If`."""
    made = helper.make_tensor_value_info("d", TensorProto.FLOAT, None)
    branch = helper.make_graph(
        [*nodes, helper.make_node("Identity", ["d"], ["out"])], "b", [], [made]
    )
    branch.output[0].name = "out"
    return [
        helper.make_node(
            "If", ["yes"], ["chosen"], name="fork", then_branch=branch, else_branch=branch
        ),
        helper.make_node("MatMul", ["chosen", "w"], ["scores"]),
    ]


def within_loop(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes, from "x" to "d", inside a `Loop` of one round."""
    named = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("going", "on")]
    number = helper.make_tensor_value_info("number", TensorProto.INT64, [])
    state, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("before", "d")
    )
    body = [*nodes, helper.make_node("Identity", ["going"], ["on"])]
    graph = helper.make_graph(body, "b", [number, named[0], state], [named[1], out])
    return [
        helper.make_node("Loop", ["once", "yes", "x"], ["chosen"], name="round", body=graph),
        helper.make_node("MatMul", ["chosen", "w"], ["scores"]),
    ]


QUANTIZED = [
    helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="spot"),
    helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
]
CENTRED = [
    helper.make_node("ReduceMean", ["x"], ["m"], name="spot", axes=[0]),
    helper.make_node("Sub", ["x", "m"], ["d"]),
]
SWITCHES = {"yes": np.array(True), "once": np.array(1, np.int64)}


@pytest.mark.parametrize("within", [within_if, within_loop])
def test_subgraphs_are_entered_and_what_they_mix_is_refused(
    workplace: Path,
    tmp_path: Path,
    topcert: Callable[..., Outcome],
    within: Callable[..., list[onnx.NodeProto]],
) -> None:
    for nodes, name, shown in (
        (QUANTIZED, "DynamicQuantizeLinear", "takes the scale"),
        (CENTRED, "ReduceMean", "works along axis 0"),
    ):
        path = write(tmp_path / f"{name}.onnx", within(nodes), **SWITCHES)
        found = row_mixing_of_graph(read_graph(path))
        assert found is not None
        assert found.certain == (nodes is QUANTIZED)
        assert (
            f"operator {name} (spot) in {'If fork' if within is within_if else 'Loop round'}"
            in found.text
        )
        refused = topcert(
            "certify",
            "table.npz",
            path,
            "--keep",
            "4",
            "--k",
            "1",
            "--samples",
            "40",
            "--out",
            tmp_path / "a",
        )
        assert refused.code == 2
        assert shown in refused.err
        assert not (tmp_path / "a").exists()


def in_function(path: Path, *, main: int, own: int, **attributes: object) -> Path:
    """`BatchNormalization` inside a function of the file, under opsets of the graph and of the
    function.
    """
    normalized = helper.make_node(
        "BatchNormalization", ["y", "o", "z", "z", "o"], ["b"], **attributes
    )
    function = helper.make_function(
        "local", "Norm", ["y", "o", "z"], ["b"], [normalized], [helper.make_opsetid("", own)]
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Norm", ["y", "one", "zero"], ["scores"], domain="local"),
    ]
    arrays = {"w": WEIGHTS, "one": np.ones(5, np.float32), "zero": np.zeros(5, np.float32)}
    weights = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", [INPUT], [OUTPUT], weights)
    opsets = [helper.make_opsetid("", main), helper.make_opsetid("local", 1)]
    model = helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_function_of_the_file_is_entered_and_has_its_own_opset(tmp_path: Path) -> None:
    path = in_function(tmp_path / "a.onnx", main=9, own=15, training_mode=1)
    found = row_mixing_of_graph(read_graph(path))
    assert found is not None
    assert found.certain
    assert "BatchNormalization in function Norm normalizes by the statistics" in found.text
    assert row_mixing_of_graph(read_graph(in_function(path, main=6, own=15))) is None


def test_a_scan_along_the_batch_is_suspected(tmp_path: Path) -> None:
    state, row, added, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [12])
        for name in ("before", "row", "after", "shown")
    )
    nodes = [
        helper.make_node("Add", ["before", "row"], ["after"]),
        helper.make_node("Identity", ["after"], ["shown"]),
    ]
    body = helper.make_graph(nodes, "b", [state, row], [added, out])
    for axis, suspect in ((0, True), (1, False)):
        scan = helper.make_node(
            "Scan",
            ["start", "x"],
            ["end", "d"],
            body=body,
            num_scan_inputs=1,
            scan_input_axes=[axis],
        )
        path = write(
            tmp_path / "a.onnx",
            [scan, helper.make_node("MatMul", ["d", "w"], ["scores"])],
            start=np.zeros(12, np.float32),
        )
        found = row_mixing_of_graph(read_graph(path))
        assert (found is not None) == suspect
        assert found is None or not found.certain
