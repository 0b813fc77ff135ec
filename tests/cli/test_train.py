"""`topcert train`: a network, a log and an ONNX file that `certify` takes; stopped and resumed, the same weights."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Outcome

RUN = ["train", "cifar10", "--epochs", 2, "--batch-size", 8, "--learning-rate", 0.05]


@pytest.fixture
def tiny_cifar(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Thirty-two bright or dark images instead of fifty thousand."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def load(split: str, *, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(len(split))
        labels = np.arange(32) % 2
        images = generator.integers(0, 100, (32, 32, 32, 3)) + 150 * labels[:, None, None, None]
        return images.astype(np.uint8), labels

    monkeypatch.setattr(importlib.import_module("topcert.cli.train"), "load_cifar10", load)
    yield
    torch.set_num_threads(threads)


def weights(folder: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(Path(folder, "checkpoint.pt"), weights_only=True)["network"]
    return found


@pytest.mark.usefixtures("tiny_cifar")
def test_a_trained_network_is_certified_and_started_from(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert(*RUN, "--out", "a")
    assert run.code == 0, run.err
    assert len(Path("a/log.csv").read_text().splitlines()) == 3
    np.savez("images.npz", x=np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8), y=np.zeros(2, int))
    made = topcert("certify", "images.npz", "a/compact.onnx", "--keep", 50, "--samples", 60, "--alpha", 0.1, "--out", "o")
    assert made.code == 0, made.err
    assert topcert("verify", "o", "--model", "a/compact.onnx", "--replay", 5).code == 0
    again = topcert(*RUN, "--out", "a")
    assert again.code == 2
    assert "--resume" in again.err
    before = weights("a")
    assert topcert(*RUN, "--out", "a", "--resume").code == 0
    assert all(torch.equal(before[name], value) for name, value in weights("a").items())
    assert topcert(*RUN, "--seed", 1, "--out", "a", "--resume").code == 2
    assert topcert(*RUN, "--start-from", "a/checkpoint.pt", "--learning-rate", 1e-9, "--out", "b").code == 0
    name = "head.2.weight"
    assert torch.allclose(weights("b")[name], before[name], atol=1e-5)  # it began where the first run ended
    assert topcert(*RUN, "--start-from", "absent.pt", "--out", "c").code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "imagenet", "--out", "o"], "unknown training data"),
        (["train", "cifar10", "resnet", "--out", "o"], "unknown network"),
        (["train", "cifar10", "--out", "o", "--batch-size", 64], "batch size 64"),
        (["train", "cifar10", "--out", "o", "--device", "cuda:99"], "cuda"),
        (["train", "cifar10", "--out", "o", "--keep", 2000, "--batch-size", 8], "num_kept"),
    ],
)
@pytest.mark.usefixtures("tiny_cifar")
def test_what_cannot_be_trained_is_refused(
    workplace: Path, topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert(*arguments)
    assert run.code == 2
    assert says in run.err
