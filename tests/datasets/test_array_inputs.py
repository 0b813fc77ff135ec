"""What an array holds: dtypes, axes and values that are recognised, and those that are refused with
the fix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import topcert
from topcert.datasets import load_dataset
from topcert.datasets.array_inputs import read_inputs
from topcert.datasets.data_in_memory import ArraysInMemory
from topcert.modalities.image import channels_come_first

GENERATOR = np.random.default_rng(0)
BITS = GENERATOR.integers(0, 2, (3, 9, 10, 3))


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f4", "u1", "i1", "u2", "i4", "i8", "u8", "?"]
)
@pytest.mark.parametrize("kind", ["image", "table"])
def test_every_dtype_is_read_the_same_in_a_file_and_in_python(
    tmp_path: Path, dtype: str, kind: str
) -> None:
    x = (BITS if kind == "image" else BITS[:, 0, :, 0]).astype(dtype)
    wanted = x / 255 if dtype == "u1" else x.astype(float)
    found = read_inputs(x, "x")
    assert found.kind == kind
    assert found.x.dtype == (
        np.float64 if dtype[-2:] in ("f8", "i1", "u2", "i4", "i8", "u8", "?") else np.float32
    )
    np.testing.assert_allclose(found.x, wanted, rtol=1e-7)
    np.savez(tmp_path / "a.npz", x=x, x_train=x)
    loaded = load_dataset(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(np.stack([loaded.read(i) for i in range(3)]), found.x)
    assert loaded.read_reference is not None
    np.testing.assert_array_equal(loaded.read_reference(), found.x)

    def model(batch: NDArray[Any]) -> NDArray[Any]:
        return np.stack([batch.reshape(len(batch), -1).sum(1), np.zeros(len(batch))], axis=1)

    options: dict[str, Any] = {"noise": topcert.Ablation(num_kept=5), "num_samples": 20, "seed": 0}
    counts = topcert.count_votes(model, x, **options)
    np.testing.assert_array_equal(counts, topcert.count_votes(model, found.x, **options))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 3), complex), "got complex128"),
        (np.array([[1, None]]), r"holds Python objects \(int\), not numbers"),
        ([[1, 2], [3]], r"different sizes \(1 to 2 values\), .*: pad or cut them"),
        (torch.zeros(2, 3, requires_grad=True), "cannot be read as an array: Can't call numpy"),
        (np.array([["1", "2"]]), "got <U1"),
        (np.zeros((2, 2), np.longdouble), "got (float128|longdouble)"),
        (np.array([[0, 2**53 + 1]]), r"holds 9007199254740993 at \(0, 1\), more than the 2\^53"),
        (np.array([[0.0, -np.inf]]), r"holds -inf at \(0, 1\); replace it"),
        (np.float16([[0, np.nan]]), r"holds nan at \(0, 1\); replace it"),
        (np.zeros(3), r"got shape \(3,\)"),
        (np.zeros((1, 2, 3, 4, 5)), r"got shape \(1, 2, 3, 4, 5\)"),
        (np.zeros((2, 0)), "is empty"),
    ],
)
def test_what_holds_no_numbers_is_refused_in_one_line(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_inputs(values, "x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "first"),
    [
        ((32, 32, 3), False),
        ((3, 32, 32), True),
        ((28, 28, 1), False),
        ((1, 28, 28), True),
        ((4, 64, 48), True),
        ((64, 48, 4), False),
        ((2, 6, 5), True),
        ((64, 64, 13), False),
        ((13, 64, 64), True),
        ((4, 6, 3), False),
        ((3, 3, 1), False),
        ((1, 3, 3), True),
    ],
)
def test_channels_are_found_where_the_shape_tells(shape: tuple[int, ...], first: bool) -> None:
    assert channels_come_first(shape, "x") == first
    x = GENERATOR.random((2, *shape))
    found = read_inputs(x, "x")
    assert found.moved == first
    np.testing.assert_array_equal(found.x, x.transpose(0, 2, 3, 1) if first else x)


@pytest.mark.parametrize(
    "shape", [(3, 5, 3), (8, 8, 8), (60, 64, 13), (1, 5, 2), (2, 5, 2), (3, 5, 1)]
)
def test_channels_in_doubt_are_refused_unless_a_person_says(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match="the first axis or the last is in doubt: say --channels first or"
    ):
        read_inputs(np.zeros((2, *shape)), "x")
    assert read_inputs(np.zeros((2, *shape)), "x", channels="first").x.shape[1:] == (
        *shape[1:],
        shape[0],
    )
    assert read_inputs(np.zeros((2, *shape)), "x", channels="last").x.shape[1:] == shape
    with pytest.raises(ValueError, match="must be first or last, got 'middle'"):
        read_inputs(np.zeros((2, *shape)), "x", channels="middle")


def test_channels_first_are_counted_as_channels_last() -> None:
    x = GENERATOR.random((2, 6, 7, 3)).astype(np.float32)
    fill = GENERATOR.random((6, 7, 3)).astype(np.float32)

    def model(batch: NDArray[Any]) -> NDArray[Any]:
        return np.stack([batch[:, 0].sum((1, 2)), batch[:, 1].sum((1, 2))], axis=1)

    options: dict[str, Any] = {
        "noise": topcert.Ablation(num_kept=9, encoding="mean"),
        "num_samples": 50,
        "seed": 1,
    }
    last = topcert.count_votes(model, ArraysInMemory(x, reference=fill[None]), **options)
    turned = fill.transpose(2, 0, 1)
    first = topcert.count_votes(
        model, ArraysInMemory(x.transpose(0, 3, 1, 2), reference=turned[None]), **options
    )
    grey = topcert.Ablation(num_kept=9, encoding="constant")
    assert (last != topcert.count_votes(model, x, **options | {"noise": grey})).any()
    np.testing.assert_array_equal(first, last)


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 28, 28), (32, 32, 3), (3, 32, 32), (48, 64, 3)])
def test_three_axes_that_could_be_images_are_never_read_as_points(shape: tuple[int, ...]) -> None:
    for x in (GENERATOR.random(shape), GENERATOR.integers(0, 256, shape).astype(np.uint8)):
        with pytest.raises(
            ValueError,
            match=r"grey images are x\[\.\.\., None\], one image x\[None\].*--unit point",
        ):
            read_inputs(x, "x")
    assert read_inputs(GENERATOR.random(shape), "x", unit="point").kind == "points"
    with pytest.raises(ValueError, match="in doubt"):
        read_inputs(GENERATOR.random(shape), "x", unit="pixel")


def test_clouds_stay_points() -> None:
    clouds = GENERATOR.normal(size=(5, 64, 3))
    assert read_inputs(clouds, "x").kind == "points"
    assert read_inputs(np.abs(clouds), "x", labelled=True).kind == "points"
    # 64 x 64 pixels that were centred, or 64 clouds of 64 points
    with pytest.raises(ValueError, match="in doubt"):
        read_inputs(GENERATOR.normal(size=(64, 64, 3)), "x")


def test_one_grey_image_is_not_read_as_a_table() -> None:
    grey = GENERATOR.random((28, 28))
    with pytest.raises(
        ValueError, match=r"could be one grey image: then give x\[None, :, :, None\].*--unit column"
    ):
        read_inputs(grey, "x")
    assert read_inputs(grey, "x", labelled=True).kind == "table"
    assert read_inputs(grey, "x", unit="column").kind == "table"
    assert read_inputs(grey - 1, "x").kind == "table"


@pytest.mark.parametrize("encoding", ["six-channel", "constant", "infill"])
@pytest.mark.parametrize("value", [1.0000001, -1e-7, 255.0, -2.1])
def test_values_outside_are_refused_for_every_encoding_and_input(
    encoding: str, value: float
) -> None:
    x = np.full((4, 8, 8, 3), 0.5, np.float32)
    x[3, 7, 7, 2] = value
    with pytest.raises(
        ValueError,
        match=r"at \(3, 7, 7, 2\) \(all from .*\[0, 1\].*value_range=",
    ):
        topcert.count_votes(
            lambda batch: np.zeros((len(batch), 2)),
            x,
            noise=topcert.Ablation(num_kept=5, encoding=encoding),
            num_samples=10,
        )


def test_the_range_that_a_person_names_is_held() -> None:
    x = GENERATOR.uniform(-2, 2, (3, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(read_inputs(x, "x", value_range=(-2, 2)).x, x)
    with pytest.raises(ValueError, match=r"outside the range -1\.0 \.\. 1\.0 that is given"):
        read_inputs(x, "x", value_range=(-1, 1))
    for wrong in ((1.0, 0.0), (0.0, 0.0), (0.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(ValueError, match="needs two finite numbers, LOW < HIGH"):
            read_inputs(x, "x", value_range=wrong)
    with pytest.raises(ValueError, match=r"--range \(value_range=\) is for images"):
        read_inputs(x[:, 0, :, 0], "x", value_range=(-2, 2))


def test_bytes_are_scaled_to_the_range() -> None:
    x = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3) + np.uint8(64)
    found = read_inputs(x, "x", value_range=(-1, 1)).x
    np.testing.assert_allclose(found, x / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(read_inputs(x, "x", value_range=(0, 255)).x, x)
    assert (found.min(), found.max()) == (np.float32(64 / 127.5 - 1), 1)


def test_hidden_pixels_are_the_middle_of_the_range() -> None:
    seen = []

    def model(batch: NDArray[Any]) -> NDArray[Any]:
        seen.append(batch.copy())
        return np.zeros((len(batch), 2))

    x = np.full((1, 8, 8, 3), 200, np.uint8)
    topcert.count_votes(
        model,
        x,
        noise=topcert.Ablation(num_kept=5, encoding="constant"),
        num_samples=4,
        reading=topcert.Reading(value_range=(0, 255)),
    )
    # rows are tried among others as well, some of them dim: the votes are a batch of its own
    assert {127.5, 200.0} in [set(np.unique(batch).tolist()) for batch in seen if len(batch) == 4]


@pytest.mark.parametrize("seed", [1.5, True, -1, 2**64, "1"])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"seed must (be a whole number|lie in 0 \.\. 2)"):
        topcert.count_votes(
            lambda batch: np.zeros((len(batch), 2)),
            BITS,
            noise=topcert.Ablation(num_kept=5),
            num_samples=4,
            seed=seed,
        )
