"""ImageNet: every layout gives the same inputs under the same labels, and what is missing or
damaged is named.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.imagenet_files import (
    KIT,
    NUMBERS,
    official_name,
    photograph,
    wnid_of,
    write_archive,
    write_class_folders,
    write_flat,
    write_kit,
)
from topcert.datasets import Dataset, load_dataset
from topcert.datasets.image_files import decode, resize_shorter
from topcert.datasets.imagenet import read_wnids

ORDERED = (50_000, 3, 17, 4, 1)  # by (class, file name)

LAYOUTS: dict[str, Callable[[Path], object]] = {
    "class folders": write_class_folders,
    "class folders in val": lambda folder: write_class_folders(folder / "val"),
    "archive and kit": lambda folder: write_kit(write_archive(folder), packed=True),
    "archive and unpacked kit": lambda folder: write_kit(write_archive(folder), packed=False),
    "flat and kit": lambda folder: write_kit(write_flat(folder), packed=True),
    "flat in val and unpacked kit": lambda folder: (
        write_flat(folder / "val"),
        write_kit(folder, packed=False),
    ),
    "flat as the archive unpacks": lambda folder: (
        write_flat(folder / "ILSVRC2012_img_val"),
        write_kit(folder, packed=True),
    ),
}


def load(folder: Path, *, limit: int | None = None, stride: int | None = None) -> Dataset:
    return load_dataset("imagenet", data_dir=folder, limit=limit, stride=stride)


def by_hand(number: int) -> np.ndarray:
    """Resize, crop, scale: as written in the documentation, on the bytes alone."""
    with Image.open(io.BytesIO(photograph(number))) as image:
        width, height = image.size
        short = min(width, height)
        resized = image.resize(
            (256 * width // short, 256 * height // short), Image.Resampling.BILINEAR
        )
    left, top = (resized.width - 224) // 2, (resized.height - 224) // 2
    return np.asarray(resized.crop((left, top, left + 224, top + 224)), np.float32) / np.float32(
        255
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_inputs_in_the_same_order(layout: str, tmp_path: Path) -> None:
    LAYOUTS[layout](tmp_path)
    dataset = load(tmp_path)
    assert (dataset.name, dataset.kind, dataset.shape, dataset.dtype) == (
        "imagenet",
        "image",
        (224, 224, 3),
        np.float32,
    )
    assert dataset.class_names == read_wnids()
    assert dataset.labels is not None
    assert [dataset.class_names[label] for label in dataset.labels] == [
        wnid_of(number) for number in ORDERED
    ]
    assert dataset.indices.tolist() == [0, 1, 2, 3, 4]
    assert dataset.input_names == tuple(
        f"{wnid_of(number)}/{official_name(number)}" for number in ORDERED
    )
    for position, number in enumerate(ORDERED):
        np.testing.assert_array_equal(dataset.read(position), by_hand(number))


def test_there_are_a_thousand_classes_in_the_order_that_published_networks_use() -> None:
    wnids = read_wnids()
    assert len(set(wnids)) == 1000
    assert list(wnids) == sorted(wnids)
    assert all(re.fullmatch(r"n\d{8}", wnid) for wnid in wnids)
    known = {
        0: "n01440764",
        1: "n01443537",
        207: "n02099601",
        281: "n02123045",
        388: "n02510455",
        817: "n04285008",
    }
    # tench, goldfish, golden retriever, tabby, panda, sports car, banana, ...
    known |= {954: "n07753592", 999: "n15075141"}
    assert {place: wnids[place] for place in known} == known


@pytest.mark.parametrize(
    ("count", "limit", "stride", "places"),
    [
        (12, None, None, list(range(12))),
        (12, 4, None, [0, 3, 6, 9]),
        (12, 5, None, [0, 3, 6, 9]),
        (12, None, 5, [0, 5, 10]),
        (12, 2, 5, [0, 5]),
        (503, None, None, list(range(0, 503, 2))),
    ],
)
def test_the_subset_is_spread_evenly_unless_it_is_named(
    tmp_path: Path, count: int, limit: int | None, stride: int | None, places: list[int]
) -> None:
    for number in range(count):  # names alone are read
        folder = tmp_path / read_wnids()[number // 2]
        folder.mkdir(exist_ok=True)
        (folder / f"{number:04d}.JPEG").touch()
    assert load(tmp_path, limit=limit, stride=stride).indices.tolist() == places


def test_of_all_images_the_subset_is_the_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from topcert.datasets import built_in_sets, imagenet

    labels = np.repeat(np.arange(1000), 50)
    whole = imagenet.Photographs(
        labels=labels,
        names=tuple(map(str, range(len(labels)))),
        class_names=read_wnids(),
        read=lambda _: np.zeros((224, 224, 3), np.uint8),
    )
    monkeypatch.setattr(built_in_sets, "load_imagenet", lambda _: whole)
    found = load(tmp_path)
    assert found.indices.tolist() == list(range(0, 50_000, 100))
    assert found.labels is not None
    assert found.labels.tolist() == list(range(0, 1000, 2))


def test_folders_of_other_names_are_classes_of_their_own(tmp_path: Path) -> None:
    for name in ("dog", "cat", ".cache"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(photograph(1))
    dataset = load(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1]


def test_classes_whose_images_lie_a_folder_deeper_are_refused(tmp_path: Path) -> None:
    write_class_folders(tmp_path)
    (tmp_path / "train" / read_wnids()[5]).mkdir(parents=True)
    (tmp_path / "train" / read_wnids()[5] / "a.JPEG").write_bytes(photograph(1))
    assert len(load(tmp_path)) == len(NUMBERS)  # what lies under other names is not asked
    deeper = tmp_path / read_wnids()[5] / "images"
    deeper.mkdir(parents=True)
    (deeper / "a.JPEG").write_bytes(photograph(1))
    with pytest.raises(
        ValueError, match=rf"{read_wnids()[5]} holds no images but a folder images with some"
    ):
        load(tmp_path)


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    write_class_folders(tmp_path)
    (tmp_path / wnid_of(3) / "._a.JPEG").write_bytes(b"\0\5\x16\7")
    assert len(load(tmp_path)) == len(NUMBERS)


def test_folders_of_both_kinds_are_refused(tmp_path: Path) -> None:
    write_class_folders(tmp_path)
    (tmp_path / "notes").mkdir()
    assert len(load(tmp_path)) == len(NUMBERS)  # a folder without images is no class
    (tmp_path / "notes" / "a.png").touch()
    with pytest.raises(
        ValueError,
        match=r"holds classes of ImageNet and others \(notes\): a label would be a guess",
    ):
        load(tmp_path)


def test_odd_kinds_of_images_become_rgb_and_long_ones_are_cropped(tmp_path: Path) -> None:
    folder = tmp_path / read_wnids()[5]
    folder.mkdir()
    grey = np.random.default_rng(0).integers(0, 256, (10, 12), np.uint8)
    Image.fromarray(grey).save(folder / "0.JPEG")
    Image.fromarray(grey).convert("CMYK").save(folder / "1.JPEG")
    Image.fromarray(grey).save(folder / "2.JPEG", "PNG")  # the content counts, not the name
    Image.fromarray(np.repeat(grey, 20, axis=1)).save(folder / "3.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me": published networks never did
    Image.fromarray(grey).save(folder / "4.png", exif=exif)
    dataset = load(tmp_path)
    for position in range(5):
        x = dataset.read(position)
        assert x.shape == (224, 224, 3)
        np.testing.assert_allclose(x[..., 0], x[..., 2], atol=0.02)
    np.testing.assert_array_equal(dataset.read(4), dataset.read(2))


def test_resizing_keeps_the_shape_of_the_image() -> None:
    assert resize_shorter(Image.new("RGB", (500, 375)), 256).size == (341, 256)
    assert resize_shorter(Image.new("RGB", (100, 333)), 256).size == (256, 852)
    assert resize_shorter(Image.new("RGB", (256, 256)), 256).size == (256, 256)


def test_odd_tags_do_not_warn(tmp_path: Path) -> None:
    content = photograph(1)
    tags = (
        b"Exif\0\0II*\0\x08\0\0\0\x02\0\x1a\x01\x05\0\x01\0\0\0\xff\xff\xff\x7f\x28\x01\x03\0\x01\0"
    )
    segment = b"\xff\xe1" + (len(tags) + 2).to_bytes(2, "big") + tags
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        # in place of the JFIF segment
        found = decode(io.BytesIO(content[:2] + segment + content[20:]), "a")
    assert not warned
    assert np.array_equal(np.asarray(found), np.asarray(decode(io.BytesIO(content), "a")))


@pytest.mark.parametrize("content", [b"", b"no image", photograph(4)[:-40]])
@pytest.mark.parametrize("layout", [write_class_folders, write_archive])
def test_a_damaged_image_is_named(
    layout: Callable[[Path], object],
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.datasets import imagenet_files

    monkeypatch.setattr(
        imagenet_files, "photograph", lambda number: content if number == 4 else photograph(number)
    )
    layout(tmp_path)
    write_kit(tmp_path, packed=False)
    dataset = load(tmp_path)
    assert dataset.read(2).shape == (224, 224, 3)
    with pytest.raises(
        ValueError,
        match=rf"{official_name(4)} cannot be read as an image \(.+\); remove or replace it",
    ):
        dataset.read(3)


def test_an_image_too_oblong_to_be_resized_is_refused(tmp_path: Path) -> None:
    (tmp_path / read_wnids()[0]).mkdir()
    Image.new("RGB", (1, 100)).save(tmp_path / read_wnids()[0] / "a.png")
    with pytest.raises(
        ValueError, match=r"a\.png is 1 x 100 pixels; one side may be at most 64 times the other"
    ):
        load(tmp_path).read(0)


def test_data_that_moved_is_named(tmp_path: Path) -> None:
    write_class_folders(tmp_path)
    dataset = load(tmp_path)
    (tmp_path / wnid_of(4) / official_name(4)).unlink()
    with pytest.raises(
        ValueError,
        match=rf"{official_name(4)} cannot be read \(No such file.*\); was the data moved\?",
    ):
        dataset.read(3)


def test_no_folder_and_an_empty_folder_are_refused_with_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"name its folder with --data-dir: WNID/\*\.JPEG, or the official ILSVRC2012_img_val",
    ):
        load_dataset("imagenet")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(
            ValueError, match=r"--data-dir .* holds no ImageNet images; expected WNID/\*\.JPEG, "
        ):
            load(folder)
    with pytest.raises(ValueError, match="--crop is for image folders, and imagenet is none"):
        load_dataset("imagenet", data_dir=tmp_path, crop=100)


@pytest.mark.parametrize("write", [write_archive, write_flat])
def test_images_without_the_kit_are_refused_with_its_name(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    write(tmp_path)
    with pytest.raises(ValueError, match=r"not what they show; put ILSVRC2012_devkit_t12\.tar\.gz"):
        load(tmp_path)


def test_a_kit_that_is_damaged_is_refused(tmp_path: Path) -> None:
    write_flat(tmp_path)
    write_kit(tmp_path, packed=False)
    truth, meta = (
        tmp_path / KIT / "data" / name
        for name in ("ILSVRC2012_validation_ground_truth.txt", "meta.mat")
    )
    good_truth, good_meta = truth.read_bytes(), meta.read_bytes()
    truth.write_bytes(b"1\n2\n3\n")
    with pytest.raises(ValueError, match=r"is no image of the kit, which has 1 \.\. 3; remove it"):
        load(tmp_path)
    for bad in (b"1\n1001\n", b"1\n0\n"):
        truth.write_bytes(bad)
        with pytest.raises(
            ValueError,
            match=r"meta\.mat has no class (1001|0) for an image of .*; fetch the kit again",
        ):
            load(tmp_path)
    truth.write_bytes(b"one\n")
    with pytest.raises(ValueError, match="is not the development kit of ILSVRC 2012"):
        load(tmp_path)
    truth.write_bytes(good_truth)
    for cut in (0, 100, len(good_meta) // 2):
        meta.write_bytes(good_meta[:cut])
        with pytest.raises(ValueError, match="is not the development kit of ILSVRC 2012"):
            load(tmp_path)


def test_archives_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    write_kit(write_archive(tmp_path), packed=True)
    archive, kit = tmp_path / "ILSVRC2012_img_val.tar", tmp_path / f"{KIT}.tar.gz"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:700])
    with pytest.raises(
        ValueError, match=r"ILSVRC2012_img_val\.tar (ends in the middle of|cannot be read)"
    ):
        load(tmp_path)
    archive.write_bytes(b"no archive")
    with pytest.raises(
        ValueError, match=r"ILSVRC2012_img_val\.tar cannot be read \(.*\); fetch it again"
    ):
        load(tmp_path)
    archive.write_bytes(whole)
    kit.write_bytes(kit.read_bytes()[:200])
    with pytest.raises(
        ValueError, match=r"ILSVRC2012_devkit_t12\.tar\.gz cannot be read \(.*\); fetch it again"
    ):
        load(tmp_path)


def test_numbered_folders_are_classes_by_their_numbers(tmp_path: Path) -> None:
    """As ImageNetV2 has them: sorted as text, 10 would come before 2."""
    for number in (0, 2, 10, 999):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a.jpeg").write_bytes(photograph(number))
    found = load_dataset("imagenet", data_dir=tmp_path)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 2, 10, 999]
    assert found.class_names == read_wnids()
    assert found.read(1).shape == (224, 224, 3)


def test_one_folder_of_all_images_is_no_class(tmp_path: Path) -> None:
    (tmp_path / "val" / "images").mkdir(parents=True)
    (tmp_path / "val" / "images" / "a.jpg").write_bytes(photograph(1))
    with pytest.raises(ValueError, match="in one folder alone, images, which names no class"):
        load_dataset("imagenet", data_dir=tmp_path)
