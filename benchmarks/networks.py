"""Size and speed of the base classifiers: parameters, multiply-adds, passes a second through ONNX
Runtime and torch.

    python benchmarks/networks.py [--rounds 5] [--batch 250]

Networks and runtimes take turns on constant inputs, so that all meet the same noise of the machine;
the best round counts. Before a turn there is a pause and a pass that is not timed: threads of the
one before go on waiting for work, at full speed, for a while. Weights are random: they do not
matter to speed. Needs the extra `torch`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn

from topcert.models.compact import Compact
from topcert.models.cost import multiply_adds, num_parameters
from topcert.models.pointnet import PointNet
from topcert.models.residual import resnet18, resnet50, resnet110
from topcert.models.small import Small
from topcert.training.export import export_onnx

PAUSE = 0.3  # seconds
IMAGE, CROP, POINTS = (6, 32, 32), (6, 224, 224), (16, 3)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "ResNet-110": (lambda: resnet110(in_channels=6, num_classes=10), IMAGE),
    "ResNet-18": (lambda: resnet18(in_channels=6, num_classes=10), IMAGE),
    "compact": (Compact, IMAGE),
    "small": (Small, IMAGE),
    "PointNet, 16 points": (lambda: PointNet(num_classes=40), POINTS),
    "ResNet-50, 224 x 224": (lambda: resnet50(in_channels=6, num_classes=1000), CROP),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--batch", type=int, default=250, help="inputs a batch; an eighth for 224 x 224 images"
    )
    options = parser.parse_args()
    torch.manual_seed(0)
    sizes: dict[str, str] = {}
    passes: dict[tuple[str, str], tuple[Callable[[], Any], int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, shape) in NETWORKS.items():
            network = make()
            sizes[name] = (
                f"{num_parameters(network) / 1e6:.2f} M |"
                f" {multiply_adds(network, shape) / 1e6:.1f} M"
            )
            count = max(1, options.batch // 8) if shape == CROP else options.batch
            batch = np.zeros((count, *shape), np.float32)
            path = Path(folder) / f"{len(sizes)}.onnx"
            export_onnx(network, path, input_shape=shape, metadata={})
            passes[name, "onnx"] = (_onnx(path, batch), count)
            passes[name, "torch"] = (_torch(network, batch), count)
    best = dict.fromkeys(passes, float("inf"))
    for _ in range(options.rounds):
        for key, (run, _) in passes.items():
            time.sleep(PAUSE)
            run()
            began = time.perf_counter()
            run()
            best[key] = min(best[key], time.perf_counter() - began)
    rate = {key: count / best[key] for key, (_, count) in passes.items()}
    print(
        "| network | parameters | multiply-adds | ONNX Runtime, passes/s | torch, passes/s | to"
        " ResNet-110 |"
    )
    print("|---|---|---|---|---|---|")
    for name, size in sizes.items():
        onnx, eager = rate[name, "onnx"], rate[name, "torch"]
        print(
            f"| {name} | {size} | {onnx:,.0f} | {eager:,.0f} |"
            f" {onnx / rate['ResNet-110', 'onnx']:.1f} |"
        )


def _onnx(path: Path, batch: np.ndarray) -> Callable[[], Any]:
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: batch})


def _torch(network: nn.Module, batch: np.ndarray) -> Callable[[], Any]:
    network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tensor = torch.from_numpy(batch)

    def run() -> Any:
        with torch.inference_mode():
            return network(tensor)

    return run


if __name__ == "__main__":
    main()
