"""Augmentation: what it promises to move, by how much, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from topcert.training.augmentation import ShiftAndMirror, WarpAndTint

STILL = WarpAndTint(max_shift=0.0, max_turn=0.0, max_stretch=0.0, max_tint=0.0)


def random_images(count: int, height: int = 12, width: int = 12) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (count, 3, height, width), np.uint8)
    )


@pytest.mark.parametrize("max_shift", [0, 1, 2])
def test_shifts_and_mirrors_equal_a_loop_over_pixels(max_shift: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8)
    found = ShiftAndMirror(max_shift=max_shift)(torch.from_numpy(images), np.random.default_rng(4))
    generator = np.random.default_rng(4)
    shifts = generator.integers(0, 2 * max_shift + 1, (2, 6, 1))[:, :, 0] - max_shift
    mirrored = generator.random(6) < 0.5
    wanted = np.zeros_like(images)
    for image in range(6):
        for row in range(8):
            for column in range(8):
                from_row = row + shifts[0, image]
                from_column = (7 - column if mirrored[image] else column) + shifts[1, image]
                if 0 <= from_row < 8 and 0 <= from_column < 8:
                    wanted[image, :, row, column] = images[image, :, from_row, from_column]
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.numpy(), wanted)
    assert mirrored.any() != mirrored.all()


def test_half_are_mirrored_and_shifts_are_even() -> None:
    image = torch.zeros(4000, 1, 5, 7, dtype=torch.uint8)
    image[:, 0, 2, 2] = 255
    rows, columns = (
        ShiftAndMirror(max_shift=1)(image, np.random.default_rng(0))[:, 0].nonzero()[:, 1:].T
    )
    assert len(rows) == 4000
    assert sorted(set(rows.tolist())) == [1, 2, 3]
    assert sorted(set(columns.tolist())) == [1, 2, 3, 4, 5]  # 2 and its mirror 4, each shifted
    assert abs(float((rows == 1).float().mean()) - 1 / 3) < 0.04
    assert abs(float((columns < 3).float().mean()) - 1 / 3) < 0.04


def test_a_warp_of_nothing_only_mirrors() -> None:
    images = random_images(200, height=6, width=9)
    found = STILL(images, np.random.default_rng(1))
    same = (found == images).flatten(1).all(1)
    mirrored = (found == images.flip(3)).flatten(1).all(1)
    assert found.dtype == torch.uint8
    assert (same ^ mirrored).all()
    assert 70 < int(mirrored.sum()) < 130


def positions(found: torch.Tensor) -> torch.Tensor:
    """Centre of mass of each image's first channel, `(images, 2)`: row and column, in pixels from
    the centre.
    """
    mass = found[:, 0].double()
    places = [torch.arange(size, dtype=torch.float64) - (size - 1) / 2 for size in mass.shape[1:]]
    total = mass.sum((1, 2))
    return torch.stack(
        [(mass.sum(2) * places[0]).sum(1) / total, (mass.sum(1) * places[1]).sum(1) / total], 1
    )


def blob(row: float, column: float, count: int = 600, size: int = 32) -> torch.Tensor:
    """A smooth spot `row`, `column` pixels from the centre."""
    places = torch.arange(size) - (size - 1) / 2
    spot = torch.exp(-((places[:, None] - row) ** 2 + (places[None, :] - column) ** 2) / 4)
    return (250 * spot).round().to(torch.uint8).expand(count, 1, size, size)


def test_shifts_stay_within_their_limit_and_reach_it() -> None:
    warp = WarpAndTint(max_shift=3.0, max_turn=0.0, max_stretch=0.0, max_tint=0.0)
    found = positions(warp(blob(0.0, 0.0), np.random.default_rng(2))).abs().max(0).values
    assert (found < 3.1).all()
    assert (found > 2.9).all()


def test_turns_stay_within_their_limit_and_reach_it() -> None:
    warp = WarpAndTint(max_shift=0.0, max_turn=12.0, max_stretch=0.0, max_tint=0.0)
    rows, columns = positions(warp(blob(0.0, 9.0), np.random.default_rng(3))).T
    turned = torch.rad2deg(torch.atan(rows / columns))
    assert 11.5 < float(turned.abs().max()) < 12.5
    assert abs(float(turned.mean())) < 1
    assert 0.4 < float((columns > 0).double().mean()) < 0.6  # mirrored or not
    np.testing.assert_allclose(torch.hypot(rows, columns), 9.0, atol=0.1)


def test_each_axis_is_stretched_by_itself_and_within_its_limit() -> None:
    warp = WarpAndTint(max_shift=0.0, max_turn=0.0, max_stretch=0.2, max_tint=0.0)
    rows, columns = positions(warp(blob(8.0, 8.0), np.random.default_rng(4))).T
    for stretched in (rows / 8, columns.abs() / 8):
        assert math.exp(-0.2) - 0.02 < float(stretched.min()) < 0.85
        assert 1.18 < float(stretched.max()) < math.exp(0.2) + 0.02
    assert abs(float(torch.corrcoef(torch.stack([rows, columns.abs()]))[0, 1])) < 0.2


def test_tints_change_brightness_and_colour_within_their_limits_and_never_wrap_around() -> None:
    warp = WarpAndTint(max_shift=3.0, max_turn=12.0, max_stretch=0.15, max_tint=0.2)
    grey = warp(
        torch.full((500, 3, 8, 8), 100, dtype=torch.uint8), np.random.default_rng(5)
    ).double()
    assert float(grey.std((2, 3)).max()) < 1  # a flat image stays flat, its edges too
    means = grey.mean((2, 3))
    assert 100 * math.exp(-0.3) - 1 < float(means.min()) < 82
    assert 122 < float(means.max()) < 100 * math.exp(0.3) + 1
    between = (means.max(1).values / means.min(1).values).max()
    assert 1.1 < float(between) < math.exp(0.2) + 0.03
    white = warp(torch.full((500, 3, 8, 8), 255, dtype=torch.uint8), np.random.default_rng(6))
    assert int(white.min()) >= math.floor(255 * math.exp(-0.3))


def test_the_same_generator_gives_the_same_images() -> None:
    images = random_images(20)
    first, again, other = (WarpAndTint()(images, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
