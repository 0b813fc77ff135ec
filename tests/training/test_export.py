"""The exported network: the same scores, what it says of itself, and nothing of the machine that
made it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import topcert
from tests.classifiers.networks import example_of
from topcert.classifiers.onnx import OnnxClassifier
from topcert.classifiers.torch_module import TorchClassifier
from topcert.models.compact import Compact
from topcert.training.export import export_onnx, halve_weights

torch.set_num_threads(1)

SHAPE = (6, 32, 32)
METADATA = {"network": "compact", "num_kept": "50", "note": "ünicode"}


@pytest.fixture(scope="module")
def network() -> Compact:
    """With running statistics that differ from those of a fresh network."""
    torch.manual_seed(0)
    network = Compact().to(memory_format=torch.channels_last)
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(16, *SHAPE))
    return network


@pytest.fixture(scope="module")
def path(network: Compact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "compact.onnx"
    network.train()
    export_onnx(network, path, input_shape=SHAPE, metadata=METADATA)
    return path


def test_the_network_is_left_in_evaluation_mode(network: Compact, path: Path) -> None:
    assert path.is_file()
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("size", [1, 2, 5])
def test_scores_equal_those_of_torch_in_any_batch_size(
    network: Compact, path: Path, size: int
) -> None:
    batch = np.random.default_rng(size).random((size, *SHAPE)).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(batch)).numpy()
    (found,) = onnxruntime.InferenceSession(path).run(["scores"], {"ablated": batch})
    assert found.shape == (size, 10)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_it_is_loaded_as_a_classifier_with_the_labels_of_torch(
    network: Compact, path: Path
) -> None:
    batch = np.random.default_rng(0).random((16, *SHAPE)).astype(np.float32)
    classifier = OnnxClassifier(path, example=example_of(SHAPE), device="cpu")
    assert classifier.batch_size is None
    assert classifier.num_classes == 10
    wanted = TorchClassifier(network, example=example_of(SHAPE), device="cpu")(batch)
    np.testing.assert_array_equal(classifier(batch), wanted)


def test_it_carries_the_metadata_and_no_other(path: Path) -> None:
    assert {entry.key: entry.value for entry in onnx.load(path).metadata_props} == METADATA


def test_it_is_one_file_with_nothing_left_beside_it(path: Path) -> None:
    assert [entry.name for entry in path.parent.iterdir()] == ["compact.onnx"]


def test_it_holds_no_path_of_this_machine(path: Path) -> None:
    content = path.read_bytes()
    machine = {
        Path(topcert.__file__).parent,
        Path(torch.__file__).parent,
        Path(sys.prefix),
        Path.cwd(),
        Path.home(),
        path.parent,
    }
    found = [place for place in machine if len(place.parts) > 1 and str(place).encode() in content]
    assert found == []
    for trace in (b"site-packages", b"stack_trace", b'File "', b".py"):
        assert trace not in content


def test_compact_gives_scores_of_as_many_classes_as_asked(network: Compact) -> None:
    assert network.eval()(torch.zeros(2, *SHAPE)).shape == (2, 10)
    assert Compact(num_classes=7).eval()(torch.zeros(1, 6, 32, 32)).shape == (1, 7)


def test_weights_in_float16_are_those_rounded_and_all_else_is_as_it_was(
    path: Path, tmp_path: Path
) -> None:
    smaller = tmp_path / "smaller.onnx"
    halve_weights(path, smaller)
    assert smaller.stat().st_size < 0.6 * path.stat().st_size
    before, after = onnx.load(path), onnx.load(smaller)
    shown = {entry.key: entry.value for entry in after.metadata_props}
    assert shown == {**METADATA, "weights": "float16, computed in float32"}
    rounded = onnx.ModelProto()
    rounded.CopyFrom(before)
    # the reference: the same file with rounded numbers in float32
    for tensor in rounded.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 1024:
            tensor.CopyFrom(
                onnx.numpy_helper.from_array(
                    values.astype(np.float16).astype(np.float32), tensor.name
                )
            )
    onnx.save(rounded, tmp_path / "rounded.onnx")
    batch = np.random.default_rng(0).random((5, *SHAPE)).astype(np.float32)
    found, wanted, exact = (
        onnxruntime.InferenceSession(file).run(["scores"], {"ablated": batch})[0]
        for file in (smaller, tmp_path / "rounded.onnx", path)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(found, exact)
    classifier = OnnxClassifier(smaller, example=example_of(SHAPE), device="cpu")
    np.testing.assert_array_equal(classifier(batch)[:, 0], wanted.argmax(1))


def test_weights_beyond_float16_are_refused(path: Path, tmp_path: Path) -> None:
    model = onnx.load(path)
    large = next(
        tensor
        for tensor in model.graph.initializer
        if onnx.numpy_helper.to_array(tensor).size >= 1024
    )
    values = onnx.numpy_helper.to_array(large).copy()
    values.reshape(-1)[0] = 1e5
    large.CopyFrom(onnx.numpy_helper.from_array(values, large.name))
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(ValueError, match=r"holds 100000\.0, which is beyond float16"):
        halve_weights(tmp_path / "large.onnx", tmp_path / "smaller.onnx")
    assert not (tmp_path / "smaller.onnx").exists()
