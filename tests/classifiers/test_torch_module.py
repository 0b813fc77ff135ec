"""PyTorch modules: evaluation mode, what the fingerprint covers, and errors."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.classifiers.networks import example_of
from topcert.classifiers.processor import this_cpu
from topcert.classifiers.torch_module import TorchClassifier

torch.set_num_threads(1)

SHAPE = (2, 4, 4)


def make_network(seed: int = 0) -> nn.Module:
    """Batch normalization and dropout: both behave otherwise in training mode."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(128, 5),
    )
    network(torch.rand(16, *SHAPE))  # gives batch normalization something to remember
    return network


def make_batch(size: int = 64) -> Any:
    return np.random.default_rng(0).random((size, *SHAPE)).astype(np.float32)


class Raises(nn.Module):
    """Fails in the way that it is given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        raise self.error


class Gives(nn.Module):
    """Gives what it is given."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, _: torch.Tensor) -> Any:
        return self.output


class Shifted(nn.Module):
    """Shifts its input by a buffer, which works in place and need not be stored."""

    def __init__(self, shift: float, *, persistent: bool) -> None:
        super().__init__()
        self.shift: torch.Tensor
        self.register_buffer("shift", torch.tensor([shift, 0.0]), persistent=persistent)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.add_(self.shift)


def test_labels_are_those_of_the_module_in_evaluation_mode() -> None:
    network = make_network()
    batch = make_batch()
    classifier = TorchClassifier(
        copy.deepcopy(network).train(), example=example_of(SHAPE), device="cpu"
    )
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(batch)).argmax(1).tolist()
    assert classifier.num_classes == 5
    assert classifier(batch)[:, 0].tolist() == wanted
    assert len(set(wanted)) > 1


def test_dropout_and_batch_normalization_do_not_make_votes_random() -> None:
    classifier = TorchClassifier(make_network().train(), example=example_of(SHAPE), device="cpu")
    batch = make_batch()
    first = classifier(batch)
    for _ in range(3):
        # would move the running statistics of a module in training mode
        classifier(make_batch(8) * 100)
        np.testing.assert_array_equal(classifier(batch), first)


def test_doubles_are_taken_as_floats() -> None:
    classifier = TorchClassifier(make_network(), example=example_of(SHAPE), device="cpu")
    batch = make_batch()
    np.testing.assert_array_equal(classifier(batch.astype(np.float64)), classifier(batch))


def test_scores_in_half_precision_are_votes() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(32, 3)).bfloat16()
    scores = Gives(torch.tensor([[0.0, 1.0, 0.5]] * 2, dtype=torch.bfloat16))
    assert TorchClassifier(scores, example=example_of(SHAPE), device="cpu")(
        make_batch(2)
    ).tolist() == [[1], [1]]
    with pytest.raises(ValueError, match=r"the model failed on a batch of shape \(2, 2, 4, 4\)"):
        TorchClassifier(network, example=example_of(SHAPE), device="cpu")


def test_a_module_that_works_in_place_does_not_write_to_the_batch() -> None:
    classifier = TorchClassifier(
        Shifted(5.0, persistent=True), example=example_of((2,)), device="cpu"
    )
    batch = np.array([[0.1, 0.9], [0.7, 0.3]], np.float32)
    before = batch.copy()
    assert classifier(batch)[:, 0].tolist() == [0, 0]
    np.testing.assert_array_equal(batch, before)


def fingerprint(network: nn.Module) -> str:
    return TorchClassifier(network, example=example_of(SHAPE), device="cpu").fingerprint


def test_the_fingerprint_is_that_of_a_copy_and_of_the_same_weights_loaded() -> None:
    network = make_network()
    other = make_network(seed=1)
    assert fingerprint(other) != fingerprint(network)
    other.load_state_dict(network.state_dict())
    assert fingerprint(other) == fingerprint(network) == fingerprint(copy.deepcopy(network))
    assert len(fingerprint(network)) == 64


@pytest.mark.parametrize(
    "name", ["0.weight", "0.bias", "1.running_mean", "1.running_var", "5.weight"]
)
def test_the_fingerprint_changes_with_any_weight_and_buffer(name: str) -> None:
    network = make_network()
    before = fingerprint(network)
    with torch.no_grad():
        network.state_dict()[name].view(-1)[-1] += 1e-3
    assert fingerprint(network) != before


def test_the_fingerprint_changes_with_the_structure() -> None:
    network = make_network()
    other = copy.deepcopy(network)
    assert isinstance(other, nn.Sequential)
    other[2] = nn.LeakyReLU()  # no weights of its own
    assert fingerprint(other) != fingerprint(network)


@pytest.mark.parametrize("persistent", [True, False])
def test_the_fingerprint_changes_with_a_buffer_whether_or_not_it_is_stored(
    persistent: bool,
) -> None:
    prints = {
        TorchClassifier(
            Shifted(shift, persistent=persistent), example=example_of((2,)), device="cpu"
        ).fingerprint
        for shift in (0.0, 1.0)
    }
    assert len(prints) == 2


def test_the_runtime_names_the_release_and_the_device() -> None:
    classifier = TorchClassifier(make_network(), example=example_of(SHAPE), device="cpu")
    assert classifier.runtime == f"torch {torch.__version__}, {this_cpu()}"
    assert classifier.batch_size is None


def test_a_module_that_does_not_fit_the_input_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"the model failed on a batch of shape \(2, 3, 4, 4\): .*2 channels"
    ):
        TorchClassifier(make_network(), example=example_of((3, 4, 4)), device="cpu")


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("only squares"),
        KeyError("mean"),
        IndexError(),
        RuntimeError(),
        NotImplementedError("no"),
    ],
)
def test_whatever_the_module_raises_becomes_one_clear_error(error: Exception) -> None:
    with pytest.raises(
        ValueError, match=r"the model failed on a batch of shape \(2, 2, 4, 4\): \S"
    ) as caught:
        TorchClassifier(Raises(error), example=example_of(SHAPE), device="cpu")
    assert caught.value.__cause__ is error
    assert (str(error) or type(error).__name__) in str(caught.value)


def test_an_output_that_is_not_scores_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one number for each input, float32 \(2,\): a sigmoid"):
        TorchClassifier(Gives(torch.zeros(2)), example=example_of(SHAPE), device="cpu")
    assert (
        TorchClassifier(
            Gives((torch.zeros(2, 3),)), example=example_of(SHAPE), device="cpu"
        ).num_classes
        == 3
    )


def test_a_row_without_finite_scores_is_one_without_an_answer() -> None:
    classifier = TorchClassifier(nn.Flatten(), example=example_of(SHAPE), device="cpu")
    batch = make_batch(3)
    batch[1, 0, 0, 0] = np.nan
    assert classifier.read(batch).not_finite.tolist() == [False, True, False]


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "meta", ""])
def test_an_unknown_device_is_refused_with_the_choices(device: str) -> None:
    with pytest.raises(
        ValueError, match=f"--device must be auto, cpu, cuda or cuda:N, got '{device}'"
    ):
        TorchClassifier(make_network(), example=example_of(SHAPE), device=device)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_device_that_is_not_there_is_refused(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        ValueError, match=f"--device {device}: PyTorch sees no CUDA device here; use --device cpu"
    ):
        TorchClassifier(make_network(), example=example_of(SHAPE), device=device)


def test_a_device_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="--device cuda:1: the last CUDA device here is cuda:0"):
        TorchClassifier(make_network(), example=example_of(SHAPE), device="cuda:1")
