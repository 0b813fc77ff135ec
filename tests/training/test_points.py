"""Training on points: masks as in certificates but from another stream, and turns that leave shapes
what they are.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.models.pointnet import PointNet, distance_to_orthogonal
from topcert.randomization.masks import CERTIFY, TRAIN, draw_masks
from topcert.training import points as module
from topcert.training.points import PointNoise, RotateAndJitter


def clouds(size: int = 5, count: int = 40) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(0).uniform(-1, 1, (size, count, 3)).astype(np.float32)
    )


def test_points_are_shown_in_training_as_they_are_in_certificates() -> None:
    inputs = clouds()
    shown = PointNoise(num_kept=6).show(inputs, seed=3, first=17)
    assert (shown.dtype, shown.shape) == (torch.float32, (5, 6, 3))
    kept = draw_masks(seed=3, start=17, stop=22, num_features=40, num_kept=6, domain=TRAIN)
    encoder = make_encoder("keep-only", shape=(40, 3), unit="point", batch_size=1)
    for row in range(5):
        wanted = encoder(to_planes(inputs[row].numpy(), "point"), kept[row : row + 1])[0]
        np.testing.assert_array_equal(shown[row].numpy(), wanted)


def test_masks_are_those_of_training_and_differ_from_input_to_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def draw(**options: int) -> np.ndarray:
        asked.append(options)
        return draw_masks(**options)

    monkeypatch.setattr(module, "draw_masks", draw)
    same = clouds(1).expand(50, -1, -1)
    shown = PointNoise(num_kept=5).show(same, seed=0, first=2**40)
    assert [options["domain"] for options in asked] == [TRAIN] != [CERTIFY]
    assert len({part.numpy().tobytes() for part in shown}) == 50


def test_the_loss_of_a_pointnet_keeps_its_features_turns_near_orthogonal() -> None:
    torch.manual_seed(0)
    network = PointNet(num_classes=4).eval()
    with torch.no_grad():
        network.turn_features.matrix.bias.mul_(2)
    shown, labels = clouds(6, 8), torch.arange(6) % 4
    scores, transform = network.scores_and_transform(shown)
    entropy = nn.functional.cross_entropy(scores, labels, label_smoothing=0.1).item()
    distance = distance_to_orthogonal(transform).item()
    assert distance == pytest.approx(64 * 9 / 2)  # 2 times the identity
    for weight in (0.0, 0.001, 0.5):
        loss, found = PointNoise(num_kept=8, orthogonality=weight).loss(
            network, shown, labels, smoothing=0.1, progress=0.5
        )
        assert loss.item() == pytest.approx(entropy + weight * distance, rel=1e-5)
        torch.testing.assert_close(found, scores)


def test_other_networks_have_the_cross_entropy_alone() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(24, 4))
    shown, labels = clouds(6, 8), torch.arange(6) % 4
    loss, scores = PointNoise().loss(network, shown, labels, smoothing=0.0, progress=0.0)
    torch.testing.assert_close(loss, nn.functional.cross_entropy(network(shown), labels))
    assert scores.shape == (6, 4)


@pytest.mark.parametrize("around", ["up", "any"])
def test_turned_sets_keep_their_distances(around: str) -> None:
    inputs = clouds(200, 12)
    turned = RotateAndJitter(around=around, sigma=0.0)(inputs, np.random.default_rng(1))  # type: ignore[arg-type]
    assert turned.dtype == torch.float32
    torch.testing.assert_close(
        torch.cdist(turned, turned), torch.cdist(inputs, inputs), atol=1e-3, rtol=0
    )
    heights = (turned - inputs)[:, :, 1].abs().amax(dim=1)
    assert bool((heights < 1e-6).all()) == (around == "up")
    axes = torch.linalg.lstsq(inputs, turned).solution  # the turn of each set
    assert bool((torch.linalg.det(axes) > 0.99).all())
    assert float(axes[:, 0, 0].mean().abs()) < 0.2
    assert float(axes[:, 0, 2].std()) > 0.5  # all the way around


def test_jitter_is_normal_and_cut() -> None:
    inputs = torch.zeros(100, 500, 3)
    moved = RotateAndJitter(sigma=0.02, clip=0.05)(inputs, np.random.default_rng(2))
    assert float(moved.abs().max()) == pytest.approx(0.05)
    assert float(moved.std()) == pytest.approx(0.02, rel=0.05)
    assert abs(float(moved.mean())) < 2e-4


def test_the_same_generator_gives_the_same_sets_and_leaves_the_inputs_alone() -> None:
    inputs = clouds()
    before = inputs.clone()
    first, again = (RotateAndJitter()(inputs, np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(inputs, before)
    assert not torch.equal(first, RotateAndJitter()(inputs, np.random.default_rng(6)))
