"""An .npz file as a data set: what each array may be, and what is said where it is not."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.datasets import Dataset, load_dataset


def save(folder: Path, **arrays: Any) -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


def load(path: Path) -> Dataset:
    return load_dataset(str(path))


def read_all(dataset: Dataset) -> NDArray[np.floating]:
    return np.stack([dataset.read(position) for position in range(len(dataset))])


@pytest.mark.parametrize(
    ("shape", "kind"), [((5, 7), "table"), ((5, 8, 3), "points"), ((5, 4, 6, 3), "image")]
)
def test_the_number_of_dimensions_says_what_an_input_is(
    tmp_path: Path, shape: tuple[int, ...], kind: str
) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    x = x if kind != "image" else x % 1
    dataset = load(save(tmp_path, x=x))
    assert (dataset.kind, dataset.shape, len(dataset)) == (kind, shape[1:], 5)
    assert dataset.labels is None
    assert dataset.read_reference is None
    assert dataset.name == str(tmp_path / "data.npz")
    np.testing.assert_array_equal(read_all(dataset), x)
    np.testing.assert_array_equal(dataset.indices, np.arange(5))


def test_bytes_are_scaled_to_one(tmp_path: Path) -> None:
    x = np.arange(256, dtype=np.uint8).reshape(2, 8, 16, 1)
    dataset = load(save(tmp_path, x=x))
    found = read_all(dataset)
    assert dataset.dtype == found.dtype == np.float32
    assert (found.min(), found.max()) == (0, 1)
    np.testing.assert_array_equal(found, x.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_taken_as_they_are(tmp_path: Path, dtype: Any) -> None:
    x = np.array([[-3.5, 1e9], [0.1, 255.0]], dtype)
    dataset = load(save(tmp_path, x=x))
    assert dataset.dtype == read_all(dataset).dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read_all(dataset), x)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16, np.bool_])
def test_other_integers_are_taken_as_they_are_in_doubles(tmp_path: Path, dtype: Any) -> None:
    x = np.array([[0, 1, 100], [3, 0, 1]]).astype(dtype)
    dataset = load(save(tmp_path, x=x))
    assert dataset.dtype == np.float64
    np.testing.assert_array_equal(read_all(dataset), x.astype(float))


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_labels_may_be_any_integers(tmp_path: Path, dtype: Any) -> None:
    dataset = load(save(tmp_path, x=np.zeros((3, 2)), y=np.array([2, 0, 7], dtype)))
    assert dataset.labels is not None
    assert dataset.labels.dtype == np.int64
    assert dataset.labels.tolist() == [2, 0, 7]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(3), r"y must be integers or names of shape \(3,\), got float64 \(3,\)"),
        (np.zeros(4, int), r"y must be integers or names of shape \(3,\), got int64 \(4,\)"),
        (np.zeros((3, 1), int), r"got int64 \(3, 1\); give y\.ravel\(\)"),
        (np.array([b"a", b"b", b"c"]), r"got .S1 \(3,\)"),
        (np.array(["a", "b"]), r"got <U1 \(2,\)"),
        (np.array([True, False, True]), r"got bool \(3,\)"),
        (np.int64(3), r"got int64 \(\)"),
        (np.array([0, -2, 1]), "y holds the label -2; labels are class indices from 0"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"data\.npz: .*{message}"):
        load(save(tmp_path, x=np.zeros((3, 2)), y=y))


@pytest.mark.parametrize(("bad", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("name", ["x", "x_train"])
def test_a_value_that_is_not_finite_is_refused_with_its_place(
    tmp_path: Path, bad: float, shown: str, name: str
) -> None:
    arrays = {"x": np.zeros((4, 3)), "x_train": np.zeros((4, 3))}
    arrays[name][2, 1] = bad
    arrays[name][3, 0] = bad
    with pytest.raises(
        ValueError, match=rf"data\.npz: {name} holds {shown} at \(2, 1\); replace it"
    ):
        load(save(tmp_path, **arrays))


def test_training_inputs_are_read_as_the_inputs_are(tmp_path: Path) -> None:
    train = np.arange(20, dtype=np.uint8).reshape(10, 2)
    dataset = load(save(tmp_path, x=np.zeros((3, 2), np.uint8), x_train=train))
    assert dataset.read_reference is not None
    np.testing.assert_array_equal(
        dataset.read_reference(), train.astype(np.float32) / np.float32(255)
    )


def test_training_inputs_of_another_shape_are_refused_with_both_shapes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x_train holds inputs of shape \(3,\), x of \(2,\)"):
        load(save(tmp_path, x=np.zeros((3, 2)), x_train=np.zeros((3, 3))))


def test_empty_training_inputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x_train is empty, of shape \(0, 2\)"):
        load(save(tmp_path, x=np.zeros((3, 2)), x_train=np.zeros((0, 2))))


@pytest.mark.parametrize(
    ("arrays", "has"),
    [({"X": np.zeros((2, 2))}, "X"), ({"y": np.zeros(2, int), "z": 1}, "y, z"), ({}, "nothing")],
)
def test_a_file_without_inputs_is_refused_with_what_it_has(
    tmp_path: Path, arrays: dict[str, Any], has: str
) -> None:
    with pytest.raises(ValueError, match=rf"data\.npz has no array x; it has: {has}$"):
        load(save(tmp_path, **arrays))


@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4, 5, 6)])
def test_inputs_of_another_number_of_dimensions_are_refused(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    with pytest.raises(
        ValueError, match=r"x must be \(inputs, features\), .*, got shape "
    ) as caught:
        load(save(tmp_path, x=np.zeros(shape)))
    assert str(caught.value).endswith(str(shape))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (2, 4, 4, 0)])
def test_empty_inputs_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="x is empty, of shape ") as caught:
        load(save(tmp_path, x=np.zeros(shape)))
    assert str(caught.value).endswith(str(shape))


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 2), complex),
        np.array([["a", "b"]]),
        np.zeros((2, 2), np.longdouble),
        np.zeros((2, 2), "M8[s]"),
        np.zeros((2, 2), [("a", "f4")]),
    ],
)
def test_values_of_another_kind_are_refused(tmp_path: Path, x: NDArray[Any]) -> None:
    message = re.escape(
        f"x must hold booleans, integers, or floats of 16, 32 or 64 bits, got {x.dtype}"
    )
    with pytest.raises(ValueError, match=message):
        load(save(tmp_path, x=x))


def test_object_arrays_are_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be loaded when allow_pickle=False"):
        load(save(tmp_path, x=np.array([{"a": 1}, None], object)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.npz does not exist"):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_truncated_file_is_named(tmp_path: Path, share: float) -> None:
    path = save(tmp_path, x=np.random.default_rng(0).random((40, 10)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"data\.npz is not a readable \.npz file \(.+\)"):
        load(path)


def test_no_damage_does_more_than_raise_a_value_error(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    generator = np.random.default_rng(0)
    np.savez_compressed(path, x=generator.integers(0, 4, (50, 4)).astype(np.float64))
    whole = path.read_bytes()
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for place in generator.integers(0, len(whole), 3):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            assert len(load(path)) > 0
        except ValueError:
            refused += 1
    assert refused > 100


def test_an_npy_file_is_inputs_without_labels(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((3, 5))
    np.save(tmp_path / "one.npy", x)
    found = load(tmp_path / "one.npy")
    assert found.labels is None
    assert all(np.array_equal(found.read(row), x[row]) for row in range(3))
    (tmp_path / "one.npy").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"one\.npy is not a readable \.npy file"):
        load(tmp_path / "one.npy")


def test_a_single_array_under_a_false_name_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((3, 2)))
    path = (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(
        ValueError, match=r"one\.npz is not a readable \.npz file \(it is a single array"
    ):
        load(path)


@pytest.mark.skipif(os.name != "posix", reason="needs a pipe")
def test_a_pipe_is_said_to_be_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.npz")
    with pytest.raises(ValueError, match="is no plain file but a pipe or a device"):
        load_dataset(str(tmp_path / "p.npz"))
