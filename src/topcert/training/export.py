"""Write a trained network as an ONNX file that says what it is."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import nn

from topcert.files import replacing


def export_onnx(network: nn.Module, path: Path, *, input_shape: tuple[int, ...], metadata: Mapping[str, str]) -> None:
    """Export `network` in evaluation mode for float32 batches `(B, *input_shape)` of any size B.

    The file's input is named `ablated` and its output `scores`; `metadata` (all text) is stored inside it.
    """
    network.eval().to("cpu").to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros(2, *input_shape)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), replacing(path) as aside:
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["ablated"],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            optimize=True,
            external_data=False,
            verbose=False,
        )
        assert program is not None
        model = program.model_proto
        for node in model.graph.node:
            node.ClearField("metadata_props")  # stack traces with the paths of the exporting machine
            node.ClearField("doc_string")
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        aside.write_bytes(model.SerializeToString(deterministic=True))
