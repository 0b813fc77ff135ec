"""The layers of an ONNX file, for certificates that need the weights and not only the labels."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.files import first_line
from topcert.theory.interval_bounds import scores
from topcert.theory.interval_layers import Conv, Dense, Flatten, Layer, ReLU

if TYPE_CHECKING:
    import onnx

_KNOWN: Final = ("Conv", "Gemm", "MatMul", "Add", "Relu", "Flatten", "Reshape", "Identity")

Array = NDArray[Any]


def read_layers(path: Path) -> tuple[Layer, ...]:
    """The layers of a network that is a chain of convolutions, linear maps and ReLUs, from image to
    scores.

    They are run on random images beside ONNX Runtime. Raises ValueError for a file that does not
    load, an operator that interval bounds cannot follow, or layers that give other scores than the
    file.
    """
    if find_spec("onnx") is None:
        raise ValueError(
            "reading the layers of an ONNX file needs onnx; install it with: pip install"
            " 'topcert[torch]'"
        )
    import onnx

    if not path.is_file():
        raise ValueError(f"{path} does not exist")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # onnx has no common base class for what a bad file raises
        raise ValueError(
            f"{path} is not an ONNX file that can be read: {first_line(error)}"
        ) from error
    constants = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    inputs = [item.name for item in model.graph.input if item.name not in constants]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise ValueError(
            f"{path} must have one input and one output, it has {len(inputs)} and"
            f" {len(model.graph.output)}"
        )
    layers: list[Layer] = []
    here = inputs[0]
    for node in model.graph.node:
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Constant" and isinstance(attributes.get("value"), onnx.TensorProto):
            constants[node.output[0]] = onnx.numpy_helper.to_array(attributes["value"])
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
        else:
            _append(layers, node, attributes, here, constants, path)
            here = node.output[0]
    if here != model.graph.output[0].name:
        raise ValueError(
            f"{path} is not a chain of layers: its output is not that of its last operator"
        )
    _compare(path, layers)
    return tuple(layers)


def _append(
    layers: list[Layer],
    node: onnx.NodeProto,
    attributes: dict[str, Any],
    here: str,
    constants: dict[str, Array],
    path: Path,
) -> None:
    """Add to `layers` what the node does to the tensor `here`."""
    operator = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
    if operator not in _KNOWN:
        known = ", ".join(_KNOWN)
        raise ValueError(
            f"{path} has the operator {operator}, which interval bounds cannot follow; they follow"
            f" {known}"
        )
    given = list(node.input)
    if operator == "Add" and here in given[1:]:
        given.reverse()
    others = [constants.get(name) for name in given[1:] if name]
    if given[0] != here or len(node.output) != 1 or any(other is None for other in others):
        raise ValueError(
            f"{path} is not a chain of layers: {operator} {node.name!r} takes other than the last"
            " output"
        )
    parameters = [other for other in others if other is not None]
    match operator:
        case "Identity":
            return
        case "Relu":
            layers.append(ReLU())
            return
        case "Flatten" if attributes.get("axis", 1) == 1:
            layers.append(Flatten())
            return
        case "Reshape" if parameters and parameters[0].shape == (2,) and parameters[0][1] != 0:
            layers.append(Flatten())
            return
        case "Gemm" if (
            not attributes.get("transA", 0)
            and attributes.get("alpha", 1) == attributes.get("beta", 1) == 1
        ):
            weight = parameters[0] if attributes.get("transB", 0) else parameters[0].T
            if len(parameters) == 1 or parameters[1].size == len(weight):
                layers.append(
                    Dense(
                        weight,
                        parameters[1].reshape(-1) if len(parameters) > 1 else _no_bias(weight),
                    )
                )
                return
        case "MatMul" if parameters[0].ndim == 2:
            layers.append(Dense(parameters[0].T, _no_bias(parameters[0].T)))
            return
        case "Add":
            last = layers[-1] if layers else None
            if (
                isinstance(last, Dense)
                and not last.bias.any()
                and parameters[0].size == len(last.bias)
            ):
                layers[-1] = Dense(last.weight, parameters[0].reshape(-1))
                return
        case "Conv" if _is_plain(attributes):
            stride, pads = attributes.get("strides", [1, 1]), attributes.get("pads", [0, 0, 0, 0])
            if parameters[0].ndim == 4 and list(pads[:2]) == list(pads[2:]):
                bias = parameters[1] if len(parameters) > 1 else _no_bias(parameters[0])
                layers.append(
                    Conv(parameters[0], bias, stride=tuple(stride), padding=tuple(pads[:2]))
                )
                return
    raise ValueError(
        f"{path} has a {operator} of a kind that interval bounds cannot follow"
        f" ({_spelled(attributes)})"
    )


def _is_plain(attributes: dict[str, Any]) -> bool:
    """Whether a convolution has no groups, no gaps and its padding in figures."""
    gaps = set(attributes.get("dilations", [1]))
    return (
        attributes.get("group", 1) == 1
        and gaps == {1}
        and attributes.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    )


def _no_bias(weight: Array) -> Array:
    return np.zeros(len(weight), weight.dtype)


def _spelled(attributes: dict[str, Any]) -> str:
    return (
        ", ".join(f"{name} {value}" for name, value in sorted(attributes.items()))
        or "no attributes"
    )


def _compare(path: Path, layers: list[Layer]) -> None:
    """Raises ValueError where the layers do not give the scores that ONNX Runtime does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime has none either
        raise ValueError(
            f"{path} is not a network that ONNX Runtime can load: {first_line(error)}"
        ) from error
    given = session.get_inputs()[0]
    batch, *shape = given.shape
    if not all(isinstance(size, int) for size in shape) or given.type not in (
        "tensor(float)",
        "tensor(double)",
    ):
        raise ValueError(
            f"{path} takes {given.type} of shape {given.shape}; interval bounds need floats of a"
            " fixed shape"
        )
    generator = np.random.default_rng(0)
    images = generator.random((batch if isinstance(batch, int) else 4, *shape))
    images = images.astype(np.float32 if given.type == "tensor(float)" else np.float64)
    wanted = session.run(None, {given.name: images})[0]
    found = scores(layers, images)
    if found.shape != wanted.shape or not np.allclose(
        found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max()
    ):
        raise ValueError(f"{path} gives other scores in ONNX Runtime than the layers read from it")
