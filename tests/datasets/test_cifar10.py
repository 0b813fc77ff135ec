"""CIFAR-10: both layouts give the same arrays, damage is named, a pickle runs nothing, a download
fails clearly.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest

from tests.datasets.cifar_files import (
    PER_FILE,
    TEST,
    TRAIN,
    make_records,
    python2_pickle,
    python3_pickle,
    write_binary,
    write_pickled,
)
from topcert.datasets import cifar10
from topcert.datasets.cifar10 import CLASS_NAMES, load_cifar10


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "_PER_FILE", PER_FILE)


def refuse_downloads(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def retrieve(*_: Any, **__: Any) -> None:
        raise AssertionError("it must not be downloaded")

    monkeypatch.setattr(pooch, "os_cache", lambda _: cache)
    monkeypatch.setattr(pooch, "retrieve", retrieve)


@pytest.mark.parametrize("write", [write_binary, write_pickled])
@pytest.mark.parametrize(("split", "names"), [("test", TEST), ("train", TRAIN)])
def test_both_layouts_give_the_images_in_order_with_channels_last(
    tmp_path: Path, write: Any, split: Any, names: tuple[str, ...]
) -> None:
    write(tmp_path, (*TEST, *names))
    images, labels = load_cifar10(split, data_dir=tmp_path)
    records = [make_records(name) for name in names]
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert images.shape == (PER_FILE * len(names), 32, 32, 3)
    np.testing.assert_array_equal(
        images, np.concatenate([part[0] for part in records]).transpose(0, 2, 3, 1)
    )
    np.testing.assert_array_equal(labels, np.concatenate([part[1] for part in records]))
    assert images.flags.c_contiguous
    assert images.flags.writeable  # PyTorch wants it so


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("labels", ["list", "<i8", ">i8", "<i4", "|u1"])
def test_a_batch_that_was_dumped_again_is_read_too(
    tmp_path: Path, protocol: int, labels: str
) -> None:
    images, given = make_records("test_batch")
    chosen = given.tolist() if labels == "list" else given.astype(labels)
    for data in (images.reshape(PER_FILE, -1), np.asfortranarray(images.reshape(PER_FILE, -1))):
        (tmp_path / "test_batch").write_bytes(python3_pickle(data, chosen, protocol))
        found = load_cifar10("test", data_dir=tmp_path)
        np.testing.assert_array_equal(found[0], images.transpose(0, 2, 3, 1))
        np.testing.assert_array_equal(found[1], given)


@pytest.mark.parametrize("folder", ["", "cifar-10-batches-bin", "cifar-10-batches-py"])
def test_the_folder_or_the_one_above_it_may_be_named(tmp_path: Path, folder: str) -> None:
    write = write_pickled if folder.endswith("py") else write_binary
    write(tmp_path / folder, TEST)
    for data_dir in {tmp_path, tmp_path / folder}:
        assert len(load_cifar10("test", data_dir=data_dir)[0]) == PER_FILE


def test_a_folder_without_it_is_named_with_the_way_out(tmp_path: Path) -> None:
    for data_dir in (tmp_path, tmp_path / "none"):
        with pytest.raises(
            ValueError,
            match=r"--data-dir .* holds neither cifar-10-batches-bin nor .* leave --data-dir out",
        ) as caught:
            load_cifar10("test", data_dir=data_dir)
        assert str(data_dir) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_binary(tmp_path, (*TEST, *TRAIN[:3]))
    with pytest.raises(
        ValueError, match=r"lacks data_batch_4\.bin \(or data_batch_4\); the data set is incomplete"
    ):
        load_cifar10("train", data_dir=tmp_path)
    assert len(load_cifar10("test", data_dir=tmp_path)[0]) == PER_FILE


@pytest.mark.parametrize("size", [0, 100, PER_FILE * 3073 - 1, PER_FILE * 3073 + 1])
def test_a_binary_file_of_another_size_is_named_with_both_sizes(tmp_path: Path, size: int) -> None:
    write_binary(tmp_path, TEST)
    (tmp_path / "test_batch.bin").write_bytes(bytes(size))
    with pytest.raises(
        ValueError,
        match=rf"test_batch\.bin has {size} bytes, CIFAR-10 has {PER_FILE * 3073}; fetch it again",
    ):
        load_cifar10("test", data_dir=tmp_path)


@pytest.mark.parametrize("label", [10, 255])
def test_a_label_out_of_range_is_refused(tmp_path: Path, label: int) -> None:
    write_binary(tmp_path, TEST)
    records = bytearray((tmp_path / "test_batch.bin").read_bytes())
    records[3073] = label
    (tmp_path / "test_batch.bin").write_bytes(records)
    with pytest.raises(
        ValueError, match=rf"holds the label {label}, CIFAR-10 has 0 \.\. 9; the files are damaged"
    ):
        load_cifar10("test", data_dir=tmp_path)


def test_a_label_below_zero_is_refused(tmp_path: Path) -> None:
    images, labels = make_records("test_batch")
    labels[3] = -1
    (tmp_path / "test_batch").write_bytes(python3_pickle(images.reshape(PER_FILE, -1), labels))
    with pytest.raises(ValueError, match=r"holds the label -1, CIFAR-10 has 0 \.\. 9"):
        load_cifar10("test", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("num_images", "num_labels"), [(0, 0), (7, 7), (PER_FILE, 7), (7, PER_FILE), (31, 31)]
)
def test_a_pickled_batch_of_another_size_is_refused_with_its_size(
    tmp_path: Path, num_images: int, num_labels: int
) -> None:
    content = python3_pickle(
        np.zeros((num_images, 3072), np.uint8), np.ones(num_labels, np.int64), protocol=4
    )
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(
        ValueError,
        match=(
            rf"holds {num_images} images and {num_labels} labels, CIFAR-10 has {PER_FILE} of each"
        ),
    ):
        load_cifar10("test", data_dir=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps([1, 2], protocol=2),
        pickle.dumps({b"labels": [1]}, protocol=2),
        python3_pickle([[300] * 3072] * PER_FILE, [1] * PER_FILE),
        python3_pickle(np.zeros((PER_FILE, 3072), np.float32), [1] * PER_FILE),
        python3_pickle(np.full((PER_FILE, 3072), None), [1] * PER_FILE),
        python3_pickle(np.zeros((PER_FILE, 100), np.uint8), [1] * PER_FILE),
        python3_pickle(np.zeros((PER_FILE, 3072), np.uint8), ["cat"] * PER_FILE),
        python3_pickle(np.zeros((PER_FILE, 3072), np.uint8), [10**30] * PER_FILE),
        python2_pickle(np.zeros((PER_FILE, 3072), np.uint8), [1] * PER_FILE)[:-2],
        python2_pickle(np.zeros((PER_FILE, 3072), np.uint8), [1] * PER_FILE).replace(
            b"_reconstruct", b"_constructed"
        ),
    ],
    ids=range(12),
)
def test_what_is_no_batch_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"test_batch is not a CIFAR-10 batch \(.*\); fetch it again"
    ):
        load_cifar10("test", data_dir=tmp_path)


def test_no_damage_to_a_pickle_does_more_than_raise_a_value_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "_PER_FILE", 1)
    generator = np.random.default_rng(0)
    refused = 0
    data = np.zeros((1, 3072), np.uint8)
    for whole in (
        python2_pickle(data, [1]),
        python3_pickle(data, [1]),
        python3_pickle(data, np.array([1])),
    ):
        images = whole.index(bytes(64))  # the same before and after
        places = [*range(images), *range(images + 3072, len(whole))]
        for _ in range(150):
            damaged = bytearray(whole)
            for place in generator.choice(places, 2):
                damaged[place] = generator.integers(256)
            (tmp_path / "test_batch").write_bytes(damaged)
            try:
                images_read, _ = load_cifar10("test", data_dir=tmp_path)
                assert images_read.shape == (1, 32, 32, 3)
            except ValueError:
                refused += 1
    assert refused > 200


class Attack:
    """Makes a folder as soon as it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("place", ["root", "data", "key"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(
    tmp_path: Path, protocol: int, place: str
) -> None:
    target = tmp_path / "attacked"
    attack = Attack(target)
    content: Any = {
        "root": attack,
        "data": {b"data": attack, b"labels": [1]},
        "key": {b"data": 1, b"x": [attack]},
    }[place]
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(
        ValueError, match=r"it names (posix|nt)\.mkdir, which no CIFAR-10 batch does"
    ):
        load_cifar10("test", data_dir=tmp_path)
    assert not target.exists()
    pickle.loads((tmp_path / "test_batch").read_bytes())  # the attack is one, elsewhere
    assert target.exists()


def test_a_pickle_cannot_have_numpy_read_memory_that_is_not_its_own(tmp_path: Path) -> None:
    # numpy.ndarray((1,), dtype("O"), bytes) takes the bytes for a pointer
    crafted = (
        b"\x80\x02}(U\x04datacnumpy\nndarray\nK\x01\x85cnumpy\ndtype\nU\x01O\x85RU\x08"
        + bytes(8)
        + b"\x87RU\x06labels]u."
    )
    (tmp_path / "test_batch").write_bytes(crafted)
    with pytest.raises(ValueError, match=r"takes no arguments"):
        load_cifar10("test", data_dir=tmp_path)


@pytest.mark.parametrize(
    "error",
    [OSError("no route to host\nmore"), ValueError("SHA256 hash does not match"), TimeoutError()],
)
def test_a_failed_download_gives_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def retrieve(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(
        ValueError,
        match=r"CIFAR-10 could not be downloaded \(.+\); .* pass its folder as --data-dir",
    ) as caught:
        load_cifar10("test")
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)


def test_it_is_downloaded_with_a_checksum_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def retrieve(url: str, *, known_hash: str, path: Path, **_: Any) -> None:
        asked.append((url, known_hash))
        write_binary(path / "cifar10" / "cifar-10-batches-bin", (*TEST, *TRAIN))

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    images, _ = load_cifar10("test")
    np.testing.assert_array_equal(images, make_records("test_batch")[0].transpose(0, 2, 3, 1))
    assert asked == [(cifar10.ARCHIVE_URL, cifar10.ARCHIVE_HASH)]
    assert cifar10.ARCHIVE_HASH.startswith("sha256:")
    refuse_downloads(monkeypatch, tmp_path / "topcert")
    assert len(load_cifar10("train")[0]) == 5 * PER_FILE


def test_nothing_is_downloaded_where_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_downloads(monkeypatch, tmp_path)
    write_binary(tmp_path / "here", TEST)
    assert len(load_cifar10("test", data_dir=tmp_path / "here")[0]) == PER_FILE


def test_there_are_ten_class_names() -> None:
    assert len(set(CLASS_NAMES)) == 10
