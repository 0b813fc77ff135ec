"""A folder of images as a data set: order, kinds of files, the crop, and what is said of a bad
one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from topcert.datasets import Dataset, load_dataset


def draw(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write(path: Path, pixels: NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def load(folder: Path, **options: Any) -> Dataset:
    return load_dataset(str(folder), **options)


def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)


def test_classes_and_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    written = {}
    for seed, name in enumerate(["cat/2.png", "ant/b.png", "bee/z.png", "ant/a.png", "cat/10.png"]):
        written[name] = draw(4, 5, seed)
        write(tmp_path / name, written[name])
    dataset = load(tmp_path)
    assert dataset.class_names == ("ant", "bee", "cat")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 0, 1, 2, 2]
    assert (dataset.kind, dataset.shape, dataset.dtype) == ("image", (4, 5, 3), np.float32)
    names = ("ant/a.png", "ant/b.png", "bee/z.png", "cat/10.png", "cat/2.png")
    assert dataset.input_names == names
    for position, name in enumerate(names):
        np.testing.assert_array_equal(dataset.read(position), scaled(written[name]))


def test_an_input_goes_by_its_index_and_its_file(tmp_path: Path) -> None:
    for seed, name in enumerate(["ant/a.png", "ant/b.png", "bee/c.png", "bee/d.png", "cat/e.png"]):
        write(tmp_path / "images" / name, draw(4, 5, seed))
    part = load(tmp_path / "images", stride=2, limit=2)
    assert part.input_names == ("ant/a.png", "bee/c.png")
    assert [part.in_words(position) for position in range(2)] == [
        "input 0 (ant/a.png)",
        "input 2 (bee/c.png)",
    ]
    np.savez(tmp_path / "table.npz", x=np.zeros((5, 3)))
    table = load(tmp_path / "table.npz", stride=2)
    assert table.input_names is None
    assert table.in_words(1) == "input 2"


def test_what_is_not_an_image_of_a_class_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "ant" / "a.png", draw(3, 3))
    write(tmp_path / "loose.png", draw(3, 3))
    write(tmp_path / ".thumbnails" / "a.png", draw(3, 3))
    (tmp_path / "ant" / "notes.txt").write_text("none")
    (tmp_path / "ant" / "._a.png").write_bytes(b"\0\5\x16\7")  # as macOS leaves beside each file
    (tmp_path / "empty").mkdir()
    (tmp_path / "__MACOSX" / "ant").mkdir(parents=True)
    dataset = load(tmp_path)
    assert len(dataset) == 1
    assert dataset.class_names == ("ant",)
    for name in (
        "loose.png",
        ".thumbnails/",
        "ant/notes.txt",
        "ant/._a.png",
        "empty/",
        "__MACOSX/",
    ):
        assert any(name in note for note in dataset.notes), name


def test_a_class_whose_images_lie_a_folder_deeper_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "ant" / "a.png", draw(3, 3))
    write(tmp_path / "bee" / "images" / "b.png", draw(3, 3))
    with pytest.raises(
        ValueError,
        match=r"bee holds no images but a folder images with some; expected CLASS/\*\.jpg",
    ):
        load(tmp_path)


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.jpg", "a.JPG", "a.jpeg", "a.JPeG"])
def test_suffixes_may_be_written_in_any_case(tmp_path: Path, name: str) -> None:
    write(tmp_path / "ant" / name, np.full((8, 8, 3), 90, np.uint8))
    found = load(tmp_path).read(0)
    assert np.abs(found * 255 - 90).max() <= 2  # JPEG loses a little


def test_any_kind_of_eight_bit_image_is_read_as_rgb(tmp_path: Path) -> None:
    grey = draw(4, 4)[..., 0]
    colour = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]], np.uint8)[
        np.arange(16).reshape(4, 4) % 4
    ]
    alpha = np.concatenate([colour, np.full((4, 4, 1), 17, np.uint8)], axis=2)
    (tmp_path / "k").mkdir()
    Image.fromarray(grey).save(tmp_path / "k" / "0.png")
    Image.fromarray(alpha).save(tmp_path / "k" / "1.png")
    Image.fromarray(colour).convert("P", palette=Image.Palette.ADAPTIVE).save(
        tmp_path / "k" / "2.png"
    )
    Image.fromarray(grey > 128).save(tmp_path / "k" / "3.png")
    Image.fromarray(np.stack([grey, 255 - grey], axis=2)).save(tmp_path / "k" / "4.png")
    modes = []
    for path in sorted((tmp_path / "k").iterdir()):
        with Image.open(path) as image:
            modes.append(image.mode)
    assert modes == ["L", "RGBA", "P", "1", "LA"]
    dataset = load(tmp_path)
    three = np.repeat(grey[..., None], 3, axis=2)
    over_white = np.rint(colour * (17 / 255) + 255 * (1 - 17 / 255))
    light = np.rint(three * ((255 - three) / 255) + 255 * (three / 255))
    wanted = [three, over_white, colour, (three > 128).astype(np.uint8) * 255, light]
    for position, pixels in enumerate(wanted):
        assert np.abs(dataset.read(position) * 255 - pixels).max() <= (
            1.01 if position in (1, 4) else 0
        ), position


def test_more_than_eight_bits_are_refused_rather_than_cut_off(tmp_path: Path) -> None:
    write(tmp_path / "k" / "deep.png", (np.arange(16).reshape(4, 4) * 4000).astype(np.uint16))
    with pytest.raises(
        ValueError,
        match=r"deep\.png has more than 8 bits a channel \(mode I.*\); convert it to 8-bit RGB",
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("height", "width", "crop", "top", "left"),
    [(6, 9, 4, 1, 2), (5, 5, 5, 0, 0), (7, 4, 1, 3, 1), (4, 4, 3, 0, 0)],
)
def test_the_crop_is_the_central_square(
    tmp_path: Path, height: int, width: int, crop: int, top: int, left: int
) -> None:
    pixels = draw(height, width)
    write(tmp_path / "k" / "a.png", pixels)
    dataset = load(tmp_path, crop=crop)
    assert dataset.shape == (crop, crop, 3)
    np.testing.assert_array_equal(
        dataset.read(0), scaled(pixels[top : top + crop, left : left + crop])
    )


@pytest.mark.parametrize("crop", [5, 100])
def test_a_crop_that_does_not_fit_is_refused_with_the_size(tmp_path: Path, crop: int) -> None:
    write(tmp_path / "k" / "a.png", draw(4, 6))
    with pytest.raises(
        ValueError, match=rf"--crop {crop} does not fit .*a\.png, which is 6 x 4 pixels; crop less"
    ):
        load(tmp_path, crop=crop)
    for option in ("crop", "resize"):
        with pytest.raises(ValueError, match=f"--{option} must be at least 1, got {-crop}"):
            load(tmp_path, **{option: -crop})


def test_images_of_other_sizes_are_refused_with_both_sizes_where_they_are_read(
    tmp_path: Path,
) -> None:
    write(tmp_path / "k" / "a.png", draw(4, 6))
    write(tmp_path / "k" / "b.png", draw(5, 6))
    dataset = load(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"b\.png is 6 x 5 pixels, the first image 6 x 4; --resize 4 --crop 4 makes all",
    ):
        dataset.read(1)
    assert load(tmp_path, crop=4).read(1).shape == (4, 4, 3)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(
        ValueError,
        match=r"holds no pictures \(jpg, .*gif\); expected CLASS/\*\.jpg.*: notes\.txt.*: ant/",
    ):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_an_image_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k" / "a.png"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"a\.png cannot be read as an image \(.+\); remove or replace it"
    ):
        load(tmp_path)


def test_no_damage_does_more_than_raise_a_value_error(tmp_path: Path) -> None:
    path = write(tmp_path / "k" / "a.png", draw(12, 12))
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for trial in range(200):
        damaged = bytearray(whole)
        for place in generator.integers(0, len(whole) if trial % 2 else 80, 3):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            assert load(tmp_path).shape[2] == 3
        except ValueError as error:
            assert "a.png" in str(error)  # noqa: PT017
            refused += 1
    assert refused > 100


def test_an_image_too_large_to_be_sane_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "k" / "a.png", draw(20, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(
        ValueError,
        match=r"a\.png cannot be read as an image \(Image size \(400 pixels\) exceeds limit",
    ):
        load(tmp_path)


@pytest.mark.parametrize("name", ["digits", "table.npz"])
def test_the_crop_is_for_folders_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("table.npz", x=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=f"--crop is for image folders, and {name} is none"):
        load_dataset(name, crop=2)
