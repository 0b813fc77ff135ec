"""I/O binding: chosen where ONNX Runtime and torch share a CUDA device, and the scores of a plain
run. The device that is read and written is the CPU here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from tests.classifiers.networks import CLASSES, SHAPE, linear_model, make_batch, make_weights
from topcert.classifiers import onnx as onnx_module
from topcert.classifiers import onnx_binding
from topcert.classifiers.onnx import OnnxClassifier
from topcert.classifiers.onnx_binding import CUDA, bound_device
from topcert.modalities.make_encoder import make_encoder
from topcert.randomization.randomizer import Masking
from topcert.voting.voter import Voter

torch.set_num_threads(1)


@dataclass
class FakeSession:
    """One that says where it runs."""

    providers: list[str]
    device_id: str = "0"

    def get_providers(self) -> list[str]:
        return self.providers

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {CUDA: {"device_id": self.device_id}}


def sees(monkeypatch: pytest.MonkeyPatch, devices: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)


def test_rows_are_bound_where_both_have_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cuda = [CUDA, "CPUExecutionProvider"]
    sees(monkeypatch, 2)
    assert bound_device(FakeSession(on_cuda)) == torch.device("cuda:0")
    assert bound_device(FakeSession(on_cuda, device_id="1")) == torch.device("cuda:1")
    assert bound_device(FakeSession(on_cuda, device_id="2")) is None
    assert bound_device(FakeSession(["CPUExecutionProvider"])) is None
    sees(monkeypatch, 0)
    assert bound_device(FakeSession(on_cuda)) is None
    sees(monkeypatch, 2)
    monkeypatch.setattr(onnx_binding, "find_spec", lambda _: None)
    assert bound_device(FakeSession(on_cuda)) is None


def classifier(folder: Path, *, depth: int = 1, **given: Any) -> OnnxClassifier:
    path = folder / "network.onnx"
    onnx.save(linear_model(make_weights(), **given), path)
    return OnnxClassifier(path, example=make_batch(2), num_classes=CLASSES, depth=depth)


def on_this_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_module, "bound_device", lambda _: torch.device("cpu"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16])
@pytest.mark.parametrize("batch", ["batch", 50])
def test_bound_rows_have_the_ballots_of_copied_ones(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch: int | str,
    element: int,
    dtype: type[np.floating],
) -> None:
    on_this_cpu(monkeypatch)
    made = classifier(tmp_path, batch=batch, element=element, depth=2)
    rows = (make_batch() + np.float64(1e-9)).astype(dtype)
    rows[3] = 1e300 if dtype is np.float64 else np.inf
    rows[4] = 1 + 2**-11 + 2**-30  # of which half precision by way of single makes 1
    wanted = made.read(rows)
    found = made.begin(lambda: torch.from_numpy(rows), rows.shape)()
    assert made.rows_device() == torch.device("cpu")
    np.testing.assert_array_equal(found.ballots, wanted.ballots)
    np.testing.assert_array_equal(found.not_finite, wanted.not_finite)
    scores = made._binding.scores(made._session, torch.from_numpy(rows))  # type: ignore[union-attr]
    with np.errstate(over="ignore"):
        answer = made.answer(rows)
    assert scores.numpy().tobytes() == answer.tobytes()


def test_labels_and_networks_on_a_cpu_take_rows_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert classifier(tmp_path).rows_device() is None
    on_this_cpu(monkeypatch)
    assert classifier(tmp_path).rows_device() is not None
    assert classifier(tmp_path, outputs=("labels",)).rows_device() is None


def test_votes_are_those_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_this_cpu(monkeypatch)
    made = classifier(tmp_path, depth=2)
    x = np.random.default_rng(2).random((2, *SHAPE[1:], 1)).astype(np.float32)

    def voter(on_device: bool) -> Voter:
        shape = x.shape[1:]
        encoder = make_encoder("six-channel", shape=shape, unit="pixel", batch_size=8)
        randomizer = Masking(
            unit="pixel",
            encoder=encoder,
            seed=1,
            num_features=9,
            num_kept=3,
            num_masks=20,
            batch_size=8,
        )
        return Voter(
            read=lambda place: x[place],
            randomizer=randomizer,
            classifier=made,
            num_inputs=2,
            on_device=on_device,
        )

    batches = [(0, 0, 8), (0, 8, 16), (1, 0, 5)]
    here, there = (list(voter(on_device).votes_in_turn(batches)) for on_device in (False, True))
    for (one, asked), (other, asked_there) in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)
        assert asked == asked_there


def test_another_shape_than_it_says_is_asked_again_by_rows_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from topcert.classifiers.answers import AnswerError

    on_this_cpu(monkeypatch)
    made = classifier(tmp_path)
    assert made._binding is not None
    made._binding._num_classes = CLASSES + 1
    with pytest.raises(AnswerError, match="the model failed on a batch of shape"):
        made.begin(lambda: torch.from_numpy(make_batch()), make_batch().shape)
