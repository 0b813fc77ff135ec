"""Lattices with strides of their own: rounds that are partitions, well spread, and shown without
loss or leak.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.randomization.designs import (
    ALGORITHMS,
    Design,
    algorithm_of,
    is_level,
    kind_of,
    make_design,
)
from topcert.randomization.lattices import laid_out, read_strides, shortest


def design(name: str, height: int, width: int, count: int) -> Design:
    shared = {
        "shape": (height, width, 3),
        "unit": "pixel",
        "seed": 0,
        "num_features": height * width,
    }
    return make_design(name, **shared, num_kept=None, num_masks=count)  # type: ignore[arg-type]


def classes_by_hand(height: int, width: int, a: int, b: int, slope: int) -> list[list[int]]:
    return [
        [
            row * width + column
            for row in range(height)
            for column in range(width)
            if (row % a, (slope * (row // a) + column) % b) == label
        ]
        for label in itertools.product(range(a), range(b))
    ]


SPACES = [
    ("lattice:5x5", 32, 32),
    ("lattice:4x5", 32, 32),
    ("lattice:5x4", 32, 28),
    ("lattice:2x7", 9, 11),
    ("lattice:1x1", 3, 2),
    ("lattice:6x3", 6, 3),
    ("lattice:p=23", 32, 32),
    ("lattice:p=7", 5, 9),
    ("lattice:p=9", 4, 4),
    ("lattice:p=12", 5, 4),
    ("lattice:p=2", 1, 2),
]


@pytest.mark.parametrize(("name", "height", "width"), SPACES)
def test_every_round_is_the_partition_of_its_slope(name: str, height: int, width: int) -> None:
    strides = read_strides(name)
    assert strides is not None
    size = strides.round_size
    slopes = laid_out(name, (height, width)).slopes
    made = design(name, height, width, size * len(slopes))
    assert (made.round_size, kind_of(name), algorithm_of(name)) == (
        size,
        "lattice",
        "lattice-classes-1",
    )
    masks = made.masks(0, size * len(slopes))
    found = [sorted(set(mask)) for mask in masks.tolist()]
    # repeats come last
    assert [mask[: len(kept)] for mask, kept in zip(masks.tolist(), found, strict=True)] == found
    wanted = [
        classes_by_hand(height, width, strides.rows, strides.columns, slope) for slope in slopes
    ]
    assert found == list(itertools.chain(*wanted))
    assert made.num_kept == made.width == max(map(len, found))
    assert (
        made.masks(3 % size, 2 * size).tolist()
        == np.concatenate([masks, masks])[3 % size : 2 * size].tolist()
    )
    if strides.level:
        assert slopes[0] == 0
        assert sorted(slopes) == list(range(strides.columns))
    left_out = set(range(strides.columns)) - set(slopes)
    assert all(
        [] in classes_by_hand(height, width, 1, strides.columns, slope) for slope in left_out
    )


def shortest_by_search(a: int, b: int, slope: int) -> tuple[int, int]:
    reach = range(-a * b - 2, a * b + 3)
    vectors = [(a * m, b * n - slope * m) for m in reach for n in reach if m or n]
    first = min(vectors, key=lambda v: v[0] ** 2 + v[1] ** 2)
    others = [v for v in vectors if v[0] * first[1] != v[1] * first[0]]
    return first[0] ** 2 + first[1] ** 2, min(v[0] ** 2 + v[1] ** 2 for v in others)


def test_lengths_are_the_shortest() -> None:
    for a, b in itertools.product((1, 2, 3), (1, 2, 5, 7)):
        for slope in range(b):
            assert shortest(a, b, slope) == shortest_by_search(a, b, slope)


def test_the_best_spread_slopes_come_first() -> None:
    for p in (7, 23, 29):
        found = laid_out(f"lattice:p={p}", (40, 40)).slopes
        spread = [
            shortest_by_search(1, p, slope) if p < 10 else shortest(1, p, slope) for slope in found
        ]
        assert sorted(found) == list(range(p))
        assert spread == sorted(spread, reverse=True)
        assert all(
            one < other
            for one, other in itertools.pairwise(found)
            if shortest(1, p, one) == shortest(1, p, other)
        )


def test_slopes_are_pinned_for_good() -> None:
    assert ALGORITHMS["lattice"] == "grid-classes-1"
    pinned = {name: laid_out(name, (32, 32)).slopes[:6] for name in PINNED}
    assert pinned == PINNED
    assert design("lattice:p=5", 3, 6, 10).masks(4, 8).tolist() == [
        [4, 8, 12, 17],
        [0, 5, 8, 16],
        [1, 9, 12, 17],
        [2, 10, 13, 13],
    ]


PINNED = {
    "lattice:5x5": (0, 2, 3, 1, 4),
    "lattice:4x5": (0, 2, 3, 1, 4),
    "lattice:p=23": (5, 9, 14, 18, 4, 6),
    "lattice:p=29": (12, 17, 5, 6, 23, 24),
    "lattice:p=37": (6, 31, 8, 14, 23, 29),
}


def test_a_named_square_is_the_grid_of_its_stride_and_goes_on() -> None:
    named, plain = (
        design("lattice:5x5", 32, 32, 50),
        Design(name="lattice", seed=9, num_features=1024, num_kept=49, grid=(32, 32)),
    )
    assert named.masks(0, 25).tolist() == plain.masks(0, 25).tolist()
    assert named.masks(25, 50).tolist() != plain.masks(0, 25).tolist()
    assert named.masks(50, 75).tolist() == plain.masks(0, 25).tolist()  # what fills up a batch
    assert (named.stride, named.num_kept, named.rounds) == ((5, 5), 49, 2)


@pytest.mark.parametrize(
    ("name", "count", "says"),
    [
        (
            "lattice:5x5",
            30,
            (
                r"--samples is 30, .* has 5 rounds of 25 masks here; use --samples 25, or another"
                r" multiple of 25 up to 125"
            ),
        ),
        ("lattice:5x5", 150, r"use --samples 125, or"),
        ("lattice:5x5", 10, r"use --samples 25, or"),
        ("lattice:32x1", 64, r"has 1 rounds of 32 masks here; use --samples 32$"),
        ("lattice:p=23", 24, r"use --samples 23, or another multiple of 23 up to 529"),
    ],
)
def test_numbers_of_masks_that_are_no_rounds_are_refused(name: str, count: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        design(name, 32, 32, count).check_count(count, "--samples")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lattice:", "unknown design 'lattice:'; say lattice:5x4"),
        ("lattice:5", "unknown design"),
        ("lattice:0x5", "unknown design"),
        ("lattice:05x5", "unknown design"),
        ("lattice:p=1", "unknown design"),
        ("lattice:p=-3", "unknown design"),
        ("lattice:5x5 ", "unknown design"),
        ("lattice:5X5", "unknown design"),
        ("lattice:q=5", "unknown design"),
        ("lattice:33x4", "masks without a pixel of 32 x 32; its strides may be 32x32 at most"),
        ("lattice:4x33", "masks without a pixel of 32 x 32"),
        (
            "lattice:p=1025",
            "masks without a pixel of 32 x 32, whatever its slope; a p up to 32 has none",
        ),
        ("lattice:p=10000000", "masks without a pixel"),
    ],
)
def test_what_is_no_lattice_is_refused(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        design(name, 32, 32, 1)


def test_what_is_kept_follows_from_the_strides() -> None:
    for kept in (44, 46):
        with pytest.raises(ValueError, match=rf"num_kept is {kept}, .* lattice:p=23 keeps 45"):
            Design(name="lattice:p=23", seed=0, num_features=1024, num_kept=kept, grid=(32, 32))
    with pytest.raises(
        ValueError,
        match=r"unknown design 'lattices:5x5'; choose one of: .*lattice:AxB, lattice:p=P",
    ):
        kind_of("lattices:5x5")
    with pytest.raises(ValueError, match="the design stratified needs num_kept"):
        design("stratified", 32, 32, 10)
    with pytest.raises(
        ValueError,
        match="the design lattice:2x2 cuts the pixels of images, and these 7 features are none",
    ):
        make_design(
            "lattice:2x2",
            shape=(7,),
            unit="column",
            seed=0,
            num_features=7,
            num_kept=None,
            num_masks=4,
        )


def test_large_images_that_are_not_square_have_them_too() -> None:
    for name, height, width in (
        ("lattice:7x9", 224, 224),
        ("lattice:p=61", 224, 224),
        ("lattice:5x7", 224, 160),
    ):
        size = read_strides(name).round_size  # type: ignore[union-attr]
        made = design(name, height, width, 3 * size)
        masks = made.masks(0, 3 * size)
        for start in range(0, 3 * size, size):
            kept = [set(mask) for mask in masks[start : start + size].tolist()]
            assert sum(map(len, kept)) == len(set().union(*kept)) == height * width
        assert made.width < 1.2 * height * width / size


def check_pictures(
    height: int, width: int, a: int, b: int, rounds: int, channels: int, seed: int
) -> None:
    """Every kept pixel is shown once, where it belongs; all else is hidden, and offsets tell where
    it lay.
    """
    name = f"lattice:{a}x{b}"
    made = design(name, height, width, a * b * rounds)
    size = made.round_size * made.rounds
    image = np.random.default_rng(seed).random((height, width, channels)).astype(np.float32)
    planes = to_planes(image, "pixel")
    encoder = make_encoder(
        "lattice", shape=image.shape, unit="pixel", batch_size=size, stride=made.stride
    )
    masks = made.masks(0, size)
    encoder(planes + 1, masks[::-1].copy())  # what was shown before leaves no trace
    shown = encoder(planes, masks).copy()
    assert shown.shape == (size, channels + 3, math.ceil(height / a), math.ceil(width / b))
    for picture, mask in zip(shown, masks.tolist(), strict=True):
        kept = set(mask)
        inside = picture[channels]
        assert inside.sum() == len(kept)
        assert not picture[:channels, inside == 0].any()
        at = np.argwhere(inside)
        rows = at[:, 0] * a + np.rint(picture[-2][inside == 1] * (a - 1)).astype(int)
        columns = at[:, 1] * b + np.rint(picture[-1][inside == 1] * (b - 1)).astype(int)
        assert set((rows * width + columns).tolist()) == kept
        assert (image[rows, columns] == picture[:channels, inside == 1].T).all()
        other = image.copy().reshape(-1, channels)
        hidden = np.setdiff1d(np.arange(height * width), mask)
        other[hidden] += 5  # nothing of what is hidden is in the picture
        again = encoder(
            to_planes(other.reshape(image.shape), "pixel"),
            np.repeat(np.array([mask], np.int32), size, axis=0),
        )
        assert (again[0] == picture).all()


def test_a_picture_shows_what_is_kept_once_and_nothing_else() -> None:
    for height, width in itertools.product((1, 2, 5), (1, 3, 4)):
        for a, b in itertools.product(range(1, height + 1), range(1, width + 1)):
            check_pictures(height, width, a, b, rounds=b, channels=1, seed=height)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_pictures_of_any_size(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(6, 60)), data.draw(st.integers(6, 60))
    a, b = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    check_pictures(
        height, width, a, b, data.draw(st.integers(1, b)), data.draw(st.integers(1, 4)), seed=1
    )


@pytest.mark.parametrize(
    ("name", "height", "width", "rounds"),
    [
        ("lattice:5x5", 32, 32, 5),
        ("lattice:4x5", 32, 32, 2),
        ("lattice:3x4", 7, 10, 4),
        ("lattice:2x2", 5, 5, 2),
    ],
)
def test_training_shows_the_same_bit_for_bit(
    name: str, height: int, width: int, rounds: int
) -> None:
    torch = pytest.importorskip("torch")
    from topcert.training.noise import grids

    strides = read_strides(name)
    assert strides is not None
    size = strides.round_size * rounds
    made = design(name, height, width, size)
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
        (strides.rows, strides.columns),
        laid_out(name, (height, width), rounds=rounds).slopes,
    )
    assert trained.numpy().tobytes() == np.ascontiguousarray(shown).tobytes()


def test_slanted_masks_have_no_small_picture() -> None:
    made = design("lattice:p=23", 32, 32, 23)
    assert made.stride is None
    assert not is_level("lattice:p=23")
    assert is_level("lattice:4x5")
    with pytest.raises(
        ValueError, match=r"--design lattice keeps these \(or lattice:5x4, not lattice:p=23\)"
    ):
        make_encoder("lattice", shape=(32, 32, 3), unit="pixel", batch_size=1, stride=made.stride)
