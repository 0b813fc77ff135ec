"""The design and the encoding `lattice`: regular grids of pixels, and the small pictures that they
are.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.randomization.designs import Design, make_design
from topcert.randomization.lattices import stride_of

SPACES = [
    (1, 1, 1),
    (4, 4, 4),
    (5, 7, 6),
    (5, 7, 35),
    (5, 7, 34),
    (32, 32, 49),
    (32, 32, 48),
    (28, 28, 49),
    (1, 9, 3),
    (9, 2, 2),
    (6, 3, 1),
    (10, 11, 7),
]
every_space = pytest.mark.parametrize(("height", "width", "num_kept"), SPACES)


def lattice(height: int, width: int, num_kept: int) -> Design:
    return Design(
        name="lattice", seed=3, num_features=height * width, num_kept=num_kept, grid=(height, width)
    )


def classes_by_hand(height: int, width: int, num_kept: int) -> tuple[int, list[list[int]]]:
    stride = next(s for s in itertools.count(1) if -(-height // s) * -(-width // s) <= num_kept)
    found = [
        [
            row * width + column
            for row in range(height)
            for column in range(width)
            if (row % stride, column % stride) == offset
        ]
        for offset in itertools.product(range(stride), repeat=2)
    ]
    # an image with fewer rows than the stride leaves some empty
    return stride, [pixels for pixels in found if pixels]


@every_space
def test_masks_are_the_classes_of_rows_and_columns(height: int, width: int, num_kept: int) -> None:
    made = lattice(height, width, num_kept)
    stride, classes = classes_by_hand(height, width, num_kept)
    assert made.stride == (stride, stride)
    assert stride == stride_of((height, width), num_kept)
    assert made.round_size == len(classes)
    assert made.width == max(map(len, classes)) <= num_kept
    masks = made.masks(0, 2 * made.round_size)
    assert masks.dtype == np.int32
    assert masks.shape == (2 * len(classes), made.width)
    padded = [pixels + pixels[-1:] * (made.width - len(pixels)) for pixels in classes]
    assert masks.tolist() == 2 * padded
    assert made.masks(1, made.round_size).tolist() == padded[1:]
    assert made.masks(2, 2).shape == (0, made.width)
    assert sorted(itertools.chain(*classes)) == list(range(height * width))
    assert made.even == (len(set(map(len, classes))) == 1)


def test_the_seed_is_not_used_and_a_cifar_image_has_25_grids() -> None:
    one, other = (
        Design(name="lattice", seed=seed, num_features=1024, num_kept=49, grid=(32, 32))
        for seed in (0, 2**64 - 1)
    )
    assert one.masks(0, 25).tolist() == other.masks(0, 25).tolist()
    assert (one.stride, one.round_size, one.width, one.even) == ((5, 5), 25, 49, False)
    assert [len(set(mask)) for mask in one.masks(0, 25).tolist()] == 2 * [
        49,
        49,
        42,
        42,
        42,
    ] + 3 * [42, 42, 36, 36, 36]


def test_more_masks_than_there_are_and_what_is_no_grid_are_refused() -> None:
    made = lattice(32, 32, 49)
    made.check_count(25, "--samples")
    with pytest.raises(
        ValueError,
        match=r"--samples is 26, and the design lattice has 25 masks here.* use --samples 25",
    ):
        made.check_count(26, "--samples")
    Design(name="partitions", seed=0, num_features=1024, num_kept=49).check_count(
        10**6, "--samples"
    )
    for shape, unit, features in (
        ((7,), "column", 7),
        ((4, 4, 3), "feature", 48),
        ((9, 3), "point", 9),
    ):
        with pytest.raises(
            ValueError, match=f"these {features} features are none; choose the design partitions"
        ):
            make_design(
                "lattice",
                shape=shape,
                unit=unit,
                seed=0,
                num_features=features,
                num_kept=1,
                num_masks=1,
            )


def picture_by_hand(image: NDArray[Any], offset: tuple[int, int], stride: int) -> NDArray[Any]:
    """Image `(H, W, C)` in [0, 1]."""
    height, width, channels = image.shape
    picture = np.zeros((channels + 3, -(-height // stride), -(-width // stride)), image.dtype)
    for row, column in itertools.product(
        range(offset[0], height, stride), range(offset[1], width, stride)
    ):
        picture[:channels, row // stride, column // stride] = image[row, column]
        picture[channels, row // stride, column // stride] = 1
    for plane, first in zip(picture[channels + 1 :], offset, strict=True):
        plane[:] = image.dtype.type(first) / image.dtype.type(stride - 1) if stride > 1 else 0
    return picture


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_space
def test_a_grid_is_shown_as_a_small_picture(
    height: int, width: int, num_kept: int, dtype: type[np.floating]
) -> None:
    made = lattice(height, width, num_kept)
    assert made.stride is not None
    image = np.random.default_rng(0).random((height, width, 2)).astype(dtype)
    stride = made.stride[0]
    offsets = list(itertools.product(range(min(stride, height)), range(min(stride, width))))
    size = len(offsets)
    encoder = make_encoder(
        "lattice", shape=image.shape, unit="pixel", batch_size=size, dtype=dtype, stride=made.stride
    )
    planes, masks = to_planes(image, "pixel"), made.masks(0, size)
    encoder(planes + 1, masks[::-1].copy())  # what was shown before leaves no trace
    shown = encoder(planes, masks)
    assert shown.dtype == dtype
    assert shown.tolist() == [picture_by_hand(image, offset, stride).tolist() for offset in offsets]


@pytest.mark.parametrize(("height", "width", "num_kept"), [(32, 32, 49), (7, 10, 9), (6, 6, 36)])
def test_training_shows_the_same_bit_for_bit(height: int, width: int, num_kept: int) -> None:
    torch = pytest.importorskip("torch")
    from topcert.training.noise import grids

    made = lattice(height, width, num_kept)
    assert made.stride is not None
    size = made.round_size
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    encoder = make_encoder(
        "lattice", shape=image.shape, unit="pixel", batch_size=size, stride=made.stride
    )
    shown = encoder(
        to_planes(image.astype(np.float32) / np.float32(255), "pixel"), made.masks(0, size)
    )
    trained = grids(
        torch.from_numpy(image.transpose(2, 0, 1).copy()).expand(size, -1, -1, -1),
        torch.arange(size),
        made.stride,
    )
    assert trained.numpy().tobytes() == np.ascontiguousarray(shown).tobytes()


@pytest.mark.parametrize(
    ("unit", "shape", "stride"),
    [("pixel", (4, 4, 3), None), ("column", (7,), None), ("feature", (4, 4, 3), (2, 2))],
)
def test_the_encoding_is_for_the_design_alone(
    unit: Any, shape: tuple[int, ...], stride: tuple[int, int] | None
) -> None:
    with pytest.raises(
        ValueError, match=r"only a method of designs with --design lattice keeps these"
    ):
        make_encoder("lattice", shape=shape, unit=unit, batch_size=1, stride=stride)
