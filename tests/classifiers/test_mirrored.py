"""A picture and its mirror image: the mirrored grids of the mirrored image, and nothing of any
other row.
"""

from __future__ import annotations

import numpy as np
import pytest

from topcert.classifiers import loading
from topcert.classifiers.functions import FunctionClassifier
from topcert.classifiers.loading import load_classifier
from topcert.classifiers.mirrored import Mirrored, mirrored, stride_between

Array = np.ndarray


def pictures(image: Array, stride: int, across: int | None = None) -> Array:
    """All grids of an image `(H, W, C)`, by the definition: colours, inside, offsets of row and
    column. `across` is the stride of columns where it is another.
    """
    height, width, channels = image.shape
    columns = stride if across is None else across
    tall, wide = -(-height // stride), -(-width // columns)
    shown = np.zeros((stride * columns, channels + 3, tall, wide), np.float32)
    for row in range(stride):
        for column in range(columns):
            picture, part = shown[row * columns + column], image[row::stride, column::columns]
            picture[:channels, : part.shape[0], : part.shape[1]] = part.transpose(2, 0, 1)
            picture[channels, : part.shape[0], : part.shape[1]] = 1
            picture[channels + 1] = row / max(stride - 1, 1)
            picture[channels + 2] = column / max(columns - 1, 1)
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


@pytest.mark.parametrize(
    ("shown", "stride"), [(32, 1), (16, 2), (11, 3), (8, 4), (7, 5), (6, 6), (5, 7), (1, 32)]
)
def test_the_stride_of_columns_follows_from_what_is_shown(shown: int, stride: int) -> None:
    assert -(-32 // stride) == shown
    assert stride_between(width=32, shown=shown) == stride


@pytest.mark.parametrize(
    ("shown", "listed"),
    [(4, r"3 strides of columns \(8, 9, 10\)"), (9, r"0 .* \(none\)"), (33, "0")],
)
def test_a_picture_of_no_one_stride_has_no_mirror(shown: int, listed: str) -> None:
    with pytest.raises(ValueError, match=rf"pictures {shown} wide of images of 32 .*{listed}"):
        stride_between(width=32, shown=shown)


@pytest.mark.parametrize("rows", [5, 6])
def test_the_carried_network_is_mirrored_at_the_stride_of_the_columns_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """As one that takes pictures of any size is: here under grids of 5 x 6 and 6 x 6."""
    monkeypatch.setattr(loading, "_onnx", lambda *_: network(-(-32 // rows) * 6))
    image = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    shown, turned = (pictures(side, rows, 6) for side in (image, image[:, ::-1]))
    made = load_classifier("lattice-mirrored", example=shown[:2])
    scores, other = (made.answer(side).reshape(rows, 6, 4) for side in (shown, turned))
    np.testing.assert_allclose(scores, other[:, (31 - np.arange(6)) % 6], rtol=1e-4)
    assert not np.allclose(scores, other)


def network(size: int = 9) -> FunctionClassifier:
    weights = np.random.default_rng(1).normal(size=(6 * size, 4)).astype(np.float32)
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
    for extreme in (3e38, -np.inf, np.nan):
        attacked = rows.copy()
        attacked[4, 0, 1, 1] = extreme
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
