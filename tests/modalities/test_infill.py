"""Infill: against loops that say what it is, blind to hidden pixels, independent of the batch, safe
far from anything.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from topcert.modalities.encodings.encoding import Encoder
from topcert.modalities.encodings.infiller import NEAR, PRIOR, SMOOTH, gaussian_matrix
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes

HEIGHT, WIDTH, CHANNELS = 9, 7, 3
SHAPE = (HEIGHT, WIDTH, CHANNELS)
PIXELS = HEIGHT * WIDTH


def make(
    batch_size: int, dtype: type[np.floating] = np.float64, shape: tuple[int, ...] = SHAPE
) -> Encoder:
    return make_encoder("infill", shape=shape, unit="pixel", batch_size=batch_size, dtype=dtype)


def draw_kept(
    generator: np.random.Generator, batch_size: int, num_kept: int, pixels: int = PIXELS
) -> NDArray[np.int32]:
    return np.array(
        [np.sort(generator.permutation(pixels)[:num_kept]) for _ in range(batch_size)], np.int32
    )


def slow(x: NDArray[np.float64], kept: NDArray[np.int32]) -> NDArray[np.float64]:
    """One filled image `(H, W, C)`, pixel by pixel from the definition."""
    height, width, channels = x.shape
    spacing = math.sqrt(height * width / len(kept))
    places = [divmod(int(place), width) for place in kept]
    mean = np.mean([x[place] for place in places], axis=0)
    rough = np.empty_like(x)
    for i in range(height):
        for j in range(width):
            total, values = PRIOR, PRIOR * mean
            for a, b in places:
                weight = math.exp(-((i - a) ** 2 + (j - b) ** 2) / (2 * (NEAR * spacing) ** 2))
                total, values = total + weight, values + weight * x[a, b]
            rough[i, j] = x[i, j] if (i, j) in places else values / total
    filled = x.copy()
    for i in range(height):
        for j in range(width):
            if (i, j) in places:
                continue
            total, values = 0.0, np.zeros(channels)
            for a in range(height):
                for b in range(width):
                    weight = math.exp(
                        -((i - a) ** 2 + (j - b) ** 2) / (2 * (SMOOTH * spacing) ** 2)
                    )
                    total, values = total + weight, values + weight * rough[a, b]
            filled[i, j] = values / total
    return filled


@pytest.mark.parametrize("num_kept", [1, 2, 7, 30, PIXELS - 1, PIXELS])
def test_it_is_what_the_loops_say(num_kept: int) -> None:
    generator = np.random.default_rng(num_kept)
    x = generator.random(SHAPE)
    kept = draw_kept(generator, 3, num_kept)
    wanted = np.stack([slow(x, row) for row in kept]).transpose(0, 3, 1, 2)
    found = make(3)(to_planes(x, "pixel"), kept)
    assert found.shape == (3, CHANNELS, HEIGHT, WIDTH)
    np.testing.assert_allclose(found, wanted, atol=1e-11)
    single = make(3, np.float32)(to_planes(x.astype(np.float32), "pixel"), kept)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, atol=2e-5)


def test_the_name_in_a_manifest_means_these_numbers() -> None:
    assert (NEAR, SMOOTH, PRIOR) == (0.3, 0.4, 1e-12)


def test_the_first_blur_is_the_gaussian_filter_of_scipy() -> None:
    x = np.random.default_rng(0).random((40, 30))
    for width in (0.7, 2.5):
        found = gaussian_matrix(40, width) @ x @ gaussian_matrix(30, width).T
        # scipy's weights add up to one
        norm = sum(math.exp(-0.5 * (i / width) ** 2) for i in range(-60, 61)) ** 2
        wanted = norm * ndimage.gaussian_filter(x, width, mode="constant", truncate=12)
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


@given(
    seed=st.integers(0, 2**32),
    num_kept=st.integers(1, PIXELS),
    attack=st.sampled_from([0.0, 1.0, 0.5, -1.0, 1e30, np.inf, -np.inf, np.nan]),
)
def test_hidden_pixels_decide_not_a_bit(seed: int, num_kept: int, attack: float) -> None:
    generator = np.random.default_rng(seed)
    planes = to_planes(generator.random(SHAPE, np.float32), "pixel")
    kept = draw_kept(generator, 1, num_kept)
    attacked = planes.copy()
    attacked[:, np.setdiff1d(np.arange(PIXELS), kept)] = attack
    encoder = make(1, np.float32)
    clean = encoder(planes, kept).tobytes()
    assert encoder(attacked, kept).tobytes() == clean  # in the buffers that the clean input was in
    assert make(1, np.float32)(attacked, kept).tobytes() == clean


def test_an_image_is_filled_alike_in_any_batch_at_any_place_after_anything() -> None:
    generator = np.random.default_rng(3)
    shape = (60, 64, 3)
    x, other = (to_planes(generator.random(shape, np.float32), "pixel") for _ in range(2))
    masks = draw_kept(generator, 6, 300, 60 * 64)
    encoder = make(6, np.float32, shape)
    encoder(other, masks)
    together = encoder(x, masks).copy()
    encoder(other, masks[::-1].copy())
    np.testing.assert_array_equal(encoder(x, masks[::-1].copy()), together[::-1])
    alone = make(1, np.float32, shape)
    for row in range(6):
        np.testing.assert_array_equal(alone(x, masks[row : row + 1])[0], together[row])


def test_kept_pixels_stay_and_the_others_lie_between_them() -> None:
    generator = np.random.default_rng(4)
    x = generator.random(SHAPE, np.float32)
    x[:, :, 1] = 0.25 + x[:, :, 1] / 2
    for num_kept in (1, 3, 20, 60):
        kept = draw_kept(generator, 2, num_kept)
        for image, row in zip(make(2, np.float32)(to_planes(x, "pixel"), kept), kept, strict=True):
            shown = x.reshape(-1, CHANNELS)[row]
            np.testing.assert_array_equal(image.reshape(CHANNELS, -1)[:, row], shown.T)
            assert (image.min(axis=(1, 2)) >= shown.min(axis=0)).all()
            assert (image.max(axis=(1, 2)) <= shown.max(axis=0)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 0.7, 1.0])
def test_one_colour_stays_one_colour(value: float) -> None:
    x = np.full((50, 70, 3), value, np.float32)
    kept = draw_kept(np.random.default_rng(5), 2, 9, 3500)
    np.testing.assert_array_equal(
        make(2, np.float32, x.shape)(to_planes(x, "pixel"), kept), np.float32(value)
    )


def test_far_from_every_kept_pixel_their_mean_decides_and_nothing_is_divided_by_zero() -> None:
    x = np.zeros((120, 120, 1), np.float32)
    x[:10] = np.linspace(0, 1, 10, dtype=np.float32)[:, None, None]
    corner = np.array([[row * 120 + column for row in range(10) for column in range(10)]], np.int32)
    with np.errstate(all="raise", under="ignore"):
        image = make(1, np.float32, x.shape)(to_planes(x, "pixel"), corner)[0, 0]
    assert np.isfinite(image).all()
    np.testing.assert_allclose(image[-1, -1], 0.5, atol=1e-4)


def test_masks_of_another_size_are_filled_by_their_own_width() -> None:
    generator = np.random.default_rng(6)
    x = to_planes(generator.random(SHAPE), "pixel")
    few, many = draw_kept(generator, 2, 3), draw_kept(generator, 2, 40)
    encoder = make(2)
    for kept in (few, many, few):
        np.testing.assert_array_equal(encoder(x, kept), make(2)(x, kept))


@pytest.mark.parametrize(
    ("unit", "shape"),
    [("feature", SHAPE), ("column", (7,)), ("feature", (7,)), ("point", (9, 3))],
)
def test_it_is_for_pixels_of_images_alone(unit: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"encoding infill .*{unit}"):
        make_encoder("infill", shape=shape, unit=unit, batch_size=1)  # type: ignore[arg-type]
