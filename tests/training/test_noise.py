"""How training images are shown under noise: the right law, a function of (seed, first), in the
network's own shape.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from topcert.modalities.make_encoder import make_encoder
from topcert.randomization import float_noise
from topcert.randomization.designs import Design, make_design
from topcert.training.noise import (
    AblationNoise,
    DesignNoise,
    DiscreteNoise,
    GaussianNoise,
    LatticeNoise,
    LatticesNoise,
    Noise,
)

torch.set_num_threads(1)

DESIGN = Design(name="stratified", seed=8, num_features=36, num_kept=8, grid=(6, 6))
NOISES: list[Noise] = [
    AblationNoise(num_kept=9),
    GaussianNoise(sigma=0.25),
    DiscreteNoise(keep_probability=0.4),
    DesignNoise(design=DESIGN, num_masks=1000),
]
by_noise = pytest.mark.parametrize(
    "noise", NOISES, ids=["ablation", "gaussian", "discrete", "design"]
)


def make_images(count: int = 4, channels: int = 3, size: int = 6) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(1).integers(0, 256, (count, channels, size, size), np.uint8)
    )


@by_noise
@pytest.mark.parametrize("channels", [1, 3])
def test_the_network_sees_as_many_channels_as_planes_say(noise: Noise, channels: int) -> None:
    images = make_images(channels=channels)
    before = images.clone()
    shown = noise.show(images, seed=3, first=10)
    assert shown.dtype == torch.float32
    assert shown.shape == (4, noise.planes * channels, 6, 6)
    assert shown.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)


@by_noise
def test_noise_is_a_function_of_seed_and_number(noise: Noise) -> None:
    images = make_images()
    one = noise.show(images, seed=3, first=10)
    torch.manual_seed(99)
    assert torch.equal(one, noise.show(images, seed=3, first=10))
    assert not torch.equal(one, noise.show(images, seed=4, first=10))
    assert not torch.equal(one, noise.show(images, seed=3, first=11))
    state = torch.random.get_rng_state()
    noise.show(images, seed=3, first=10)
    # order and weights of a training do not depend on it
    assert torch.equal(torch.random.get_rng_state(), state)


@by_noise
def test_any_seed_and_number_is_taken(noise: Noise) -> None:
    for seed, first in ((0, 0), (2**64 - 1, 2**40), (2**63, 2**40 + 9999)):
        assert torch.isfinite(noise.show(make_images(), seed=seed, first=first)).all()


@by_noise
def test_images_of_a_batch_have_noise_of_their_own(noise: Noise) -> None:
    shown = noise.show(torch.full((5, 3, 6, 6), 128, dtype=torch.uint8), seed=0, first=0)
    assert len({image.numpy().tobytes() for image in shown}) == 5


def test_gaussian_noise_is_normal_around_the_scaled_image() -> None:
    images = make_images(20, 3, 16)
    shown = GaussianNoise(sigma=0.25).show(images, seed=1, first=0).double()
    noise = ((shown - images.double() / 255) / 0.25).flatten().numpy()
    assert stats.kstest(noise, "norm").pvalue > 0.001
    assert abs(np.corrcoef(noise, images.double().flatten().numpy())[0, 1]) < 0.03


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_discrete_noise_keeps_values_or_takes_any_other(keep: float) -> None:
    images = make_images(60, 3, 16)
    shown = DiscreteNoise(keep_probability=keep).show(images, seed=1, first=0)
    values = (shown.double() * 255).round()
    assert torch.equal(values.float() / 255, shown)  # on the grid of 8-bit values
    shifts = ((values - images.double()) % 256).long().flatten().numpy()
    wanted = np.full(256, (1 - keep) / 255)
    wanted[0] = keep
    assert stats.chisquare(np.bincount(shifts, minlength=256), wanted * shifts.size).pvalue > 0.001


def test_training_noise_is_not_that_of_certificates() -> None:
    black = torch.zeros(1, 3, 6, 6, dtype=torch.uint8)
    for first in (0, 1, 2**40):
        shown = GaussianNoise(sigma=1.0).show(black, seed=7, first=first).flatten().numpy()
        certified = float_noise.draw_normals(seed=7, start=first, stop=first + 1, width=108)[0]
        assert not set(np.round(shown, 4)) >= set(np.round(certified[:20], 4))


@by_noise
def test_the_loss_is_the_smoothed_cross_entropy_of_what_is_shown(noise: Noise) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(noise.planes * 108, 5))
    labels = torch.tensor([0, 1, 2, 4])
    shown = noise.show(make_images(), seed=0, first=0)
    loss, scores = noise.loss(network, shown, labels, smoothing=0.1, progress=0.5)
    assert torch.equal(scores, network(shown))
    logs = scores.log_softmax(1)
    wanted = -(0.9 * logs[range(4), labels] + 0.1 * logs.mean(1)).mean()
    assert torch.allclose(loss, wanted)
    assert loss.requires_grad


def test_a_network_sees_the_masks_of_its_design_and_no_others() -> None:
    noise = DesignNoise(design=DESIGN, num_masks=7)
    shown = noise.show(torch.full((200, 1, 6, 6), 255, dtype=torch.uint8), seed=2, first=5)
    seen = [tuple(np.flatnonzero(image[0].numpy()).tolist()) for image in shown]
    assert set(seen) == {tuple(sorted(set(mask))) for mask in DESIGN.masks(0, 7).tolist()}
    assert min(seen.count(mask) for mask in set(seen)) > 10


def test_several_strides_are_drawn_a_batch_and_their_grids_an_image() -> None:
    strides = ((2, 3), (3, 2), (3, 3))
    noise, images = LatticesNoise(strides=strides, rounds=2), make_images(40)
    assert noise.any_size
    assert not LatticesNoise(strides=((5, 5), (5, 5)), rounds=2).any_size
    assert not LatticeNoise(stride=5).any_size
    shapes = {(6, 3, 2): (2, 3), (6, 2, 3): (3, 2), (6, 2, 2): (3, 3)}
    seen = []
    for first in range(0, 1200, 40):
        shown = noise.show(images, seed=4, first=first)
        assert torch.equal(shown, noise.show(images, seed=4, first=first))
        seen.append(shapes[tuple(shown.shape[1:])])
        if len(seen) <= 3:
            rows, columns = seen[-1]
            every = [grids_by_hand(image, rows, columns) for image in images.numpy()]
            places = [every[i].index(picture.tolist()) for i, picture in enumerate(shown)]
            assert max(places) >= rows * columns  # also of the second round
            assert min(places) < rows * columns
    assert {stride: seen.count(stride) > 4 for stride in strides} == dict.fromkeys(strides, True)
    assert seen[0] == strides[0]  # whose pictures a network is exported for
    square, same = (
        LatticeNoise(stride=stride).show(images, seed=4, first=9) for stride in (3, (3, 3))
    )
    assert torch.equal(square, same)


def grids_by_hand(image: np.ndarray, rows: int, columns: int) -> list[list[object]]:
    """The pictures of both rounds, in the order of the masks, from an encoder of its own."""
    name, shape = f"lattice:{rows}x{columns}", (6, 6, 3)
    made = make_design(
        name,
        shape=shape,
        unit="pixel",
        seed=0,
        num_features=36,
        num_kept=None,
        num_masks=2 * rows * columns,
    )
    encoder = make_encoder(
        "lattice", shape=shape, unit="pixel", batch_size=2 * rows * columns, stride=(rows, columns)
    )
    planes = image.reshape(3, 36).astype(np.float32) / np.float32(255)
    return [picture.tolist() for picture in encoder(planes, made.masks(0, 2 * rows * columns))]
