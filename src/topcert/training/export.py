"""Write a trained network as an ONNX file that says what it is."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from topcert.files import replacing


def export_onnx(
    network: nn.Module,
    path: Path,
    *,
    input_shape: tuple[int, ...],
    metadata: Mapping[str, str],
    any_size: bool = False,
) -> None:
    """Export `network` in evaluation mode for float32 batches `(B, *input_shape)` of any size B.

    The file's input is named `ablated` and its output `scores`; `metadata` (all text) is stored
    inside it. With `any_size` it takes pictures `(B, C, H, W)` of any height and width, of which
    `input_shape` is one; the network must be made for such.
    """
    network.eval().to("cpu").to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    free = {0: torch.export.Dim("batch")}
    if any_size:
        free |= {2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
        # of unlike sides, lest the exporter takes the two for one
        input_shape = (*input_shape[:2], input_shape[1] + 1)
    example = torch.zeros(2, *input_shape)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), replacing(path) as aside:
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["ablated"],
            output_names=["scores"],
            dynamic_shapes=(free,),
            dynamo=True,
            optimize=True,
            external_data=False,
            verbose=False,
        )
        assert program is not None
        model = program.model_proto
        for node in model.graph.node:
            # stack traces with the paths of the exporting machine
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        aside.write_bytes(model.SerializeToString(deterministic=True))


def halve_weights(path: Path, smaller: Path, *, at_least: int = 1024) -> None:
    """Write the ONNX file `path` anew with float32 weights of `at_least` numbers in float16, each
    cast back when loaded.

    Half the size; everything is computed in float32 as before, from rounded weights. The metadata
    says so. Raises ValueError where a weight lies beyond float16.
    """
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < at_least:
            continue
        if not np.abs(values).max() <= np.finfo(np.float16).max:
            raise ValueError(
                f"{tensor.name} of {path} holds {np.abs(values).max()}, which is beyond float16"
            )
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_float16"))
        casts.append(
            onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    # what it said of the weights holds no longer, and nothing needs it
    del model.graph.value_info[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = "weights", "float16, computed in float32"
    onnx.checker.check_model(model, full_check=True)
    with replacing(smaller) as aside:
        aside.write_bytes(model.SerializeToString(deterministic=True))
