"""Make the folders of runs that later releases must read: run it in the release that is to be
kept, `python -m tests.formats.make FOLDER`, and never again for that format.

FOLDER holds exact.py, and gets the data, a network, and a run for each line of commands.txt.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from topcert.cli import main as topcert

COMMANDS = """
certify table.npz exact:make --keep 3 --k 1,2 --samples 300 --alpha 0.05 --out ablation
certify images.npz exact:make --method located --keep 4 --k 1,2 --samples 300 --label predicted \
--out located
certify images.npz exact:make --keep 4 --k 2 --ballot 2 --samples 200 --out ballots
certify images.npz exact:make --method cohen --sigma 0.25 --samples 200 --out gaussian
certify images.npz exact:make --method lee --keep-probability 0.9 --samples 200 --out discrete
certify images.npz exact:make --method design --design stratified --keep 6 --samples 24 --k 2 \
--out design
certify images.npz exact:make --method design --design lattice:2x3 --k 1 --ballot 2 --out lattice
certify images.npz exact:make --keep 4 --k 1 --stop radius=1 --max-samples 640 --out stopped
certify images.npz network.onnx --method chiang --k 1,2 --out intervals
predict table.npz exact:make --keep 3 --k 2 --samples 300 --seed 5 --out predicted
"""
UNDRAWN = ("accuracy.png", "accuracy.svg")  # kept of one run alone, for they are large


def main(folder: Path) -> None:
    generator = np.random.default_rng(1)
    np.savez_compressed(
        folder / "table.npz",
        x=(generator.integers(0, 65, (4, 12)) / 64).astype(np.float32),
        y=generator.integers(0, 5, 4),
    )
    np.savez_compressed(
        folder / "images.npz",
        x=generator.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8),
        y=generator.integers(0, 5, 4),
    )
    network(folder / "network.onnx")
    (folder / "commands.txt").write_text(COMMANDS.lstrip())
    os.chdir(folder)
    sys.path.insert(0, ".")
    for line in COMMANDS.strip().splitlines():
        sys.argv = ["topcert", *shlex.split(line)]
        try:
            topcert()
        except SystemExit as stopped:
            if stopped.code:
                raise
    for path in Path().glob("*/accuracy.*"):
        if path.name in UNDRAWN and path.parent.name != "ablation":
            path.unlink()
    for path in Path().glob("*/ledger/.lock"):
        path.unlink()


def network(path: Path) -> None:
    """Two layers with weights in 64ths, for images of 6 x 6 pixels and five classes."""
    generator = np.random.default_rng(2)
    weights = {
        name: (generator.integers(-9, 10, shape) / 64).astype(np.float32)
        for name, shape in {"w0": (108, 8), "b0": (8,), "w1": (8, 5), "b1": (5,)}.items()
    }
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w0", "b0"], ["first"]),
        helper.make_node("Relu", ["first"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w1", "b1"], ["scores"]),
    ]
    real = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", real, ["batch", 3, 6, 6])],
        [helper.make_tensor_value_info("scores", real, ["batch", 5])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
