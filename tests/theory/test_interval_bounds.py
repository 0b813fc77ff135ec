"""Interval bounds: never above what an attack finds, exact on linear networks, safe from
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
import pytest

from topcert.theory import interval_bounds
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.interval_bounds import certified_radius_intervals, margin_lower_bounds, scores
from topcert.theory.interval_layers import Conv, Dense, Flatten, Layer, ReLU

Array = np.ndarray[Any, np.dtype[Any]]


def dense(generator: np.random.Generator, outputs: int, inputs: int) -> Dense:
    weight = generator.normal(size=(outputs, inputs)) / inputs**0.5
    return Dense(weight.astype(np.float32), generator.normal(size=outputs).astype(np.float32) / 4)


def conv(
    generator: np.random.Generator,
    outputs: int,
    channels: int,
    size: int,
    stride: int,
    padding: int,
) -> Conv:
    weight = (
        generator.normal(size=(outputs, channels, size, size)) / (channels * size * size) ** 0.5
    )
    bias = generator.normal(size=outputs).astype(np.float32) / 4
    return Conv(
        weight.astype(np.float32), bias, stride=(stride, stride), padding=(padding, padding)
    )


def mlp(generator: np.random.Generator, *sizes: int) -> list[Layer]:
    layers: list[Layer] = [Flatten()]
    for before, after in pairwise(sizes):
        layers += [dense(generator, after, before), ReLU()]
    return layers[:-1]


def cnn(generator: np.random.Generator, channels: int) -> list[Layer]:
    """For images of 8 x 8 pixels."""
    return [
        conv(generator, 6, channels, 4, 2, 1),
        ReLU(),
        conv(generator, 5, 6, 3, 1, 0),
        ReLU(),
        Flatten(),
        dense(generator, 7, 20),
        ReLU(),
        dense(generator, 4, 7),
    ]


def make_images(generator: np.random.Generator, *shape: int) -> Array:
    images = generator.random(shape).astype(np.float32)
    images[generator.random(shape) < 0.2] = 0
    images[generator.random(shape) < 0.2] = 1
    return images


def margins_of(found: Array, labels: Array) -> Array:
    return found[np.arange(len(found)), labels][:, None] - found


NETWORKS: dict[str, Callable[[np.random.Generator], list[Layer]]] = {
    "linear": lambda generator: mlp(generator, 128, 4),
    "shallow": lambda generator: mlp(generator, 128, 20, 4),
    "deep": lambda generator: mlp(generator, 128, 20, 10, 10, 4),
    "convolutions": lambda generator: cnn(generator, 2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_sampled_attack_goes_below_the_bound(name: str) -> None:
    generator = np.random.default_rng(0)
    for _ in range(4):
        layers = NETWORKS[name](generator)
        images = make_images(generator, 5, 2, 8, 8)
        labels = generator.integers(0, 4, 5)
        radii = [0, 1, 3, 64]
        bounds = margin_lower_bounds(layers, images, labels, radii=radii)
        for row in range(5):
            for column, r in enumerate(radii):
                attacked = np.repeat(images[row : row + 1], 300, axis=0).reshape(300, 2, 64)
                values = make_images(generator, 300, 2, r)
                for one in range(300):
                    attacked[one][:, generator.permutation(64)[:r]] = values[one]
                found = scores(layers, attacked.reshape(300, 2, 8, 8))
                margins = margins_of(found, np.full(300, labels[row]))
                assert (margins >= bounds[row, column] - 1e-12).all()
                if r == 0:
                    np.testing.assert_allclose(margins[0], bounds[row, 0], atol=1e-10)


def exhaustive(image: Array, r: int, values: Sequence[float]) -> Array:
    """The image `(channels, pixels)` with every r of its pixels set to every combination of
    values.
    """
    channels, pixels = image.shape
    attacked = []
    for places in combinations(range(pixels), r):
        for written in product(values, repeat=channels * r):
            changed = image.copy()
            changed[:, places] = np.reshape(written, (channels, r))
            attacked.append(changed)
    return np.array(attacked)


def test_on_tiny_networks_no_attack_at_all_goes_below_it_and_a_good_part_of_what_holds_is_certified(
    record_property: Callable[[str, object], None],
) -> None:
    generator = np.random.default_rng(1)
    certified, robust = np.zeros(3, int), np.zeros(3, int)
    for channels, pixels, values in [(1, 6, (0, 0.5, 1)), (2, 5, (0, 1)), (2, 4, (0, 0.5, 1))] * 12:
        layers = mlp(generator, channels * pixels, 6, 3)
        images = make_images(generator, 4, channels, pixels)
        labels = scores(layers, images).argmax(1)
        radii = [0, 1, 2]
        bounds = margin_lower_bounds(layers, images, labels, radii=radii)
        found = certified_radius_intervals(layers, images, labels, max_radius=2, k=(1, 2))
        for row, image in enumerate(images):
            for column, r in enumerate(radii):
                attacked = exhaustive(image, r, values)
                margins = margins_of(scores(layers, attacked), np.full(len(attacked), labels[row]))
                assert (margins >= bounds[row, column] - 1e-12).all()
                # how many classes at once come level with the label
                reached = (margins <= 0).sum(1).max() - 1
                for place, k in enumerate((1, 2)):
                    assert reached < k or found[row, place] < r
                robust[r] += reached == 0
                certified[r] += found[row, 0] >= r
    record_property("certified_of_robust_at_0_1_2", f"{certified.tolist()} of {robust.tolist()}")
    assert certified[0] == robust[0] == 144
    assert certified[1] / robust[1] > 0.5
    assert certified[2] / robust[2] > 0.2


@pytest.mark.parametrize("channels", [1, 2])
def test_on_a_linear_network_it_is_the_least_margin_that_an_attack_reaches(channels: int) -> None:
    generator = np.random.default_rng(2)
    for _ in range(5):
        layers = mlp(generator, channels * 6, 3)
        images = make_images(generator, 3, channels, 6)
        labels = generator.integers(0, 3, 3)
        bounds = margin_lower_bounds(layers, images, labels, radii=[0, 1, 2, 6])
        for row, image in enumerate(images):
            for column, r in enumerate((0, 1, 2, 6)):
                attacked = exhaustive(image, r, (0, 1))
                least = margins_of(
                    scores(layers, attacked), np.full(len(attacked), labels[row])
                ).min(0)
                np.testing.assert_allclose(bounds[row, column], least, rtol=0, atol=1e-13)


def exactly(array: Array) -> list[Any]:
    return [exactly(part) if part.ndim else Fraction(float(part)) for part in np.asarray(array)]


def exact_bounds(layers: Sequence[Layer], image: Array, label: int, r: int) -> list[Fraction]:
    """The same bounds of an MLP in rational arithmetic, for an image `(channels, pixels)`."""
    pixels = image.shape[1]
    x = [value for channel in exactly(image) for value in channel]
    lower: list[Fraction] = []
    upper: list[Fraction] = []
    maps = [layer for layer in layers if isinstance(layer, Dense)]
    for number, layer in enumerate(maps):
        weight, bias = exactly(layer.weight), exactly(layer.bias)
        if number == len(maps) - 1:
            weight = [[a - b for a, b in zip(weight[label], row, strict=True)] for row in weight]
            bias = [bias[label] - value for value in bias]
        found = []
        for row, shift in zip(weight, bias, strict=True):
            if number == 0:
                value = shift + sum(a * b for a, b in zip(row, x, strict=True))
                gains = [
                    [
                        sum(
                            max(sign * row[i] * (1 - x[i]), -sign * row[i] * x[i])
                            for i in range(p, len(x), pixels)
                        )
                    ]
                    for sign in (-1, 1)
                    for p in range(pixels)
                ]
                down, up = (
                    sum(g[0] for g in sorted(part)[pixels - r :])
                    for part in (gains[:pixels], gains[pixels:])
                )
                found.append((value - down, value + up))
            else:
                ends = [sorted((a * b, a * c)) for a, b, c in zip(row, lower, upper, strict=True)]
                found.append((shift + sum(e[0] for e in ends), shift + sum(e[1] for e in ends)))
        hidden = number < len(maps) - 1
        lower = [max(low, Fraction(0)) if hidden else low for low, _ in found]
        upper = [max(high, Fraction(0)) if hidden else high for _, high in found]
    return lower


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6])
def test_it_is_below_the_same_bound_in_rational_arithmetic_and_hardly_so(scale: float) -> None:
    generator = np.random.default_rng(3)
    for sizes in [(12, 3), (12, 5, 3), (12, 6, 5, 3)]:
        layers = [
            (
                Dense(layer.weight.astype(np.float64) * scale, layer.bias.astype(np.float64) / 3)
                if isinstance(layer, Dense)
                else layer
            )
            for layer in mlp(generator, *sizes)
        ]
        images = generator.random((4, 2, 6))
        labels = generator.integers(0, 3, 4)
        bounds = margin_lower_bounds(layers, images, labels, radii=[0, 2, 6])
        for row, image in enumerate(images):
            for column, r in enumerate((0, 2, 6)):
                exact = exact_bounds(layers, image, int(labels[row]), r)
                size = max(1.0, *(abs(float(value)) for value in exact))
                for found, value in zip(bounds[row, column].tolist(), exact, strict=True):
                    assert Fraction(found) <= value
                    assert float(value - Fraction(found)) <= 1e-12 * size


def test_a_margin_that_is_zero_in_real_arithmetic_is_never_certified() -> None:
    generator = np.random.default_rng(4)
    fooled = 0
    for _ in range(200):
        half = generator.normal(size=20)
        weight = np.array([generator.permutation(np.concatenate([half, -half])), np.zeros(40)])
        hidden = Dense(np.eye(40), np.zeros(40))
        image = np.full((1, 1, 40), generator.random())
        for layers in (
            [Flatten(), Dense(weight, np.zeros(2))],
            [Flatten(), hidden, ReLU(), Dense(weight, np.zeros(2))],
        ):
            plain = scores(layers, image)[0]
            fooled += int(plain[0] > plain[1])
            assert certified_radius_intervals(layers, image, [0], max_radius=1).tolist() == [
                ABSTAIN
            ]
    assert fooled > 50, "without the enlargement some would have been"


def test_what_is_lost_below_the_normal_numbers_is_counted() -> None:
    tiny = np.full((2, 3), 2.0**-700)
    layers = [
        Flatten(),
        Dense(np.eye(3) * 2.0**-700, np.zeros(3)),
        ReLU(),
        Dense(tiny * [[-1.0], [1.0]], np.zeros(2)),
    ]
    image = np.ones((1, 1, 3))
    assert (scores(layers, image) == 0).all(), "the true margin is -6 * 2^-1400"
    assert margin_lower_bounds(layers, image, [0], radii=[0])[0, 0, 1] < 0


def test_weights_that_overflow_prove_nothing() -> None:
    huge = np.full((3, 4), 1e308)
    layers = [
        Flatten(),
        Dense(huge, np.zeros(3)),
        ReLU(),
        Dense(np.array([[1.0] * 3, [-1e308] * 3]), np.zeros(2)),
    ]
    assert (
        margin_lower_bounds(layers, np.ones((1, 1, 4)), [0], radii=[0, 1])[0, :, 1].tolist()
        == [-np.inf] * 2
    )
    assert certified_radius_intervals(layers, np.ones((1, 1, 4)), [0], max_radius=1).tolist() == [
        ABSTAIN
    ]


@pytest.mark.parametrize(
    ("stride", "padding"), [((1, 1), (0, 0)), ((2, 1), (1, 2)), ((2, 3), (3, 0))]
)
def test_a_convolution_is_bounded_as_the_matrix_that_it_is(
    stride: tuple[int, int], padding: tuple[int, int]
) -> None:
    generator = np.random.default_rng(5)
    for position in (0, 1):
        before = conv(generator, 3, 2, 3, 1, 1) if position else None
        channels = 3 if position else 2
        layer = Conv(
            generator.normal(size=(4, channels, 3, 2)),
            generator.normal(size=4),
            stride=stride,
            padding=padding,
        )
        size = [
            (length + 2 * pad - kernel) // step + 1
            for length, pad, kernel, step in zip((5, 6), padding, (3, 2), stride, strict=True)
        ]
        matrix = np.zeros((4, *size, channels, 5, 6))
        for o, i, j, c, a, b in np.ndindex(4, *size, channels, 3, 2):
            row, column = i * stride[0] + a - padding[0], j * stride[1] + b - padding[1]
            if 0 <= row < 5 and 0 <= column < 6:
                matrix[o, i, j, c, row, column] = layer.weight[o, c, a, b]
        places = size[0] * size[1]
        same = Dense(matrix.reshape(4 * places, -1), np.repeat(layer.bias, places))
        last = dense(generator, 3, 4 * places)
        start: list[Layer] = [before, ReLU()] if before else []
        images = make_images(generator, 3, 2, 5, 6)
        found, wanted = (
            margin_lower_bounds(
                [*start, *middle, ReLU(), *end], images, [0, 1, 2], radii=[0, 1, 4, 40]
            )
            for middle, end in (((layer,), (Flatten(), last)), ((Flatten(), same), (last,)))
        )
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-11)


def test_contributions_of_the_image_bound_better_than_absolute_weights() -> None:
    generator = np.random.default_rng(6)
    layers = mlp(generator, 60, 8, 3)
    images = make_images(generator, 10, 3, 20)
    labels = generator.integers(0, 3, 10)
    _, first, _, last = layers
    assert isinstance(first, Dense)
    assert isinstance(last, Dense)
    bounds = margin_lower_bounds(layers, images, labels, radii=[1, 4])
    per_pixel = np.sort(np.abs(first.weight).reshape(8, 3, 20).sum(1), axis=1)
    value = scores([layers[0], first], images)
    for column, r in enumerate((1, 4)):
        reach = per_pixel[:, 20 - r :].sum(1)
        lower, upper = np.maximum(value - reach, 0), np.maximum(value + reach, 0)
        rows = last.weight[labels][:, None] - last.weight
        least = (
            (np.where(rows > 0, lower[:, None], upper[:, None]) * rows).sum(2)
            + last.bias[labels][:, None]
            - last.bias
        )
        assert (bounds[:, column] >= least - 1e-6).all()
        assert (bounds[:, column] > least + 0.05).mean() > 0.5


def test_bounds_fall_with_the_radius_and_stand_still_when_all_pixels_are_taken() -> None:
    generator = np.random.default_rng(7)
    layers = cnn(generator, 1)
    images = make_images(generator, 6, 1, 8, 8)
    bounds = margin_lower_bounds(layers, images, [0, 1, 2, 3, 0, 1], radii=range(70))
    assert (np.diff(bounds, axis=1) <= 1e-12).all()
    assert (bounds[:, 64:] == bounds[:, 64:65]).all()
    assert (bounds[np.arange(6), :, [0, 1, 2, 3, 0, 1]] == 0).all()
    shuffled = margin_lower_bounds(layers, images, [0, 1, 2, 3, 0, 1], radii=[5, 69, 0])
    np.testing.assert_allclose(shuffled, bounds[:, [5, 69, 0]], rtol=0, atol=1e-12)
    assert margin_lower_bounds(layers, images, [0] * 6, radii=[]).shape == (6, 0, 4)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_radius_is_the_last_one_where_fewer_than_k_margins_may_be_lost(name: str) -> None:
    generator = np.random.default_rng(8)
    layers = NETWORKS[name](generator)
    images = make_images(generator, 40, 2, 8, 8)
    labels = scores(layers, images).argmax(1)
    labels[:5] = (labels[:5] + 1) % 4  # some are wrong
    bounds = margin_lower_bounds(layers, images, labels, radii=range(6))
    radii = certified_radius_intervals(layers, images, labels, max_radius=5, k=[1, 3, 2])
    for column, k in enumerate((1, 3, 2)):
        holds = (bounds <= 0).sum(2) - 1 < k
        assert radii[:, column].tolist() == [ABSTAIN + int(row.sum()) for row in holds]
        assert (
            certified_radius_intervals(layers, images, labels, max_radius=5, k=k).tolist()
            == radii[:, column].tolist()
        )
    assert (radii[:5, 0] == ABSTAIN).all()
    assert len(set(radii[:, 0].tolist())) > 1
    nought = certified_radius_intervals(layers, images, labels, max_radius=0)
    assert nought.tolist() == np.minimum(radii[:, 0], 0).tolist()


@pytest.mark.parametrize("name", NETWORKS)
def test_results_do_not_depend_on_how_inputs_are_cut(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(9)
    layers = NETWORKS[name](generator)
    images, labels = make_images(generator, 12, 2, 8, 8), generator.integers(0, 4, 12)
    whole = margin_lower_bounds(layers, images, labels, radii=[0, 2])
    monkeypatch.setattr(interval_bounds, "_CELLS_PER_CHUNK", 1)
    np.testing.assert_allclose(
        margin_lower_bounds(layers, images, labels, radii=[0, 2]), whole, rtol=0, atol=1e-12
    )


IMAGES = np.zeros((2, 1, 2, 2))
FIRST, LAST = Dense(np.ones((3, 4)), np.zeros(3)), Dense(np.ones((2, 3)), np.zeros(2))
GOOD = [Flatten(), FIRST, ReLU(), LAST]
KERNEL = Conv(np.ones((3, 1, 2, 2)), np.zeros(3))


@pytest.mark.parametrize(
    ("layers", "images", "message"),
    [
        (GOOD, IMAGES + 1.5, r"images must lie in \[0, 1\]; divide bytes by 255"),
        (GOOD, IMAGES * np.nan, r"images must lie in \[0, 1\]"),
        (GOOD, IMAGES.astype(np.uint8), "images must be floats"),
        (
            GOOD,
            IMAGES[0, 0],
            (
                r"must be floats of shape \(inputs, channels, height, width\), got float64 of shape"
                r" \(2, 2\)"
            ),
        ),
        (GOOD[:-1], IMAGES, "the last layer must be Dense"),
        ([], IMAGES, "the last layer must be Dense"),
        (
            GOOD[1:],
            IMAGES,
            (
                r"layer 0 is Dense with weights \(3, 4\), which does not take inputs of shape \(1,"
                r" 2, 2\)"
            ),
        ),
        (
            [Flatten(), LAST],
            IMAGES,
            r"layer 1 is Dense with weights \(2, 3\), which does not take inputs of shape \(4,\)",
        ),
        ([ReLU(), *GOOD], IMAGES, "the first layer is ReLU"),
        (
            [KERNEL, KERNEL, Flatten(), LAST],
            IMAGES,
            r"layer 1 is Conv .* does not take inputs of shape \(3, 1, 1\)",
        ),
        (
            [KERNEL, Flatten(), LAST],
            IMAGES[:, :, :1],
            r"layer 0 is Conv .* does not take inputs of shape \(1, 1, 2\)",
        ),
    ],
)
def test_layers_and_images_that_do_not_fit_are_refused(
    layers: list[Layer], images: Array, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        margin_lower_bounds(layers, images, [0, 1], radii=[0])
    with pytest.raises(ValueError, match=message):
        certified_radius_intervals(layers, images, [0, 1], max_radius=1)


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="radii must be at least 0, got -1"):
        margin_lower_bounds(GOOD, IMAGES, [0, 1], radii=[2, -1])
    with pytest.raises(ValueError, match="label 2 is out of range"):
        margin_lower_bounds(GOOD, IMAGES, [0, 2], radii=[1])
    with pytest.raises(ValueError, match="max_radius must be at least 0, got -2"):
        certified_radius_intervals(GOOD, IMAGES, [0, 1], max_radius=-2)
    for k in (0, 2, [], [1, 2]):
        with pytest.raises(ValueError, match=r"k must lie in 1 \.\. classes - 1 = 1, got"):
            certified_radius_intervals(GOOD, IMAGES, [0, 1], max_radius=1, k=k)


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (np.ones((2, 2, 2)), np.zeros(2), "floats with 2 axes and one bias an output"),
        (np.ones((2, 2)), np.zeros(3), "one bias an output"),
        (np.ones((2, 2), int), np.zeros(2), "weights must be floats"),
        (np.full((2, 2), np.inf), np.zeros(2), "weights must be finite"),
    ],
)
def test_weights_that_are_none_are_refused(weight: Array, bias: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dense(weight, bias)


def test_a_stride_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="stride must be positive"):
        Conv(np.ones((1, 1, 2, 2)), np.zeros(1), stride=(0, 1))
