"""Designs are what their description says, bit for bit: rounds that are partitions, spread where
they are stratified.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.randomization.test_masks import philox4x64_10
from topcert.modalities.encodings.infiller import Infiller
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.randomization.designs import ALGORITHMS, DESIGNS, DOMAIN, Design, hilbert_order
from topcert.randomization.masks import CERTIFY, TRAIN, draw_masks


def words_by_the_book(seed: int, number: int, width: int) -> list[int]:
    blocks = (width + 3) // 4
    counters = range(number * blocks, (number + 1) * blocks)
    return [word for block in counters for word in philox4x64_10((block, 0, 0, 0), (seed, DOMAIN))][
        :width
    ]


def round_by_the_book(
    name: str, seed: int, number: int, size: int, order: list[int]
) -> list[list[int]]:
    """The blocks of a round; `order` are the features along the curve."""
    blocks: list[list[int]] = [[] for _ in range(size)]
    runs = (
        [order]
        if name == "partitions"
        else [order[i : i + size] for i in range(0, len(order), size)]
    )
    width = len(order) if name == "partitions" else size
    words = words_by_the_book(seed, number, width * len(runs))
    for place, run in enumerate(runs):
        mine = words[place * width : (place + 1) * width]
        shuffled = sorted(range(width), key=lambda i, mine=mine: mine[i])  # type: ignore[misc]
        for i, chosen in enumerate(shuffled[: len(run)] if name == "stratified" else shuffled):
            if name == "stratified":
                blocks[chosen].append(run[i])
            else:
                blocks[i % size].append(run[chosen])
    return [sorted(block) for block in blocks]


SPACES = [
    (1, 1, 1),
    (1, 7, 7),
    (2, 3, 1),
    (3, 5, 4),
    (4, 4, 3),
    (8, 8, 8),
    (32, 32, 52),
    (32, 32, 50),
]


@pytest.mark.parametrize("name", ["partitions", "stratified"])
@pytest.mark.parametrize(("height", "width", "num_kept"), SPACES)
def test_rounds_are_those_of_the_documented_algorithm(
    name: str, height: int, width: int, num_kept: int
) -> None:
    for seed, first in ((0, 0), (2**64 - 1, 3)):
        made = Design(
            name=name,
            seed=seed,
            num_features=height * width,
            num_kept=num_kept,
            grid=(height, width),
        )
        size = made.round_size
        order = (
            list(range(height * width))
            if name == "partitions"
            else hilbert_order(height, width).tolist()
        )
        masks = made.masks(first * size, (first + 1) * size)
        assert [sorted(set(mask)) for mask in masks.tolist()] == round_by_the_book(
            name, seed, first, size, order
        )


@pytest.mark.parametrize("name", ["partitions", "stratified"])
@pytest.mark.parametrize(("height", "width", "num_kept"), [*SPACES, (20, 31, 17)])
def test_each_round_keeps_each_feature_once(
    name: str, height: int, width: int, num_kept: int
) -> None:
    features = height * width
    made = Design(name=name, seed=5, num_features=features, num_kept=num_kept, grid=(height, width))
    size = made.round_size
    assert size == -(-features // num_kept)
    masks = made.masks(0, 4 * size)
    assert masks.dtype == np.int32
    assert masks.shape == (4 * size, made.width)
    assert made.width <= num_kept
    for start in range(0, 4 * size, size):
        blocks = [set(mask) for mask in masks[start : start + size].tolist()]
        assert sum(map(len, blocks)) == features
        assert set().union(*blocks) == set(range(features))
        assert {made.width - len(block) for block in blocks} <= ({0} if made.even else {0, 1})
    steps = np.diff(masks, axis=1)
    assert (steps[:, :-1] > 0).all()  # ascending, and only the last may be named twice
    assert (steps >= 0).all()
    assert made.even == (features % size == 0)


def test_a_round_of_twenty_blocks_keeps_52_and_of_twenty_one_50() -> None:
    for num_kept, size, width in ((52, 20, 52), (50, 21, 49)):
        made = Design(name="partitions", seed=0, num_features=1024, num_kept=num_kept)
        assert (made.round_size, made.width) == (size, width)


def test_stratified_masks_keep_at_most_one_pixel_of_a_run() -> None:
    made = Design(name="stratified", seed=0, num_features=1024, num_kept=52, grid=(32, 32))
    place = np.empty(1024, np.int64)
    place[hilbert_order(32, 32)] = np.arange(1024)
    plain = Design(name="partitions", seed=0, num_features=1024, num_kept=52)
    spread, clumped = (
        [max(np.bincount(place[sorted(set(mask))] // 20)) for mask in design.masks(0, 200).tolist()]
        for design in (made, plain)
    )
    assert set(spread) == {1}
    assert np.mean(clumped) > 2


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 9), (4, 4), (32, 32), (5, 7), (28, 28), (224, 224)]
)
def test_the_curve_meets_each_pixel_once(height: int, width: int) -> None:
    order = hilbert_order(height, width)
    assert sorted(order.tolist()) == list(range(height * width))
    rows, columns = np.divmod(order, width)
    far = np.abs(np.diff(rows)) + np.abs(np.diff(columns)) > 1
    assert far.mean() < 0.05 if far.size else True
    if height == width and height & (height - 1) == 0:
        assert not far.any()


def test_designs_are_pinned_for_good() -> None:
    assert ALGORITHMS == {
        "partitions": "philox4x64-sorted-partitions-1",
        "stratified": "philox4x64-sorted-hilbert-runs-1",
        "lattice": "grid-classes-1",
        "random": "philox4x64-lemire32-fisher-yates-designed-1",
    }  # other masks need another name
    assert DOMAIN not in (CERTIFY, TRAIN)
    assert hilbert_order(4, 4).tolist() == [0, 1, 5, 4, 8, 12, 13, 9, 10, 14, 15, 11, 7, 6, 2, 3]
    shared = {"seed": 42, "num_features": 16, "num_kept": 5, "grid": (4, 4)}
    found = {name: Design(name=name, **shared).masks(2, 6).tolist() for name in DESIGNS}  # type: ignore[arg-type]
    assert found == PINNED


PINNED = {
    "partitions": [[0, 2, 6, 12], [3, 5, 8, 13], [0, 2, 7, 8], [3, 9, 12, 15]],
    "stratified": [[1, 7, 8, 10], [2, 5, 11, 13], [0, 2, 13, 14], [4, 6, 9, 15]],
    "lattice": [[4, 6, 12, 14], [5, 7, 13, 15], [0, 2, 8, 10], [1, 3, 9, 11]],
    "random": [[0, 3, 5, 6, 10], [4, 8, 9, 14, 15], [0, 2, 9, 10, 14], [3, 9, 12, 13, 15]],
}


@pytest.mark.parametrize("name", DESIGNS)
def test_any_block_of_a_design_may_be_drawn_alone(name: str) -> None:
    made = Design(name=name, seed=5, num_features=300, num_kept=41, grid=(15, 20))
    whole = made.masks(0, 100)
    for start, stop in itertools.pairwise([0, 1, 2, 7, 8, 15, 16, 17, 50, 100]):
        assert np.array_equal(made.masks(start, stop), whole[start:stop])
    assert made.masks(9, 9).shape == (0, made.width)


def test_the_random_design_is_a_mask_stream_that_no_certificate_and_no_training_draws() -> None:
    made = Design(name="random", seed=5, num_features=300, num_kept=41)

    def drawn(domain: int) -> list[list[int]]:
        return draw_masks(
            seed=5, start=3, stop=9, num_features=300, num_kept=41, domain=domain
        ).tolist()

    assert made.masks(3, 9).tolist() == drawn(DOMAIN)
    assert made.masks(3, 9).tolist() not in (drawn(CERTIFY), drawn(TRAIN))
    assert (made.round_size, made.width, made.even) == (1, 41, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"name": "checkered"},
            "unknown design 'checkered'; choose one of: partitions, stratified, lattice, random",
        ),
        ({"num_kept": 0}, r"num_kept must lie in 1 \.\. num_features = 12, got 0"),
        ({"num_kept": 13}, "num_kept must lie in"),
        ({"seed": -1}, "seed must lie in"),
        ({"grid": None}, "the design stratified spreads the pixels of images"),
        (
            {"name": "lattice", "grid": None},
            "the design lattice cuts the pixels of images, and these 12 features are none",
        ),
        (
            {"name": "lattice", "grid": (2, 5)},
            "these 12 features are none; choose the design partitions",
        ),
        ({"grid": (2, 5)}, "these 12 features are none; choose the design partitions"),
    ],
)
def test_impossible_designs_are_refused(changes: dict[str, object], message: str) -> None:
    good = {"name": "stratified", "seed": 0, "num_features": 12, "num_kept": 5, "grid": (3, 4)}
    with pytest.raises(ValueError, match=message):
        Design(**(good | changes))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 <= start <= stop, got 3 and 2"):
        Design(**good).masks(3, 2)  # type: ignore[arg-type]


# A mask that names its last feature twice shows the same as one that names it once.


def shown(
    name: str, x: NDArray[np.float32], kept: NDArray[np.int32], fill: NDArray[np.float32] | None
) -> NDArray[np.floating]:
    unit = "pixel" if x.ndim == 3 else "column"
    encoder = make_encoder(name, shape=x.shape, unit=unit, batch_size=len(kept), fill=fill)  # type: ignore[arg-type]
    planes = to_planes(x, unit)  # type: ignore[arg-type]
    encoder(planes, kept[::-1].copy())  # what was shown before leaves no trace
    return encoder(planes, kept).copy()


@pytest.mark.parametrize("name", ["six-channel", "constant", "mean", "median", "sentinel"])
def test_encoders_show_a_repeated_feature_once(name: str) -> None:
    generator = np.random.default_rng(0)
    shape = (12,) if name == "sentinel" else (4, 5, 3)
    x = generator.random(shape).astype(np.float32)
    fill = generator.random(shape).astype(np.float32) if name in ("mean", "median") else None
    once = np.array([[1, 3, 4], [0, 2, 11]], np.int32)
    twice = np.concatenate([once, once[:, -1:]], axis=1)
    thrice = np.concatenate([twice, once[:, -1:]], axis=1)
    for repeated in (twice, thrice):
        assert np.array_equal(shown(name, x, repeated, fill), shown(name, x, once, fill))


def test_infill_counts_a_repeated_pixel_once() -> None:
    """Masks of three, two and one pixel in one batch are filled as each is without repeats, under
    blurs of one width.
    """
    generator = np.random.default_rng(0)
    masks = [[1, 3, 4], [0, 2], [7]]
    planes = generator.random((3, 20)).astype(np.float32)

    def filled(rows: list[list[int]], width: int) -> NDArray[np.floating]:
        kept = np.array([mask + mask[-1:] * (width - len(mask)) for mask in rows], np.int32)
        known = np.zeros((len(rows), 4, 20), np.float32)
        for row, mask in enumerate(rows):
            known[row, :3, mask], known[row, 3, mask] = planes[:, mask].T, 1
        fill = Infiller(
            channels=3,
            height=4,
            width=5,
            num_kept=4,
            batch_size=len(rows),
            dtype=np.dtype(np.float32),
        )
        return fill(known.reshape(-1, 4, 4, 5), kept, [plane[kept] for plane in planes]).copy()

    together = filled(masks, 4)
    for row, mask in enumerate(masks):
        assert np.array_equal(together[row], filled([mask], len(mask))[0])
