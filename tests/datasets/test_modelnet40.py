"""ModelNet40: the release is read in its order, damage is named in one line, a download fails
clearly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pooch
import pytest

from tests.datasets.modelnet_files import NAMES, SIZES, make_shapes, write_release, write_shapes
from topcert.datasets import load_dataset
from topcert.datasets.modelnet40 import ARCHIVE_HASH, ARCHIVE_URL, FOLDER, load_modelnet40


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / FOLDER)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_files_of_a_split_are_read_in_the_order_of_its_list(
    release: Path, split: Literal["train", "test"]
) -> None:
    listed = release / f"{split}_files.txt"
    names = [Path(line).name for line in listed.read_text().split()]
    for order in (names, names[::-1]):
        listed.write_text("\n".join(f"data/elsewhere/{name}" for name in order), encoding="utf-8")
        points, labels, class_names = load_modelnet40(split, data_dir=release)
        wanted = [make_shapes(name) for name in order]
        assert (points.dtype, labels.dtype) == (np.float32, np.int64)
        np.testing.assert_array_equal(points, np.concatenate([part[0] for part in wanted]))
        np.testing.assert_array_equal(labels, np.concatenate([part[1][:, 0] for part in wanted]))
        assert class_names == NAMES


def test_the_folder_or_the_one_above_it_may_be_named(release: Path) -> None:
    for data_dir in (release, release.parent):
        assert len(load_modelnet40("test", data_dir=data_dir)[0]) == 5


def test_classes_without_names_are_numbered(release: Path) -> None:
    (release / "shape_names.txt").unlink()
    assert load_modelnet40("test", data_dir=release)[2] == tuple(str(label) for label in range(40))


def test_shapes_of_double_precision_and_flat_labels_are_read_too(release: Path) -> None:
    points, labels = make_shapes("ply_data_test0.h5")
    write_shapes(
        release / "ply_data_test0.h5", points.astype(np.float64), labels[:, 0].astype(np.int32)
    )
    found = load_modelnet40("test", data_dir=release)
    np.testing.assert_array_equal(found[0][:3], points)
    np.testing.assert_array_equal(found[1][:3], labels[:, 0])


def with_first(value: float) -> np.ndarray:
    points = make_shapes("ply_data_test0.h5")[0]
    points[1, 5, 2] = value
    return points


def put(points: Any = None, labels: Any = None) -> Callable[[Path], object]:
    """Write the first test file anew with other shapes or labels."""
    usual = make_shapes("ply_data_test0.h5")
    return lambda folder: write_shapes(
        folder / "ply_data_test0.h5",
        usual[0] if points is None else points,
        usual[1] if labels is None else labels,
    )


def put_group(folder: Path) -> None:
    with h5py.File(folder / "ply_data_test0.h5", "w") as file:
        file.create_group("data")
        file.create_dataset("label", data=make_shapes("ply_data_test0.h5")[1])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda folder: (folder / "test_files.txt").write_bytes(b"\xff\xfe\x00"),
            "test_files.txt is not a text file",
        ),
        (
            lambda folder: (folder / "test_files.txt").write_text(" \n\n"),
            "test_files.txt names no files",
        ),
        (
            lambda folder: (folder / "test_files.txt").write_text(
                "a/ply_data_test0.h5\nb/ply_data_test0.h5\n"
            ),
            "names ply_data_test0.h5 twice",
        ),
        (
            lambda folder: (folder / "test_files.txt").write_text("ply_data_test0.h5\n"),
            "leaves out ply_data_test1.h5, which lies beside it",
        ),
        (
            lambda folder: (folder / "ply_data_test1.h5").unlink(),
            "lacks ply_data_test1.h5, which test_files.txt names",
        ),
        (
            lambda folder: (folder / "ply_data_test0.h5").write_bytes(b""),
            "ply_data_test0.h5 is not a readable HDF5 file",
        ),
        (
            lambda folder: (folder / "ply_data_test0.h5").write_bytes(
                b"\x89HDF\r\n\x1a\n" + bytes(500)
            ),
            "ply_data_test0.h5 is not a readable HDF5 file",
        ),
        (
            lambda folder: (folder / "ply_data_test1.h5").write_bytes(
                (folder / "ply_data_test1.h5").read_bytes()[:5000]
            ),
            "ply_data_test1.h5 is not a readable HDF5 file",
        ),
        (put_group, "ply_data_test0.h5 is not a readable HDF5 file with data and label"),
        (
            put(points=np.zeros((3, 1024, 3), np.float32)),
            r"data must be floats of shape \(shapes, 2048, 3\), got float32 ",
        ),
        (put(points=np.zeros((3, 2048, 3), np.int32)), "data must be floats"),
        (put(points=np.zeros((3, 2048, 6), np.float32)), "data must be floats"),
        (put(points=h5py.Empty("f4")), "is not a readable HDF5 file"),
        (
            put(labels=np.zeros((2, 1), np.uint8)),
            r"label must be integers of shape \(3, 1\), got uint8 \(2, 1\)",
        ),
        (put(labels=np.zeros((3, 1), np.float32)), "label must be integers"),
        (
            put(labels=np.full((3, 1), 40, np.uint8)),
            r"holds the label 40, ModelNet40 has 0 \.\. 39",
        ),
        (put(labels=np.full((3, 1), -1, np.int8)), "holds the label -1"),
        (
            put(points=np.zeros((0, 2048, 3), np.float32), labels=np.zeros((0, 1), np.uint8)),
            "holds no shapes",
        ),
        (put(points=with_first(np.nan)), r"holds nan at \(1, 5, 2\) of data"),
        (put(points=with_first(-np.inf)), "holds -inf at"),
        (
            lambda folder: (folder / "shape_names.txt").write_text("airplane\n"),
            "holds 1 names, ModelNet40 has 40 classes",
        ),
    ],
)
def test_damage_is_named_in_one_line(
    release: Path, damage: Callable[[Path], object], says: str
) -> None:
    damage(release)
    with pytest.raises(ValueError, match=says) as caught:
        load_modelnet40("test", data_dir=release)
    assert "\n" not in str(caught.value)


def test_a_folder_without_it_is_named_with_the_way_out(tmp_path: Path) -> None:
    for data_dir in (tmp_path, tmp_path / "none"):
        with pytest.raises(
            ValueError,
            match=r"neither is nor holds the folder modelnet40_ply_hdf5_2048 .* to download",
        ):
            load_modelnet40("test", data_dir=data_dir)


def test_the_list_of_the_other_split_may_be_missing_but_not_its_own(release: Path) -> None:
    (release / "train_files.txt").unlink()
    assert len(load_modelnet40("test", data_dir=release)[0]) == 5
    with pytest.raises(ValueError, match=r"lacks train_files\.txt; the data set is incomplete"):
        load_modelnet40("train", data_dir=release)


def refuse_downloads(*_: Any, **__: Any) -> None:
    raise AssertionError("it must not be downloaded")


def test_it_is_downloaded_with_a_checksum_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def retrieve(
        url: str, *, known_hash: str, path: Path, processor: pooch.Unzip, **_: Any
    ) -> None:
        asked.append((url, known_hash))
        assert processor.extract_dir == "modelnet40"
        write_release(path / "modelnet40" / FOLDER)

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert len(load_modelnet40("test")[0]) == 5
    assert asked == [(ARCHIVE_URL, ARCHIVE_HASH)]
    # a kill while unpacking leaves a part, which is not taken for the whole
    (tmp_path / "topcert" / "modelnet40" / FOLDER / "ply_data_train1.h5").unlink()
    assert len(load_modelnet40("test")[0]) == 5
    assert len(asked) == 2
    monkeypatch.setattr(pooch, "retrieve", refuse_downloads)
    assert len(load_modelnet40("train")[0]) == 7


@pytest.mark.parametrize(
    "error",
    [OSError("no route to host\nmore"), ValueError("MD5 hash does not match"), TimeoutError()],
)
def test_a_failed_download_gives_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def retrieve(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(
        ValueError, match=r"could not be downloaded \(.+\); .* pass its folder as --data-dir"
    ) as caught:
        load_modelnet40("test")
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("by_path", [False, True])
def test_it_is_a_data_set_of_points_by_name_and_by_path(release: Path, by_path: bool) -> None:
    dataset = (
        load_dataset(str(release))
        if by_path
        else load_dataset("modelnet40", data_dir=release.parent)
    )
    assert (dataset.kind, dataset.shape, dataset.dtype, len(dataset)) == (
        "points",
        (2048, 3),
        np.float32,
        5,
    )
    assert dataset.class_names == NAMES
    assert dataset.labels is not None
    first, second = (make_shapes(name) for name in SIZES if "test" in name)
    assert dataset.labels.tolist() == [*first[1][:, 0].tolist(), *second[1][:, 0].tolist()]
    np.testing.assert_array_equal(dataset.read(4), second[0][1])
    name = str(release) if by_path else "modelnet40"
    part = load_dataset(name, data_dir=release, stride=2, limit=2)
    assert part.indices.tolist() == [0, 2]
    with pytest.raises(ValueError, match="--crop is for image folders"):
        load_dataset(name, data_dir=release, crop=4)
