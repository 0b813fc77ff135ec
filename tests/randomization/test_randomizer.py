"""Randomized batches are those of a plain program, whether noise is remembered or drawn again."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from topcert.modalities.make_encoder import make_encoder
from topcert.randomization import randomizer as module
from topcert.randomization.discrete_shifts import draw_shifts
from topcert.randomization.float_noise import draw_normals
from topcert.randomization.grid_noise import draw_steps, steps_of
from topcert.randomization.masks import draw_masks
from topcert.randomization.randomizer import (
    DiscreteNoise,
    FloatGaussianNoise,
    GaussianNoise,
    Masking,
    Randomizer,
)

SHAPE = (4, 5, 3)
VALUES = np.random.default_rng(0).integers(0, 256, SHAPE)
IMAGE = (VALUES / 255).astype(np.float32)
KEEP = Fraction(2, 5)
SIGMA = 0.3
COUNT, SIZE = 11, 4  # draws of a run, and of a batch: the last one is filled up


def ablation(
    *, unit: str = "pixel", encoding: str = "six-channel", batch_size: int = SIZE
) -> Masking:
    return Masking(
        unit=unit,
        encoder=make_encoder(encoding, shape=SHAPE, unit=unit, batch_size=batch_size),
        seed=9,
        num_features=20 if unit == "pixel" else 60,
        num_kept=6,
        num_masks=COUNT,
        batch_size=batch_size,
    )


def gaussian(*, batch_size: int = SIZE) -> GaussianNoise:
    return GaussianNoise(shape=SHAPE, sigma=SIGMA, seed=9, num_noises=COUNT, batch_size=batch_size)


def float_gaussian(*, batch_size: int = SIZE) -> FloatGaussianNoise:
    return FloatGaussianNoise(
        shape=SHAPE, sigma=SIGMA, seed=9, num_noises=COUNT, batch_size=batch_size
    )


def discrete(*, batch_size: int = SIZE) -> DiscreteNoise:
    return DiscreteNoise(
        shape=SHAPE, keep_probability=KEEP, seed=9, num_noises=COUNT, batch_size=batch_size
    )


MAKERS = pytest.mark.parametrize("make", [ablation, gaussian, float_gaussian, discrete])


def image_with(value: float) -> np.ndarray:
    x = IMAGE.copy()
    x[2, 3, 1] = value
    return x


def plain_ablation(number: int) -> np.ndarray:
    (kept,) = draw_masks(seed=9, start=number, stop=number + 1, num_features=20, num_kept=6)
    shown = np.zeros((6, 4, 5), np.float32)
    for place in kept:
        row, column = divmod(int(place), 5)
        shown[:3, row, column] = IMAGE[row, column]
        shown[3:, row, column] = 1 - IMAGE[row, column]
    return shown


def plain_gaussian(number: int) -> np.ndarray:
    """0.3 is 2448 steps of 1 / (255 * 32), and 1224 of the next coarser grid."""
    (noise,) = draw_steps(seed=9, start=number, stop=number + 1, width=60, sigma=SIGMA)
    shown = np.zeros((3, 4, 5), np.float32)
    for i, (channel, row, column) in enumerate(np.ndindex(3, 4, 5)):
        shown[channel, row, column] = np.float32(
            Fraction(int(VALUES[row, column, channel]) * 32 + int(noise[i]), 255 * 32)
        )
    return shown


def plain_float_gaussian(number: int) -> np.ndarray:
    (noise,) = draw_normals(seed=9, start=number, stop=number + 1, width=60)
    shown = np.zeros((3, 4, 5), np.float32)
    for i, (channel, row, column) in enumerate(np.ndindex(3, 4, 5)):
        shown[channel, row, column] = IMAGE[row, column, channel] + np.float32(
            float(noise[i]) * SIGMA
        )
    return shown


def plain_discrete(number: int) -> np.ndarray:
    (shifts,) = draw_shifts(
        seed=9, start=number, stop=number + 1, width=60, keep_probability=KEEP, num_values=256
    )
    shown = np.zeros((3, 4, 5), np.float32)
    for i, (channel, row, column) in enumerate(np.ndindex(3, 4, 5)):
        shown[channel, row, column] = np.float32(
            (int(VALUES[row, column, channel]) + int(shifts[i])) % 256 / 255
        )
    return shown


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize(
    ("make", "plain"),
    [
        (ablation, plain_ablation),
        (gaussian, plain_gaussian),
        (float_gaussian, plain_float_gaussian),
        (discrete, plain_discrete),
    ],
)
def test_batches_are_those_of_a_plain_program(
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., Randomizer],
    plain: Callable[[int], np.ndarray],
    remembered: bool,
) -> None:
    if not remembered:
        monkeypatch.setattr(module, "_CACHE_BYTES", 0)
    noise = make()
    prepared = noise.prepare(IMAGE)
    for start in (0, 4, 8, 0, 8, 3):  # back and forth, and out of step
        batch = noise.batch(prepared, start)
        assert batch.dtype == np.float32
        np.testing.assert_array_equal(
            batch, np.stack([plain(number) for number in range(start, start + SIZE)])
        )


@MAKERS
def test_noise_is_drawn_once_where_it_fits_and_again_where_not(
    monkeypatch: pytest.MonkeyPatch, make: Callable[..., Randomizer]
) -> None:
    drawn: list[int] = []

    def watch(whole: Callable[..., object]) -> Callable[..., object]:
        def watched(*, start: int, **rest: object) -> object:
            drawn.append(start)
            return whole(start=start, **rest)

        return watched

    for name in ("draw_steps", "draw_normals", "draw_shifts"):
        monkeypatch.setattr(module, name, watch(getattr(module, name)))
    streams = {name: watch(draw) for name, draw in module.STREAMS.items()}
    monkeypatch.setattr(module, "STREAMS", streams)
    bytes_in_all = {
        ablation: 12 * 4 * 6,
        gaussian: 12 * 4 * 60,
        float_gaussian: 12 * 4 * 60,
        discrete: 12 * 60,
    }[make]  # padded to whole batches
    for limit, times in ((bytes_in_all, 1), (bytes_in_all - 1, 2)):
        monkeypatch.setattr(module, "_CACHE_BYTES", limit)
        noise = make()
        drawn.clear()
        for image in (IMAGE, 1 - IMAGE):
            prepared = noise.prepare(image)
            for start in (0, 4, 8):
                noise.batch(prepared, start)
        assert drawn == [0, 4, 8] * times


@MAKERS
def test_any_batch_size_shows_the_same(make: Callable[..., Randomizer]) -> None:
    whole = make(batch_size=12)
    wanted = whole.batch(whole.prepare(IMAGE), 0).copy()
    for size in (1, 5):
        noise = make(batch_size=size)
        prepared = noise.prepare(IMAGE)
        assert noise.batch_size == size
        for start in range(0, 12 - size + 1, size):
            np.testing.assert_array_equal(
                noise.batch(prepared, start), wanted[start : start + size]
            )


@MAKERS
def test_an_input_leaves_no_trace_on_the_next(make: Callable[..., Randomizer]) -> None:
    noise, fresh = make(), make()
    noise.batch(noise.prepare(np.zeros(SHAPE, np.float32)), 0)
    before = IMAGE.copy()
    np.testing.assert_array_equal(
        noise.batch(noise.prepare(IMAGE), 0), fresh.batch(fresh.prepare(IMAGE), 0)
    )
    np.testing.assert_array_equal(before, IMAGE)


def test_ablation_by_feature_counts_every_channel_as_one() -> None:
    noise = ablation(unit="feature", encoding="constant")
    shown = noise.batch(noise.prepare(IMAGE), 0)
    kept = draw_masks(seed=9, start=0, stop=SIZE, num_features=60, num_kept=6)
    wanted = np.full((SIZE, 60), 0.5, np.float32)
    for row in range(SIZE):
        wanted[row, kept[row]] = IMAGE.transpose(2, 0, 1).reshape(-1)[kept[row]]
    np.testing.assert_array_equal(shown, wanted.reshape(SIZE, 3, 4, 5))


@pytest.mark.parametrize("kind", [GaussianNoise, FloatGaussianNoise])
def test_gaussian_noise_has_the_right_size(kind: type[GaussianNoise | FloatGaussianNoise]) -> None:
    noise = kind(shape=SHAPE, sigma=0.5, seed=1, num_noises=400, batch_size=400)
    residue = noise.batch(noise.prepare(IMAGE), 0) - IMAGE.transpose(2, 0, 1)
    assert abs(residue.std() - 0.5) < 5 * 0.5 / math.sqrt(2 * residue.size)
    assert abs(residue.mean()) < 5 * 0.5 / math.sqrt(residue.size)


def test_discrete_noise_stays_on_the_grid_of_8_bit_values_and_goes_round_in_a_circle() -> None:
    every = (np.arange(256) / 255).astype(np.float32)
    # as data sets scale them
    np.testing.assert_array_equal(every, np.arange(256, dtype=np.float32) / np.float32(255))
    noise = DiscreteNoise(
        shape=(16, 16, 1), keep_probability=KEEP, seed=2, num_noises=64, batch_size=64
    )
    prepared = noise.prepare(every.reshape(16, 16, 1))
    np.testing.assert_array_equal(prepared, np.arange(256))
    shown = noise.batch(prepared, 0)
    assert shown.dtype == np.float32
    assert np.isin(shown, every).all()
    shifts = draw_shifts(
        seed=2, start=0, stop=64, width=256, keep_probability=KEEP, num_values=256
    ).astype(int)
    np.testing.assert_array_equal(
        np.rint(shown.reshape(64, 256) * 255).astype(int), (np.arange(256) + shifts) % 256
    )
    assert (np.arange(256) + shifts > 255).any()
    kept = shown.reshape(64, 256) == every
    np.testing.assert_array_equal(kept, shifts == 0)
    assert abs(kept.mean() - float(KEEP)) < 5 * math.sqrt(0.24 / kept.size)


def test_discrete_noise_takes_values_that_are_8_bit_up_to_rounding() -> None:
    for dtype in (np.float32, np.float64):
        prepared = discrete().prepare((VALUES / 255).astype(dtype))
        np.testing.assert_array_equal(prepared.reshape(3, 4, 5), VALUES.transpose(2, 0, 1))


@pytest.mark.parametrize("make", [gaussian, float_gaussian, discrete])
@pytest.mark.parametrize(
    "x",
    [
        np.zeros(60, np.float32),
        np.zeros((20, 3), np.float32),
        image_with(-0.01),
        image_with(1.01),
        IMAGE * 255,
    ],
    ids=["table", "points", "below 0", "above 1", "not scaled"],
)
def test_only_images_within_0_and_1_have_a_place(
    make: Callable[..., Randomizer], x: np.ndarray
) -> None:
    with pytest.raises(
        ValueError, match=r"images with values in \[0, 1\].*choose the noise ablation"
    ):
        make().prepare(x)


@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.1, 0.5, 16.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian_noise_takes_8_bit_values_exactly_whatever_the_grid(
    sigma: float, dtype: type
) -> None:
    every = (np.arange(256) / 255).astype(dtype).reshape(16, 16, 1)
    noise = GaussianNoise(shape=(16, 16, 1), sigma=sigma, seed=2, num_noises=1, batch_size=1)
    steps = steps_of(sigma)
    np.testing.assert_array_equal(noise.prepare(every), np.arange(256) * steps)


def test_gaussian_noise_rounds_other_values_to_the_nearest_step_one_by_one() -> None:
    values = np.random.default_rng(1).uniform(0, 1, (16, 16, 1))
    noise = GaussianNoise(shape=(16, 16, 1), sigma=0.5, seed=2, num_noises=1, batch_size=1)
    prepared = noise.prepare(values)
    np.testing.assert_array_equal(
        prepared, [round(Fraction(value) * 255 * 32) for value in values.reshape(-1)]
    )
    other = 1 - values
    other[3, 5] = values[3, 5]
    # of its neighbours a value knows nothing
    assert noise.prepare(other)[3 * 16 + 5] == prepared[3 * 16 + 5]
    sixteenths = np.arange(16).reshape(4, 4, 1) / 16  # as the UCI digits have them
    prepared = GaussianNoise(
        shape=(4, 4, 1), sigma=1.0, seed=2, num_noises=1, batch_size=1
    ).prepare(sixteenths)
    np.testing.assert_array_equal(prepared, np.arange(16) * 255)


@pytest.mark.parametrize("sigma", [1e-6, 0.02, 0.5, 16.0])
def test_what_the_classifier_sees_is_a_function_of_the_sum_of_image_and_noise(sigma: float) -> None:
    """Images that differ by whole steps, under noises that differ by as many the other way, look
    the same to the bit.
    """
    every = np.arange(256).reshape(16, 16, 1) / 255
    noise = GaussianNoise(shape=(16, 16, 1), sigma=sigma, seed=2, num_noises=50, batch_size=50)
    shown = noise.batch(noise.prepare(every), 0).reshape(50, 256)
    steps = steps_of(sigma)
    sums = (
        draw_steps(seed=2, start=0, stop=50, width=256, sigma=sigma).astype(np.int64)
        + np.arange(256) * steps
    )
    assert np.abs(sums).max() < 2**31
    wanted = sums.astype(np.float32) / np.float32(255 * steps)
    np.testing.assert_array_equal(shown, wanted)
    order = np.argsort(sums, axis=None)
    assert (np.diff(shown.reshape(-1)[order]) >= 0).all()


@pytest.mark.parametrize("off", [0.5, 0.1, -0.01])
def test_discrete_noise_refuses_values_off_the_grid(off: float) -> None:
    x = image_with((100 + off) / 255)
    with pytest.raises(ValueError, match=rf"values v / 255; one lies {abs(off):.3f} of a step off"):
        discrete().prepare(x)
    gaussian().prepare(x)
