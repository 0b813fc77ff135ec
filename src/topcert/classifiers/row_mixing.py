"""What in a network mixes the rows of a batch, as far as its operators and layers say.

A vote must be a function of one row. Some operators and layers are known to look at the whole
batch: they are named at once. Others may, by their axis: they are named where a trial finds that an
answer depends on its batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from topcert.classifiers.onnx_graph import OnnxGraph, OnnxNode

if TYPE_CHECKING:
    import torch

DYNAMIC: Final = "takes the scale of its numbers from the whole batch (dynamic quantization)"
STATISTICS: Final = "normalizes by the statistics of the batch"
_REDUCTIONS: Final = (
    "CumSum",
    "Hardmax",
    "LogSoftmax",
    "LpNormalization",
    "Softmax",
    "TopK",
    "ArgMax",
    "ArgMin",
)
_DYNAMIC_TORCH: Final = ("torch.ao.nn.quantized.dynamic", "torch.nn.quantized.dynamic", "torchao.")


@final
@dataclass(frozen=True, kw_only=True)
class RowMixing:
    """What mixes rows, in words; `certain` where it does so in every batch of more than one row."""

    text: str
    certain: bool


def row_mixing_of_graph(graph: OnnxGraph) -> RowMixing | None:
    """What in an ONNX file mixes the rows of a batch; None where no operator is known to.

    Subgraphs of `If`, `Loop` and `Scan` and the functions that the file defines are part of it.
    """
    for node in graph.nodes:
        why = _certain(node)
        if why is not None:
            return RowMixing(text=f"the model's operator {_named(node)} {why}", certain=True)
    for node in graph.nodes:
        if _along_first(node, graph):
            return RowMixing(
                text=f"the model's operator {_named(node)} works along axis 0, that of the batch",
                certain=False,
            )
    return None


def _certain(node: OnnxNode) -> str | None:
    if node.domain in ("", "com.microsoft") and node.op_type.startswith("DynamicQuantize"):
        return DYNAMIC
    if node.op_type == "BatchNormalization" and node.domain == "":
        trains = (
            node.attributes.get("training_mode", 0) if node.version >= 14 else len(node.outputs) > 1
        )
        if trains or (node.version < 7 and not node.attributes.get("is_test", 0)):
            return STATISTICS
    return None


def _along_first(node: OnnxNode, graph: OnnxGraph) -> bool:
    """Whether an operator of ONNX's own sums, sorts or compares along the first axis of what it is
    given.
    """
    if node.domain != "":
        return False
    # one row after the other, with a state, where the batch is what it goes along
    if node.op_type == "Scan":
        return 0 in node.attributes.get("scan_input_axes", (0,))
    reduces = node.op_type.startswith("Reduce")
    if not reduces and node.op_type not in _REDUCTIONS:
        return False
    axes = node.attributes.get("axes", node.attributes.get("axis"))
    if axes is None and len(node.inputs) > 1 and (reduces or node.op_type == "CumSum"):
        axes = graph.integers.get(node.inputs[1])
    if axes is None:  # all axes are reduced, but for an empty list that says: none
        return reduces and not node.attributes.get("noop_with_empty_axes", 0)
    return 0 in (axes if isinstance(axes, (tuple, list)) else (axes,))


def _named(node: OnnxNode) -> str:
    return (
        node.op_type
        + (f" ({node.name})" if node.name else "")
        + (f" in {node.where}" if node.where else "")
    )


def row_mixing_of_module(module: torch.nn.Module) -> RowMixing | None:
    """What in a torch module, in evaluation mode, mixes the rows of a batch; None where no layer is
    known to.
    """
    for name, layer in module.named_modules():
        why = _layer(layer)
        if why is not None:
            return RowMixing(
                text=f"the model's layer {_kind(layer)} ({name or 'itself'}) {why}", certain=True
            )
    return None


def _layer(layer: Any) -> str | None:
    kind = _kind(layer)
    if type(layer).__module__.startswith(_DYNAMIC_TORCH):
        return DYNAMIC
    if ("BatchNorm" in kind or _is_batch_norm(layer)) and hasattr(layer, "running_mean"):
        if layer.running_mean is None:
            return f"{STATISTICS}, as it keeps no running ones"
        if layer.training:
            return f"{STATISTICS}, as it stays in training mode"
    if "FakeQuantize" in kind and bool(getattr(layer, "observer_enabled", False)):
        return DYNAMIC
    return None


def _is_batch_norm(layer: Any) -> bool:
    from torch import nn  # a module is at hand, so torch is there

    return isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))


def _kind(layer: Any) -> str:
    # of what TorchScript made of it
    return str(getattr(layer, "original_name", type(layer).__name__))
