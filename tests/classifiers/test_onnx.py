"""ONNX files: votes, shapes, what the fingerprint covers, and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tests.classifiers.networks import (
    CLASSES,
    SHAPE,
    example_of,
    linear_labels,
    make_batch,
    make_weights,
    write_beside,
    write_linear,
)
from topcert.classifiers.onnx import OnnxClassifier
from topcert.classifiers.processor import this_cpu


def load(path: Path, device: str = "cpu") -> OnnxClassifier:
    return OnnxClassifier(path, example=example_of(SHAPE), device=device)


@pytest.mark.parametrize("size", [1, 2, 50])
def test_labels_are_those_of_the_network_in_any_batch_size(tmp_path: Path, size: int) -> None:
    classifier = load(write_linear(tmp_path / "net.onnx"))
    batch = make_batch(size)
    assert classifier.batch_size is None
    assert classifier.num_classes == CLASSES
    assert classifier(batch)[:, 0].tolist() == linear_labels(batch, make_weights())


def test_a_fixed_batch_size_is_reported_and_held(tmp_path: Path) -> None:
    classifier = load(write_linear(tmp_path / "net.onnx", batch=6))
    assert classifier.batch_size == 6
    assert classifier(make_batch(6))[:, 0].tolist() == linear_labels(make_batch(6), make_weights())
    with pytest.raises(ValueError, match=r"the model failed on a batch of shape \(5, 2, 3, 3\)"):
        classifier.answer(make_batch(5))


@pytest.mark.parametrize(
    "outputs", [("labels", "scores"), ("scores", "labels"), ("maps", "scores")]
)
def test_scores_are_taken_wherever_they_stand(tmp_path: Path, outputs: tuple[str, ...]) -> None:
    classifier = load(write_linear(tmp_path / "net.onnx", outputs=outputs))
    assert classifier.num_classes == CLASSES
    assert classifier(make_batch())[:, 0].tolist() == linear_labels(make_batch(), make_weights())


@pytest.mark.parametrize(
    ("element", "dtype"),
    [
        (TensorProto.FLOAT, np.float32),
        (TensorProto.DOUBLE, np.float64),
        (TensorProto.FLOAT16, np.float16),
    ],
)
def test_a_batch_is_given_in_the_precision_that_the_network_takes(
    tmp_path: Path, element: int, dtype: Any
) -> None:
    classifier = load(write_linear(tmp_path / "net.onnx", element=element))
    for given in (make_batch(), make_batch().astype(np.float64)):
        assert classifier(given)[:, 0].tolist() == linear_labels(
            given.astype(dtype), make_weights()
        )


def test_the_runtime_names_the_release_and_the_device(tmp_path: Path) -> None:
    assert (
        load(write_linear(tmp_path / "net.onnx")).runtime
        == f"onnxruntime {onnxruntime.__version__}, {this_cpu()}"
    )


def test_the_batch_is_not_written_to(tmp_path: Path) -> None:
    batch = make_batch()
    load(write_linear(tmp_path / "net.onnx"))(batch)
    np.testing.assert_array_equal(batch, make_batch())


def test_the_fingerprint_is_that_of_the_file_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one = load(write_linear(tmp_path / "net.onnx")).fingerprint
    assert load(write_linear(tmp_path / "elsewhere" / "other.onnx")).fingerprint == one
    assert load(write_linear(tmp_path / "net.onnx", make_weights(1))).fingerprint != one


@pytest.mark.parametrize(
    "location", ["net.onnx.data", "net.onnx_data", "weights.bin", "parts/w", "n" * 150]
)
def test_the_fingerprint_covers_weights_that_lie_in_another_file(
    tmp_path: Path, location: str
) -> None:
    path = write_beside(tmp_path / "net.onnx", make_weights(), location)
    classifier = load(path)
    assert classifier(make_batch())[:, 0].tolist() == linear_labels(make_batch(), make_weights())
    inside = path.read_bytes()
    other = load(write_beside(path, make_weights(1), location))
    assert path.read_bytes() == inside, "the weights must be the only difference"
    assert other(make_batch())[:, 0].tolist() == linear_labels(make_batch(), make_weights(1))
    assert other.fingerprint != classifier.fingerprint


def test_the_fingerprint_is_not_moved_by_files_that_lie_about(tmp_path: Path) -> None:
    path = write_beside(tmp_path / "net.onnx", make_weights(), "net.onnx.data")
    before = load(path).fingerprint
    for name in ("x", "notes.txt", "weights", "other.onnx.data"):
        (tmp_path / name).write_text("something")
    assert load(path).fingerprint == before


def test_a_wrong_number_of_channels_is_refused_with_both_shapes(tmp_path: Path) -> None:
    path = write_linear(tmp_path / "net.onnx")
    with pytest.raises(
        ValueError,
        match=r"takes inputs of shape \(2, 3, 3\), this data and encoding give \(1, 3, 3\)",
    ) as caught:
        OnnxClassifier(path, example=example_of((1, 3, 3)))
    assert "six-channel doubles the channels" in str(caught.value)
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\), this data and encoding give \(18,\)"):
        OnnxClassifier(path, example=example_of((18,)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.onnx does not exist"):
        load(tmp_path / "none.onnx")


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "weights cut"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "net.onnx"
    if damage == "weights cut":
        write_beside(path, make_weights(), "net.onnx.data")
        (tmp_path / "net.onnx.data").write_bytes(b"short")
    else:
        whole = write_linear(path).read_bytes()
        path.write_bytes(
            {"empty": b"", "text": b"not a network", "cut": whole[: len(whole) // 2]}[damage]
        )
    with pytest.raises(
        ValueError, match=r"net\.onnx is not a network that ONNX Runtime can load: \S"
    ):
        load(path)


def test_another_kind_of_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"must take one float tensor, it takes x: tensor\(int64\)"
    ):
        load(write_linear(tmp_path / "net.onnx", element=TensorProto.INT64))


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *SHAPE])
        for name in ("x", "y", "sum")
    ]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "y"], ["sum"])], "two", infos[:2], infos[2:]
    )
    onnx.save_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "two.onnx",
    )
    with pytest.raises(
        ValueError,
        match=r"must take one float tensor, it takes x: tensor\(float\), y: tensor\(float\)",
    ):
        load(tmp_path / "two.onnx")


def test_a_network_without_scores_is_refused_with_what_it_gives(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"gave float32 \(2, 4, 1, 1\) for a batch of 2; expected scores \(2, classes\)",
    ):
        load(write_linear(tmp_path / "net.onnx", outputs=("maps",)))


def test_a_network_that_gives_labels_needs_the_number_of_classes(tmp_path: Path) -> None:
    path = write_linear(tmp_path / "net.onnx", outputs=("labels",))
    with pytest.raises(
        ValueError, match="returns labels, so say how many classes there are: --classes"
    ):
        load(path)
    classifier = OnnxClassifier(path, example=example_of(SHAPE), device="cpu", num_classes=CLASSES)
    assert classifier(make_batch())[:, 0].tolist() == linear_labels(make_batch(), make_weights())


def test_a_row_without_finite_scores_is_one_without_an_answer(tmp_path: Path) -> None:
    classifier = load(write_linear(tmp_path / "net.onnx", divide=True))
    batch = make_batch(3)
    batch[1] = 0
    assert classifier.read(batch).not_finite.tolist() == [False, True, False]


def test_cuda_is_refused_where_the_runtime_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ValueError, match="--device cuda:1 needs onnxruntime-gpu and a CUDA device"):
        load(write_linear(tmp_path / "net.onnx"), device="cuda:1")
    assert load(tmp_path / "net.onnx", device="auto").runtime.endswith(this_cpu())


# ONNX Runtime's own, on falling back
@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider'")
@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(),
    reason="plays a runtime that claims CUDA and has none",
)
def test_a_runtime_that_falls_back_to_the_cpu_is_not_recorded_as_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    path = write_linear(tmp_path / "net.onnx")
    assert load(path, device="auto").runtime.endswith(this_cpu())
    with pytest.raises(
        ValueError,
        match="--device cuda: ONNX Runtime finds no usable CUDA device; use --device cpu",
    ):
        load(path, device="cuda")


@pytest.mark.parametrize(
    "available", [["CPUExecutionProvider"], ["CUDAExecutionProvider", "CPUExecutionProvider"]]
)
@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:-1", ""])
def test_an_unknown_device_is_refused_with_the_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, available: list[str]
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    with pytest.raises(
        ValueError, match=f"--device must be auto, cpu, cuda or cuda:N, got '{device}'"
    ):
        load(write_linear(tmp_path / "net.onnx"), device=device)
