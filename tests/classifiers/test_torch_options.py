"""How a torch module is run: what it is given, that it stays as it is, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.classifiers.test_torch_module import make_batch, make_network
from topcert.classifiers.loading import load_classifier, wrap
from topcert.classifiers.torch_module import TorchClassifier
from topcert.classifiers.torch_options import PRECISIONS, TorchOptions

torch.set_num_threads(1)

ALL = [
    TorchOptions(precision=precision, channels_last=channels_last)
    for precision in PRECISIONS
    for channels_last in (False, True)
]


class Watching(nn.Module):
    """Notes what it is given, and gives scores that keep every bit of it."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.full((1, 2, 1, 1), 1 / 3))
        self.given: list[tuple[Any, ...]] = []

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        last = torch.channels_last
        weights = self.weights
        self.given.append((rows.dtype, weights.dtype, rows.is_contiguous(memory_format=last)))
        return (rows * weights).flatten(1)[:, :5]

    def __deepcopy__(self, _: Any) -> Watching:
        made = Watching()
        made.given = self.given
        return made


@pytest.mark.parametrize("options", ALL)
def test_weights_and_rows_are_as_asked(options: TorchOptions) -> None:
    module, batch = Watching(), make_batch(6)
    classifier = TorchClassifier(module, example=batch, options=options)
    scores = classifier.answer(batch)
    dtype = getattr(torch, options.precision)
    assert set(module.given) == {(dtype, dtype, options.channels_last)}
    # the same on any machine: one product, rounded once
    third = torch.tensor(1 / 3).to(dtype)
    wanted = (torch.from_numpy(batch).to(dtype) * third).flatten(1)[:, :5].float()
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, wanted.numpy())


@pytest.mark.parametrize("options", ALL)
def test_the_module_of_a_person_stays_as_it_is(options: TorchOptions) -> None:
    module = make_network()
    before, plain = copy.deepcopy(module), TorchClassifier(make_network(), example=make_batch(8))
    classifier = TorchClassifier(module, example=make_batch(8), options=options)
    assert classifier.fingerprint == plain.fingerprint
    assert classifier.runtime == plain.runtime
    for one, other in zip(module.parameters(), before.parameters(), strict=True):
        assert one.dtype == torch.float32
        assert one.stride() == other.stride()
        assert torch.equal(one, other)
    scores, usual = classifier.answer(make_batch()), plain.answer(make_batch())
    moved = np.abs(scores - usual).max() / np.median(np.ptp(usual, axis=1))
    assert moved <= max(options.rounding, 1e-5)
    assert (moved > 1e-5) == (options.precision != "float32")


@pytest.mark.parametrize("options", ALL)
def test_options_are_read_as_they_are_written(options: TorchOptions) -> None:
    text = options.to_text()
    assert (text is None) == (options == TorchOptions())
    if text is not None:
        assert TorchOptions.read(text) == options
    for other in ("", "float32", "float32, channels-last", f"{text}, compiled", f" {text}"):
        with pytest.raises(ValueError, match=r"torch_options is|precision must be one of"):
            TorchOptions.read(other)


def test_what_half_precision_cannot_hold_has_no_answer() -> None:
    classifier = TorchClassifier(
        Watching(), example=make_batch(2), options=TorchOptions(precision="float16")
    )
    batch = make_batch(3)
    batch[1] = 1e6
    found = classifier.read(batch)
    assert found.not_finite.tolist() == [False, True, False]


class Fixed(nn.Linear):
    def __deepcopy__(self, _: Any) -> Any:
        raise TypeError("it holds a lock")


def test_what_does_not_fit_is_refused_in_one_line(tmp_path: Any) -> None:
    half, last = TorchOptions(precision="float16"), TorchOptions(channels_last=True)
    rows = np.zeros((4, 6), np.float32)
    with pytest.raises(ValueError, match=r"--channels-last is for images, .* rows of shape \(6,\)"):
        TorchClassifier(nn.Linear(6, 3), example=rows, options=last)
    with pytest.raises(ValueError, match=r"Fixed cannot be copied \(TypeError: it holds a lock"):
        wrap(Fixed(6, 3), example=rows, torch_options=half)
    with pytest.raises(ValueError, match="are for torch modules, and a function is none; leave"):
        wrap(lambda batch: batch[:, :3], example=rows, torch_options=half)
    for name in ("compact", "nowhere.onnx", "nowhere.joblib"):
        with pytest.raises(ValueError, match=f"are for torch modules, and {name} is none"):
            load_classifier(name, example=rows, torch_options=TorchOptions())
    with pytest.raises(ValueError, match="channels_last must be True or False, got 1"):
        TorchOptions(channels_last=1)  # type: ignore[arg-type]
