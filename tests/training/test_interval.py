"""Training on interval bounds: the bounds are those of the certificate, the loss follows its
schedule, and it helps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from topcert.models.bounded_network import make_cnn, make_mlp
from topcert.theory.interval_bounds import certified_radius_intervals, margin_lower_bounds, scores
from topcert.theory.interval_layers import Conv, Dense
from topcert.training.augmentation import ShiftAndMirror
from topcert.training.interval import IntervalNoise, layers_of, scores_and_margin_bounds
from topcert.training.plans import TrainingPlan
from topcert.training.trainer import train

torch.set_num_threads(1)

Maker = Callable[[], nn.Sequential]

NETWORKS: dict[str, Maker] = {
    "one hidden layer": lambda: make_mlp(in_features=192, hidden=(12,)),
    "three hidden layers": lambda: make_mlp(in_features=192, hidden=(12, 10, 8)),
    "convolutions": lambda: make_cnn(size=8, width=4),
    "odd strides": lambda: nn.Sequential(
        nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(112, 10),
    ),
}


def make(name: str, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return NETWORKS[name]()


def make_batch(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(count, 3, 8, 8, generator=generator), torch.randint(
        0, 10, (count,), generator=generator
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layers_of_a_network_give_its_scores(name: str) -> None:
    network = make(name)
    images, _ = make_batch()
    for module in (network, network.to(memory_format=torch.channels_last)):  # type: ignore[call-overload]
        with torch.no_grad():
            wanted = module(images).numpy()
        np.testing.assert_allclose(scores(layers_of(module), images.numpy()), wanted, atol=1e-5)


def test_the_layers_do_not_change_when_the_network_is_trained_on() -> None:
    network = make("convolutions")
    layers = layers_of(network)
    before = [layer.weight.copy() for layer in layers if isinstance(layer, Conv | Dense)]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    for one, other in zip(
        before, [layer for layer in layers if isinstance(layer, Conv | Dense)], strict=True
    ):
        np.testing.assert_array_equal(one, other.weight)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("radius", [0, 1, 5, 64])
def test_the_bounds_are_those_of_the_certificate(name: str, radius: int) -> None:
    network = make(name)
    images, labels = make_batch()
    with torch.no_grad():
        message, bounds = scores_and_margin_bounds(network, images, labels, radius=radius)
        found = bounds.numpy()
        cheap = scores_and_margin_bounds(network, images, labels, radius=radius, by_input=False)[
            1
        ].numpy()
        clean = network(images)
    assert torch.equal(message, clean)
    wanted = margin_lower_bounds(
        layers_of(network), images.numpy(), labels.numpy(), radii=[radius]
    )[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert (cheap <= found + 1e-5).all()
    if radius == 0:
        margins = clean.gather(1, labels[:, None]) - clean
        np.testing.assert_allclose(cheap, margins, atol=1e-5)


@pytest.mark.parametrize("by_input", [True, False])
def test_they_can_be_differentiated_and_their_size_grows_with_the_scale(by_input: bool) -> None:
    network = make("convolutions")
    images, labels = make_batch()
    sizes = []
    for scale in (0.0, 0.5, 1.0):
        network.zero_grad()
        _, found = scores_and_margin_bounds(
            network, images, labels, radius=2, scale=scale, by_input=by_input
        )
        found.sum().backward()
        assert all(
            parameter.grad is not None and parameter.grad.isfinite().all()
            for parameter in network.parameters()
        )
        sizes.append(found.detach())
    assert (sizes[0] >= sizes[1]).all()
    assert (sizes[1] >= sizes[2]).all()
    assert (sizes[0] > sizes[2]).any()


def test_the_loss_goes_from_clean_to_worst_by_the_schedule() -> None:
    network = make("one hidden layer")
    images, labels = make_batch()
    noise = IntervalNoise(radius=3, worst_share=0.75, warmup=0.2, ramp=0.4)

    def loss(progress: float, smoothing: float = 0.1) -> float:
        found, message = noise.loss(network, images, labels, smoothing=smoothing, progress=progress)
        assert torch.equal(message, network(images))
        return found.item()

    @torch.no_grad()
    def mixed(share: float, scale: float) -> float:
        message, bounds = scores_and_margin_bounds(
            network, images, labels, radius=3, scale=scale, by_input=False
        )
        clean = cross_entropy(message, labels, label_smoothing=0.1)
        return (
            (1 - share) * clean + share * cross_entropy(-bounds, labels, label_smoothing=0.1)
        ).item()

    assert loss(0.0) == loss(0.1) == loss(0.2) == pytest.approx(mixed(0.0, 0.0))
    assert loss(0.4) == pytest.approx(mixed(0.375, 0.5))
    assert loss(0.6) == loss(0.9) == pytest.approx(mixed(0.75, 1.0))
    assert loss(0.1) < loss(0.3) < loss(0.5) < loss(0.7)


def test_images_are_shown_as_they_are() -> None:
    images = torch.arange(192, dtype=torch.uint8).view(1, 3, 8, 8)
    noise = IntervalNoise(radius=1)
    assert torch.equal(noise.show(images, seed=1, first=2), images.float() / 255)
    assert (noise.law, noise.planes) == ("interval", 1)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Linear(3, 2), "interval bounds need an nn.Sequential, not Linear"),
        (nn.Sequential(), "interval bounds need an nn.Sequential"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(192, 3), nn.Tanh(), nn.Linear(3, 2)),
            r"cannot follow Tanh\(\); use Conv2d",
        ),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(192, 3, bias=False), nn.ReLU(), nn.Linear(3, 2)),
            "cannot follow Linear",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 3, 3, groups=3), nn.Flatten(), nn.Linear(108, 2)),
            "cannot follow Conv2d",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 3, 3, padding="same"), nn.Flatten(), nn.Linear(192, 2)),
            "cannot follow Conv2d",
        ),
    ],
)
def test_a_network_that_bounds_cannot_follow_is_refused(network: nn.Module, message: str) -> None:
    images, labels = make_batch()
    with pytest.raises(ValueError, match=message):
        scores_and_margin_bounds(network, images, labels % 2, radius=1)
    with pytest.raises(ValueError, match=message):
        layers_of(network)


def test_training_needs_a_hidden_layer_and_scores_at_the_end() -> None:
    images, labels = make_batch()
    with pytest.raises(ValueError, match="interval training needs a hidden layer"):
        scores_and_margin_bounds(make_mlp(in_features=192, hidden=()), images, labels, radius=1)
    with pytest.raises(ValueError, match="the last layer must be Linear, it is ReLU"):
        scores_and_margin_bounds(
            nn.Sequential(nn.Flatten(), nn.Linear(192, 10), nn.ReLU()), images, labels, radius=1
        )


def make_images(count: int, seed: int) -> tuple[Any, Any]:
    """Two classes, a little brighter in the upper or in the lower half."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, count)
    images = generator.integers(0, 200, (count, 3, 8, 8), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] += 25
    return images, labels


def trained(folder: Path, noise: IntervalNoise) -> nn.Sequential:
    torch.manual_seed(1)
    network = make_mlp(in_features=192, hidden=(16,), num_classes=2)
    plan = TrainingPlan(
        noise=noise,
        epochs=8,
        batch_size=32,
        learning_rate=0.1,
        weight_decay=0,
        label_smoothing=0,
        augmentation=ShiftAndMirror(max_shift=0),
        seed=2,
    )
    train(
        network,
        make_images(640, 0),
        make_images(64, 1),
        plan=plan,
        folder=folder,
        on_step=lambda *_: None,
    )
    return network


def test_a_short_training_certifies_more_than_one_without_bounds_and_is_repeatable(
    tmp_path: Path,
) -> None:
    images, labels = make_images(100, 9)
    scaled = images.astype(np.float32) / np.float32(255)
    networks = {
        name: trained(tmp_path / name, IntervalNoise(radius=3, worst_share=share))
        for name, share in (("plain", 0.0), ("bounded", 0.5), ("again", 0.5))
    }
    for one, other in zip(
        networks["bounded"].parameters(), networks["again"].parameters(), strict=True
    ):
        assert torch.equal(one, other)
    shares = {
        name: float(
            (
                certified_radius_intervals(layers_of(network), scaled, labels, max_radius=3) == 3
            ).mean()
        )
        for name, network in networks.items()
    }
    assert shares["bounded"] >= shares["plain"] + 0.1
