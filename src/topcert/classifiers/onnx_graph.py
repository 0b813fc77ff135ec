"""What an ONNX file computes and which other files it reads, without the `onnx` package.

Only the parts of the format that are asked for are described to protobuf, which skips the rest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from topcert.files import first_line

# Message: field, number, type; "*" marks a repeated one. Text is read as bytes: a file may hold
# any.
_MESSAGES: Final = {
    "Model": (
        "ir_version 1 int64, graph 7 Graph, opset_import 8 *Opset, metadata_props 14 *Entry,"
        " functions 25 *Function"
    ),
    "Opset": "domain 1 bytes, version 2 int64",
    "Entry": "key 1 bytes, value 2 bytes",
    "Graph": (
        "node 1 *Node, name 2 bytes, initializer 5 *Tensor, input 11 *Value, output 12 *Value, "
        "sparse_initializer 15 *Sparse"
    ),
    "Value": "name 1 bytes",
    "Node": (
        "input 1 *bytes, output 2 *bytes, name 3 bytes, op_type 4 bytes, attribute 5 *Attribute,"
        " domain 7 bytes"
    ),
    "Attribute": (
        "name 1 bytes, f 2 float, i 3 int64, s 4 bytes, t 5 Tensor, g 6 Graph, floats 7 *float,"
        " ints 8 *int64, strings 9 *bytes, tensors 10 *Tensor, graphs 11 *Graph, type 20 int32,"
        " sparse_tensor 22 Sparse, sparse_tensors 23 *Sparse"
    ),
    "Tensor": (
        "dims 1 *int64, data_type 2 int32, int32_data 5 *int32, int64_data 7 *int64, name 8 bytes,"
        " raw_data 9 bytes, external_data 13 *Entry, data_location 14 Location"
    ),
    "Sparse": "values 1 Tensor, indices 2 Tensor, dims 3 *int64",
    "Function": (
        "name 1 bytes, node 7 *Node, opset_import 9 *Opset, domain 10 bytes, attribute_proto 11"
        " *Attribute"
    ),
}
_EXTERNAL: Final = 1  # of Location
_INTEGERS: Final[dict[int, tuple[np.dtype[Any], str]]] = {
    6: (np.dtype("<i4"), "int32_data"),
    7: (np.dtype("<i8"), "int64_data"),
}  # of data_type
_FEW: Final = 64  # integers that say how a node works, such as axes; longer tensors are data
# ONNX Runtime takes what follows for an address, not for a file
_IN_MEMORY: Final = "_ORT_MEM_ADDR_"


@final
@dataclass(frozen=True, kw_only=True)
class OnnxNode:
    """One operator: its type and domain ("" for ONNX's own), its name, inputs, outputs and
    attributes.

    Attributes that are numbers, texts or lists of those; graphs and tensors are left out. `where`
    is "" in the main graph, else the function or the node whose subgraph it stands in. `version` is
    that of its domain there, 1 unless the file says so: a function names its own.
    """

    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    where: str
    version: int


@final
@dataclass(frozen=True, kw_only=True)
class OnnxGraph:
    """All nodes of a file, those of subgraphs and functions included.

    `inputs` and `outputs` are those of the main graph, `functions` the (domain, name) of operators
    that the file itself defines, `opsets` the version of each domain. `integers` holds short
    integer tensors (initializers and constants), such as the axes of a reduction, by name.
    `external` names the files beside it that hold weights, as the file writes them.
    """

    nodes: tuple[OnnxNode, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    functions: frozenset[tuple[str, str]]
    opsets: Mapping[str, int]
    metadata: Mapping[str, str]
    integers: Mapping[str, tuple[int, ...]]
    external: tuple[str, ...]


def read_graph(path: Path) -> OnnxGraph:
    """Raises ValueError where the file is missing, no ONNX network, or names weights in what is no
    file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    return parse_graph(content, path)


def parse_graph(content: bytes, path: Path) -> OnnxGraph:
    """As `read_graph`, of the content of `path`."""
    model = _MODEL()
    try:
        model.ParseFromString(content)
    except (DecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not an ONNX network: {first_line(error)}") from error
    if not model.HasField("graph"):
        raise ValueError(f"{path} is not an ONNX network: it holds no graph")
    reader = _Reader(path)
    reader.opsets = opsets = _opsets(model.opset_import)
    reader.read_subgraph(model.graph, "")
    for function in model.functions:
        where = f"function {_text(function.name)}"
        reader.opsets = opsets | _opsets(function.opset_import)
        for attribute in function.attribute_proto:
            reader.read_attribute(attribute, "", where)
        reader.read_nodes(function.node, where)
    return OnnxGraph(
        nodes=tuple(reader.nodes),
        inputs=tuple(_text(value.name) for value in model.graph.input),
        outputs=tuple(_text(value.name) for value in model.graph.output),
        functions=frozenset(
            (_text(function.domain), _text(function.name)) for function in model.functions
        ),
        opsets=opsets,
        metadata={_text(entry.key): _text(entry.value) for entry in model.metadata_props},
        integers=reader.integers,
        external=tuple(sorted(reader.external)),
    )


def external_path(path: Path, location: str) -> Path:
    """The file in which the network of `path` keeps weights under that name, found as ONNX Runtime
    finds it.

    Raises ValueError where the name is absolute or leads out of the network's folder, or there is
    no such file.
    """
    folder = os.path.abspath(path.parent)
    inside = os.path.normpath(os.path.join(folder, location))
    if os.path.isabs(location) or os.path.commonpath([folder, inside]) != folder:
        raise ValueError(
            f"{path} keeps weights in {location!r}, outside its own folder; export it with them"
            " beside it"
        )
    found = path.parent / location
    try:
        kind = found.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ValueError(
            f"{path} keeps weights in {location!r}, and there is no such file beside it; put it"
            " there, or export the network again"
        ) from error
    if not stat.S_ISREG(kind):
        raise ValueError(
            f"{path} keeps weights in {location!r}, which is not a plain file; put the file there"
        )
    return found


class _Reader:
    """Walks through graphs in graphs and collects what they hold."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.opsets: dict[str, int] = {}  # of what is read
        self.nodes: list[OnnxNode] = []
        self.integers: dict[str, tuple[int, ...]] = {}
        self.external: set[str] = set()

    def read_subgraph(self, graph: Any, where: str) -> None:
        for tensor in graph.initializer:
            self._read_tensor(tensor, _text(tensor.name))
        for sparse in graph.sparse_initializer:
            self._read_sparse(sparse)
        self.read_nodes(graph.node, where)

    def read_nodes(self, nodes: Any, where: str) -> None:
        for node in nodes:
            kind, outputs = _text(node.op_type), tuple(map(_text, node.output))
            inner = (
                f"{where + ', ' if where else ''}{kind} {_text(node.name) or ', '.join(outputs)}"
            )
            values = {}
            for attribute in node.attribute:
                constant = outputs[0] if kind == "Constant" and outputs else ""
                value = self.read_attribute(attribute, constant, inner)
                if value is not None:
                    values[_text(attribute.name)] = value
            self.nodes.append(
                OnnxNode(
                    op_type=kind,
                    domain=_domain(node.domain),
                    name=_text(node.name),
                    inputs=tuple(map(_text, node.input)),
                    outputs=outputs,
                    attributes=values,
                    where=where,
                    version=self.opsets.get(_domain(node.domain), 1),
                )
            )

    def read_attribute(self, attribute: Any, constant: str, where: str) -> Any:
        """Its number, text or list of those; tensors count as those of `constant`, graphs as inside
        `where`.
        """
        for tensor in _all(attribute, "t", "tensors"):
            self._read_tensor(tensor, constant)
        for sparse in _all(attribute, "sparse_tensor", "sparse_tensors"):
            self._read_sparse(sparse)
        for graph in _all(attribute, "g", "graphs"):
            self.read_subgraph(graph, where)
        for name in ("i", "f"):
            if attribute.HasField(name):
                return getattr(attribute, name)
        if attribute.HasField("s"):
            return _text(attribute.s)
        if attribute.ints or attribute.floats:
            return tuple(attribute.ints) or tuple(attribute.floats)
        return tuple(map(_text, attribute.strings)) or None

    def _read_sparse(self, sparse: Any) -> None:
        self._read_tensor(sparse.values, "")
        self._read_tensor(sparse.indices, "")

    def _read_tensor(self, tensor: Any, name: str) -> None:
        if tensor.data_location == _EXTERNAL:
            self.external |= set(self._locations(tensor))
        elif (
            name
            and tensor.data_type in _INTEGERS
            and 0 <= int(np.prod(tensor.dims, dtype=float)) <= _FEW
        ):
            dtype, field = _INTEGERS[tensor.data_type]
            raw = tensor.raw_data[: len(tensor.raw_data) // dtype.itemsize * dtype.itemsize]
            found = np.frombuffer(raw, dtype) if raw else getattr(tensor, field)
            self.integers[name] = tuple(map(int, found))

    def _locations(self, tensor: Any) -> Iterator[str]:
        named = [
            os.fsdecode(entry.value) for entry in tensor.external_data if entry.key == b"location"
        ]
        if len(named) != 1 or not named[0] or _IN_MEMORY in named[0]:
            raise ValueError(
                f"{self._path} keeps the weights {_text(tensor.name)!r} outside, in"
                f" {named or 'no file'}: that is not one file; export the network again"
            )
        yield from named


def _all(attribute: Any, one: str, several: str) -> Iterator[Any]:
    if attribute.HasField(one):
        yield getattr(attribute, one)
    yield from getattr(attribute, several)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _domain(value: bytes) -> str:
    return "" if value == b"ai.onnx" else _text(value)  # two names of ONNX's own


def _opsets(imports: Any) -> dict[str, int]:
    return {_domain(opset.domain): opset.version for opset in imports}


def _model_class() -> Any:
    """The protobuf class of `_MESSAGES["Model"]`."""
    file = descriptor_pb2.FileDescriptorProto(
        name="topcert/onnx.proto", package="topcert.onnx", syntax="proto2"
    )
    location = file.enum_type.add(name="Location")
    location.value.add(name="DEFAULT", number=0)
    location.value.add(name="EXTERNAL", number=_EXTERNAL)
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for field in fields.split(", "):
            name, number, kind = field.split()
            label = kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL
            added = described.field.add(name=name, number=int(number), label=label)
            kind = kind.removeprefix("*")
            if kind in _MESSAGES:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".topcert.onnx.{kind}"
            elif kind == "Location":
                added.type, added.type_name = kinds.TYPE_ENUM, ".topcert.onnx.Location"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("topcert.onnx.Model"))


_MODEL: Final = _model_class()
