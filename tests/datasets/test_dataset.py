"""Which inputs are taken, under which index, with which fingerprint; the digits and CIFAR-10 as
data sets.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from tests.datasets.cifar_files import PER_FILE, TEST, TRAIN, make_records, write_binary
from topcert.datasets import cifar10, load_dataset
from topcert.datasets.built_in_sets import digits_split


@pytest.fixture
def table(tmp_path: Path) -> str:
    """Ten inputs; input i holds i in every column and has the label i."""
    np.savez(
        tmp_path / "table.npz", x=np.repeat(np.arange(10.0)[:, None], 3, axis=1), y=np.arange(10)
    )
    return str(tmp_path / "table.npz")


@pytest.mark.parametrize(
    ("stride", "limit", "places"),
    [
        (None, None, list(range(10))),
        (3, None, [0, 3, 6, 9]),
        (None, 4, [0, 1, 2, 3]),
        (3, 2, [0, 3]),
        (1, 100, list(range(10))),
        (100, None, [0]),
    ],
)
def test_stride_and_limit_choose_inputs_that_keep_their_index(
    table: str, stride: int | None, limit: int | None, places: list[int]
) -> None:
    dataset = load_dataset(table, stride=stride, limit=limit)
    assert len(dataset) == len(places)
    assert dataset.indices.tolist() == places
    assert dataset.labels is not None
    assert dataset.labels.tolist() == places
    assert [float(dataset.read(position)[0]) for position in range(len(dataset))] == places


@pytest.mark.parametrize("option", ["stride", "limit"])
@pytest.mark.parametrize("value", [0, -3])
def test_a_stride_or_limit_below_one_is_refused(table: str, option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"--{option} must be at least 1, got {value}"):
        load_dataset(table, **{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (
            "imagenet2012",
            "there is no file or folder 'imagenet2012', and the set is called imagenet;",
        ),
        ("CIFAR-10", "there is no file or folder 'CIFAR-10', and the set is called cifar10;"),
        ("no/such/folder", "there is no file or folder 'no/such/folder';"),
        ("absent.csv", "there is no file or folder 'absent.csv';"),
        ("table.csv", "table.csv holds records, and of what must be said, as --modality tokens;"),
        ("a.PNG", "a.PNG is one picture; name the folder that it lies in;"),
        ("", "DATA is empty;"),
        ("broken", "broken is no file and no folder (a link to nothing, a pipe or a device);"),
    ],
)
def test_an_unknown_name_is_refused_with_the_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("1,2\n")
    Path("a.PNG").touch()
    Path("broken").symlink_to("nowhere")
    with pytest.raises(ValueError, match=re.escape(what)) as caught:
        load_dataset(name)
    assert (
        "DATA is digits, cifar10, cifar10-held-out, imagenet, modelnet40 or surfaces, or the path"
        " of a folder of" in str(caught.value)
    )


def test_a_fingerprint_is_the_sha256_of_shape_dtype_and_bytes(table: str) -> None:
    dataset = load_dataset(table, stride=5)
    wanted = hashlib.sha256(b"(3,)<f8" + np.full(3, 5.0).tobytes()).hexdigest()
    assert dataset.fingerprint_input(1) == wanted
    assert wanted == "c8cef6edc6fe81fc6d7fd0f517125cc2fdaf992c06a87a5978080147f8a1f49b"


def test_a_fingerprint_changes_with_a_value_the_shape_and_the_dtype(tmp_path: Path) -> None:
    values = np.arange(6.0)
    changed = values.copy()
    changed[3] = np.nextafter(3, 4)
    arrays = [
        values.reshape(1, 6),
        changed.reshape(1, 6),
        values.reshape(1, 6, 1),
        values.reshape(1, 3, 2),
    ]
    arrays.append(values.astype(np.float32).reshape(1, 6))
    arrays.append(np.array([[0.0, -0.0]]))
    arrays.append(np.array([[0.0, 0.0]]))
    prints = []
    for number, x in enumerate(arrays):
        np.savez(tmp_path / f"{number}.npz", x=x)
        unit = "point" if x.ndim == 3 else None
        prints.append(load_dataset(str(tmp_path / f"{number}.npz"), unit=unit).fingerprint_input(0))
    assert len(set(prints)) == len(arrays)


def test_a_fingerprint_is_that_of_the_input_whatever_is_taken_beside_it(table: str) -> None:
    whole = load_dataset(table)
    part = load_dataset(table, stride=4)
    for position, index in enumerate(part.indices):
        assert part.fingerprint_input(position) == whole.fingerprint_input(int(index))
    assert len({whole.fingerprint_input(position) for position in range(10)}) == 10


def test_an_input_is_compared_as_it_is_read_and_read_once(table: str) -> None:
    whole = load_dataset(table)
    reads: list[int] = []

    def read(position: int) -> NDArray[np.floating]:
        reads.append(position)
        return whole.read(position)

    hashes = [whole.fingerprint_input(position) for position in (0, 2, 2)]
    reader = replace(whole, read=read).reader(hashes, reads="a worker reads another")
    np.testing.assert_array_equal(reader(0), whole.read(0))
    np.testing.assert_array_equal(reader(2), whole.read(2))
    with pytest.raises(ValueError, match=r"^a worker reads another input 1 than the run; leave"):
        reader(1)
    assert reads == [0, 2, 1]


def test_every_fifth_digit_is_held_out() -> None:
    images, labels, test = digits_split()
    raw = load_digits()
    assert images.shape == (1797, 8, 8, 1)
    assert (images.min(), images.max()) == (0, 1)
    np.testing.assert_array_equal(images[..., 0] * 16, raw.images)
    np.testing.assert_array_equal(labels, raw.target)
    assert np.flatnonzero(test).tolist() == list(range(0, 1797, 5))


def test_the_digits_certify_what_is_held_out_and_fill_from_the_rest() -> None:
    images, labels, test = digits_split()
    dataset = load_dataset("digits")
    assert (dataset.kind, dataset.shape, dataset.dtype, len(dataset)) == (
        "image",
        (8, 8, 1),
        np.float32,
        360,
    )
    np.testing.assert_array_equal(dataset.indices, np.flatnonzero(test))
    np.testing.assert_array_equal(dataset.labels, labels[test])
    np.testing.assert_array_equal(dataset.read(7), images[35])
    assert dataset.class_names == tuple("0123456789")
    assert dataset.read_reference is not None
    np.testing.assert_array_equal(dataset.read_reference(), images[~test])
    assert load_dataset("digits", stride=2, limit=3).indices.tolist() == [0, 10, 20]


def test_cifar10_certifies_every_twentieth_test_image_and_fills_from_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "_PER_FILE", PER_FILE)
    write_binary(tmp_path, (*TEST, *TRAIN))
    images, labels = make_records("test_batch")
    dataset = load_dataset("cifar10", data_dir=tmp_path)
    assert dataset.indices.tolist() == [0, 20]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == labels[[0, 20]].tolist()
    assert (dataset.kind, dataset.shape, dataset.dtype) == ("image", (32, 32, 3), np.float32)
    np.testing.assert_array_equal(
        dataset.read(1), images[20].transpose(1, 2, 0).astype(np.float32) / np.float32(255)
    )
    assert dataset.read_reference is not None
    assert dataset.read_reference().shape == (5 * PER_FILE, 32, 32, 3)
    assert load_dataset("cifar10", data_dir=tmp_path, stride=1, limit=4).indices.tolist() == [
        0,
        1,
        2,
        3,
    ]


def test_the_default_of_cifar10_is_five_hundred_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(split: str, *, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        assert (split, data_dir) == ("test", tmp_path)
        return np.broadcast_to(np.uint8(0), (10_000, 32, 32, 3)), np.zeros(10_000, np.int64)

    monkeypatch.setattr("topcert.datasets.built_in_sets.load_cifar10", read)
    dataset = load_dataset("cifar10", data_dir=tmp_path)
    np.testing.assert_array_equal(dataset.indices, np.arange(0, 10_000, 20))


def test_held_out_images_of_cifar10_are_the_last_of_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "_PER_FILE", PER_FILE)
    monkeypatch.setattr("topcert.datasets.built_in_sets.HELD_OUT", 3)
    write_binary(tmp_path, (*TEST, *TRAIN))
    images, labels = make_records("data_batch_5")
    dataset = load_dataset("cifar10-held-out", data_dir=tmp_path)
    assert dataset.name == "cifar10-held-out"
    assert dataset.indices.tolist() == [5 * PER_FILE - 3, 5 * PER_FILE - 2, 5 * PER_FILE - 1]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == labels[-3:].tolist()
    np.testing.assert_array_equal(
        dataset.read(2), images[-1].transpose(1, 2, 0).astype(np.float32) / np.float32(255)
    )
