"""What is read out of an ONNX file: every node and every file of weights, wherever in the file they
are named.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.classifiers.networks import make_weights, write_beside, write_linear
from topcert.classifiers.loading import carried_path
from topcert.classifiers.onnx import fingerprint_onnx
from topcert.classifiers.onnx_graph import read_graph

WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3)
PLACES = [
    "initializer",
    "constant",
    "subgraph",
    "subgraph initializer",
    "function",
    "function default",
    "sparse",
    "value before key",
    "long length",
]


def outside(name: str, location: str) -> TensorProto:
    tensor = numpy_helper.from_array(WEIGHTS, name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def info(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def network(place: str, location: str) -> bytes:
    """A network that keeps its weights in `location`, and names them at one place of the file."""
    weights, initializers, functions, nodes = outside("W", location), [], [], []
    nested = helper.make_node("Identity", ["W"], ["inner"])
    if place in ("initializer", "value before key", "long length"):
        initializers = [weights]
    elif place == "constant":
        nodes = [helper.make_node("Constant", [], ["W"], value=weights)]
    elif place == "sparse":
        sparse = onnx.SparseTensorProto(values=weights, dims=[4, 3])
        nodes = [helper.make_node("Constant", [], ["W"], sparse_value=sparse)]
    elif place.startswith("subgraph"):
        inside = (
            [nested]
            if place.endswith("initializer")
            else [helper.make_node("Constant", [], ["inner"], value=weights)]
        )
        body = helper.make_graph(
            inside, "body", [], [info("inner", 4, 3)], [weights] if len(place) > 8 else []
        )
        initializers = [numpy_helper.from_array(np.array(True), "yes")]
        nodes = [
            helper.make_node(
                "If", ["yes"], ["W"], name="choice", then_branch=body, else_branch=body
            )
        ]
    else:
        constant = helper.make_node("Constant", [], ["out"], value=weights)
        function = helper.make_function(
            "own", "Weights", [], ["out"], [constant], [helper.make_opsetid("", 17)]
        )
        if place == "function default":
            function.node[0].attribute[0].ClearField("t")
            function.attribute_proto.append(helper.make_attribute("value", weights))
        functions, nodes = [function], [helper.make_node("Weights", [], ["W"], domain="own")]
    nodes = [*nodes, helper.make_node("MatMul", ["x", "W"], ["y"], name="product")]
    graph = helper.make_graph(nodes, "net", [info("x", "n", 4)], [info("y", "n", 3)], initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    content: bytes = helper.make_model(
        graph, functions=functions, opset_imports=opsets, ir_version=8
    ).SerializeToString()
    key, value = b"\x0a\x08location", b"\x12" + bytes([len(location)]) + location.encode()
    if place == "value before key":
        content = content.replace(key + value, value + key)
    return content


def write(folder: Path, place: str, location: str = "w.bin") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "net.onnx").write_bytes(network(place, location))
    return folder / "net.onnx"


@pytest.mark.parametrize("place", PLACES)
def test_weights_in_another_file_are_found_wherever_the_network_names_them(
    tmp_path: Path, place: str
) -> None:
    location = "w" * 126 + ".b" if place == "long length" else "w.bin"
    path = (
        write(tmp_path, place, location)
        if place != "long length"
        else write(tmp_path, "initializer", location)
    )
    assert read_graph(path).external == (location,)
    with pytest.raises(
        ValueError,
        match=r"keeps weights in 'w+\.b(in)?', and there is no such file beside it; put it there",
    ):
        fingerprint_onnx(path)
    (tmp_path / location).write_bytes(WEIGHTS.tobytes())
    one = fingerprint_onnx(path)
    assert one == hashlib.sha256(path.read_bytes() + WEIGHTS.tobytes()).hexdigest()
    (tmp_path / location).write_bytes((-WEIGHTS).tobytes())
    assert fingerprint_onnx(path) != one


@pytest.mark.parametrize("place", ["initializer", "constant", "subgraph", "value before key"])
def test_such_a_network_is_one_that_runs(tmp_path: Path, place: str) -> None:
    path = write(tmp_path, place)
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {"x": np.ones((1, 4), np.float32)})[0]
    assert found.tolist() == [WEIGHTS.sum(axis=0).tolist()]


def test_weights_in_several_files_are_hashed_in_the_order_of_their_names(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [], "net", [], [], [outside("a", "2.bin"), outside("b", "1.bin"), outside("c", "2.bin")]
    )
    content = helper.make_model(graph).SerializeToString()
    (tmp_path / "net.onnx").write_bytes(content)
    (tmp_path / "1.bin").write_bytes(b"one")
    (tmp_path / "2.bin").write_bytes(b"two")
    assert (
        fingerprint_onnx(tmp_path / "net.onnx") == hashlib.sha256(content + b"onetwo").hexdigest()
    )


def test_a_network_that_keeps_nothing_elsewhere_has_the_digest_of_its_file(tmp_path: Path) -> None:
    for path in (write_linear(tmp_path / "net.onnx"), carried_path("compact")):
        assert read_graph(path).external == ()
        assert fingerprint_onnx(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_only_looks_like_a_file_of_weights_is_none(tmp_path: Path) -> None:
    path = write_linear(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.metadata_props.add(key="location", value="somewhere")
    path.write_bytes(model.SerializeToString())
    assert read_graph(path).external == ()
    assert read_graph(path).metadata["location"] == "somewhere"
    assert fingerprint_onnx(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("location", ["../w.bin", "sub/../../w.bin", "{absolute}"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    path = write(
        tmp_path / "net", "initializer", location.format(absolute=tmp_path / "net" / "w.bin")
    )
    (tmp_path / "net" / "w.bin").write_bytes(WEIGHTS.tobytes())
    with pytest.raises(ValueError, match="outside its own folder; export it with them beside it"):
        fingerprint_onnx(path)


@pytest.mark.parametrize("location", ["", "*/_ORT_MEM_ADDR_/*", "*/_ORT_MEM_ADDR_/x"])
def test_weights_in_no_file_are_refused(tmp_path: Path, location: str) -> None:
    path = write(tmp_path, "initializer", location)
    with pytest.raises(ValueError, match="that is not one file; export the network again"):
        read_graph(path)


def test_two_places_for_one_tensor_are_refused(tmp_path: Path) -> None:
    tensor = outside("W", "w.bin")
    tensor.external_data.add(key="location", value="v.bin")
    graph = helper.make_graph([], "net", [], [], [tensor])
    (tmp_path / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(
        ValueError, match=r"weights 'W' outside, in \['w.bin', 'v.bin'\]: that is not one file"
    ):
        read_graph(tmp_path / "net.onnx")


def test_a_folder_or_a_pipe_is_no_file_of_weights(tmp_path: Path) -> None:
    path = write(tmp_path, "initializer")
    (tmp_path / "w.bin").mkdir()
    with pytest.raises(ValueError, match=r"keeps weights in 'w\.bin', which is not a plain file"):
        fingerprint_onnx(path)
    (tmp_path / "w.bin").rmdir()
    os.mkfifo(tmp_path / "w.bin")  # reading one would wait for ever
    with pytest.raises(ValueError, match=r"keeps weights in 'w\.bin', which is not a plain file"):
        fingerprint_onnx(path)


def test_weights_behind_a_link_are_those_that_it_leads_to(tmp_path: Path) -> None:
    """As model caches lay files out: the network and its weights are links to files of other
    names.
    """
    write_beside(tmp_path / "net.onnx", make_weights(), "net.onnx_data")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "net.onnx").symlink_to("../net.onnx")
    (cache / "net.onnx_data").symlink_to("../net.onnx_data")
    one = fingerprint_onnx(cache / "net.onnx")
    assert one == fingerprint_onnx(tmp_path / "net.onnx")
    write_beside(tmp_path / "net.onnx", make_weights(1), "net.onnx_data")
    assert fingerprint_onnx(cache / "net.onnx") != one


@pytest.mark.parametrize("damage", [b"", b"not a network", b"\x08\x08", b"\xff" * 40])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match=r"net\.onnx is not an ONNX network: \S") as caught:
        read_graph(path)
    assert "\n" not in str(caught.value)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = write_linear(tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"net\.onnx is not an ONNX network"):
        read_graph(path)
    with pytest.raises(ValueError, match=r"none\.onnx cannot be read: No such file"):
        read_graph(tmp_path / "none.onnx")


@pytest.mark.parametrize("place", ["subgraph", "function"])
def test_nodes_are_read_from_subgraphs_and_functions(tmp_path: Path, place: str) -> None:
    found = read_graph(write(tmp_path, place))
    kinds = [(node.op_type, node.where) for node in found.nodes]
    if place == "subgraph":
        assert kinds == [
            ("Constant", "If choice"),
            ("Constant", "If choice"),
            ("If", ""),
            ("MatMul", ""),
        ]
        assert found.functions == frozenset()
    else:
        assert kinds == [("Weights", ""), ("MatMul", ""), ("Constant", "function Weights")]
        assert found.functions == {("own", "Weights")}
        assert found.nodes[0].domain == "own"
    product = next(node for node in found.nodes if node.op_type == "MatMul")
    assert (product.name, product.inputs, product.outputs) == ("product", ("x", "W"), ("y",))
    assert (found.inputs, found.outputs, found.opsets) == (("x",), ("y",), {"": 17, "own": 1})


def test_attributes_and_short_integers_are_read(tmp_path: Path) -> None:
    nodes = [
        helper.make_node(
            "BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], training_mode=1, epsilon=0.5
        ),
        helper.make_node(
            "Conv", ["y", "w"], ["z"], pads=[0, 1, 0, 1], auto_pad="NOTSET", domain="ai.onnx"
        ),
        helper.make_node(
            "Constant", [], ["axes"], value=numpy_helper.from_array(np.array([0, -1]))
        ),
        helper.make_node("ReduceMean", ["z", "axes"], ["o"]),
    ]
    tensors = [
        numpy_helper.from_array(np.array([[1, -2]], np.int32), "pairs"),
        helper.make_tensor("plain", TensorProto.INT64, [2], [7, -8]),
        numpy_helper.from_array(np.arange(65), "many"),
        numpy_helper.from_array(WEIGHTS, "weights"),
    ]
    graph = helper.make_graph(nodes, "net", [info("x", "n", 4)], [info("o", 1)], tensors)
    (tmp_path / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    found = read_graph(tmp_path / "net.onnx")
    assert [dict(node.attributes) for node in found.nodes] == [
        {"training_mode": 1, "epsilon": 0.5},
        {"pads": (0, 1, 0, 1), "auto_pad": "NOTSET"},
        {},
        {},
    ]
    assert {node.domain for node in found.nodes} == {""}
    assert found.integers == {"pairs": (1, -2), "plain": (7, -8), "axes": (0, -1)}
