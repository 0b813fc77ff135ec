"""A picture and its mirror image: the mirrored grids of the mirrored image, and nothing of any
other row.
"""

from __future__ import annotations

import numpy as np
import pytest

from topcert.classifiers.functions import FunctionClassifier
from topcert.classifiers.loading import load_classifier
from topcert.classifiers.mirrored import Mirrored, mirrored

Array = np.ndarray


def pictures(image: Array, stride: int) -> Array:
    """All grids of an image `(H, W, C)`, by the definition: colours, inside, offsets of row and
    column.
    """
    height, width, channels = image.shape
    tall, wide, last = -(-height // stride), -(-width // stride), max(stride - 1, 1)
    shown = np.zeros((stride * stride, channels + 3, tall, wide), np.float32)
    for row in range(stride):
        for column in range(stride):
            picture, part = shown[row * stride + column], image[row::stride, column::stride]
            picture[:channels, : part.shape[0], : part.shape[1]] = part.transpose(2, 0, 1)
            picture[channels, : part.shape[0], : part.shape[1]] = 1
            picture[channels + 1], picture[channels + 2] = row / last, column / last
    return shown


@pytest.mark.parametrize(
    ("height", "width", "stride"), [(32, 32, 5), (7, 9, 4), (8, 8, 4), (5, 11, 3), (6, 7, 1)]
)
def test_it_is_the_mirrored_grid_of_the_mirrored_image(
    height: int, width: int, stride: int
) -> None:
    image = np.random.default_rng(width).random((height, width, 3)).astype(np.float32)
    rows, turned = pictures(image, stride), pictures(image[:, ::-1], stride)
    found = mirrored(rows, width=width, stride=stride)
    for number, picture in enumerate(found):
        row, column = divmod(number, stride)
        np.testing.assert_array_equal(picture, turned[row * stride + (width - 1 - column) % stride])
    np.testing.assert_array_equal(mirrored(found, width=width, stride=stride), rows)


def network() -> FunctionClassifier:
    weights = np.random.default_rng(1).normal(size=(6 * 3 * 3, 4)).astype(np.float32)
    return FunctionClassifier(
        lambda batch: batch.reshape(len(batch), -1) @ weights, num_classes=4, fingerprint="f"
    )


def test_an_image_and_its_mirror_image_have_the_same_scores() -> None:
    made = Mirrored(network(), width=9, stride=3)
    image = np.random.default_rng(0).random((9, 9, 3)).astype(np.float32)
    scores = made.answer(pictures(image, 3))
    turned = made.answer(pictures(image[:, ::-1], 3)).reshape(3, 3, 4)[:, ::-1].reshape(9, 4)
    np.testing.assert_allclose(scores, turned, rtol=1e-5)
    assert not np.allclose(scores, network().answer(pictures(image, 3)))


def test_what_an_attacker_writes_in_a_row_is_its_own_and_has_an_answer() -> None:
    made = Mirrored(network(), width=9, stride=3)
    rows = pictures(np.random.default_rng(0).random((9, 9, 3)).astype(np.float32), 3)
    usual = made(rows)
    for wild in (3e38, -np.inf, np.nan):
        attacked = rows.copy()
        attacked[4, 0, 1, 1] = wild
        found = made(attacked)
        assert 0 <= found[4, 0] < 4
        np.testing.assert_array_equal(np.delete(found, 4, axis=0), np.delete(usual, 4, axis=0))


def test_the_carried_network_is_asked_about_both_sides() -> None:
    rows = pictures(np.random.default_rng(0).random((32, 32, 3)).astype(np.float32), 5)
    plain, made = (
        load_classifier(name, example=rows[:4]) for name in ("lattice", "lattice-mirrored")
    )
    both = (plain.answer(rows) + plain.answer(mirrored(rows, width=32, stride=5))) / 2
    np.testing.assert_array_equal(made.answer(rows), both)
    assert made.class_names == plain.class_names
    assert len({plain.fingerprint, made.fingerprint}) == 2
