"""`lattice`: as small as it says, for pictures of any size, and each row by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from topcert.classifiers.onnx_graph import read_graph
from topcert.classifiers.row_mixing import row_mixing_of_graph
from topcert.models.cost import multiply_adds, num_parameters
from topcert.models.lattice import LatticeNet
from topcert.training.export import export_onnx

torch.set_num_threads(1)


def test_its_size_is_as_told() -> None:
    network = LatticeNet()
    assert round(multiply_adds(network, (6, 7, 7)) / 1e6) == 35
    assert round(num_parameters(network) / 1e5) == 15


def test_rows_do_not_affect_each_other_and_the_file_says_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LatticeNet(num_classes=4, width=16).eval()
    for parameter in network.parameters():  # at first a block is its shortcut
        torch.nn.init.normal_(parameter, std=0.2)
    batch = torch.rand(5, 6, 7, 7)
    with torch.inference_mode():
        together = network(batch)
        alone = torch.cat([network(row[None]) for row in batch])
        other = batch.clone()
        other[1:] = 1 - other[1:]
        torch.testing.assert_close(together, alone)
        torch.testing.assert_close(network(other)[0], together[0])
        assert not torch.allclose(network(other)[1], together[1])
        assert network(torch.rand(2, 6, 11, 8)).shape == (2, 4)
    export_onnx(network, tmp_path / "net.onnx", input_shape=(6, 7, 7), metadata={})
    (scores,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(
        None, {"ablated": batch.numpy()}
    )
    np.testing.assert_allclose(scores, together.numpy(), rtol=1e-4, atol=1e-5)


def test_one_file_takes_pictures_of_several_sizes(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = LatticeNet(num_classes=4, width=4)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    path = tmp_path / "net.onnx"
    export_onnx(network, path, input_shape=(6, 7, 7), metadata={}, any_size=True)
    session = onnxruntime.InferenceSession(path)
    batch, channels, height, width = session.get_inputs()[0].shape
    assert channels == 6
    assert all(isinstance(size, str) for size in (batch, height, width))
    assert len({batch, height, width}) == 3
    for size in ((3, 6, 7, 7), (2, 6, 6, 6), (5, 6, 7, 6), (1, 6, 6, 7), (2, 6, 3, 11)):
        pictures = torch.rand(size)
        with torch.inference_mode():
            wanted = network(pictures).numpy()
        (scores,) = session.run(None, {"ablated": pictures.numpy()})
        np.testing.assert_allclose(scores, wanted, rtol=1e-4, atol=1e-5)
    assert row_mixing_of_graph(read_graph(path)) is None
