"""Pictures of plain folders: what each rule makes of a file, what is left out, and what is said of
it.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from topcert.datasets import Dataset, load_dataset

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (6, 9, 3)).astype(np.uint8)


def load(folder: Path, **options: Any) -> Dataset:
    return load_dataset(str(folder), **options)


def read(folder: Path, **options: Any) -> NDArray[np.float64]:
    return load(folder, **options).read(0) * 255.0


@pytest.mark.parametrize(
    "suffix", ["png", "bmp", "tif", "tiff", "TIFF", "webp", "gif", "jpg", "jpeg"]
)
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    options: dict[str, Any] = (
        {"lossless": True} if suffix == "webp" else {"quality": 95} if suffix[0] == "j" else {}
    )
    grey = np.repeat(np.full((6, 9, 1), 90, np.uint8), 3, axis=2)
    Image.fromarray(grey).save(tmp_path / f"a.{suffix}", **options)
    assert np.abs(read(tmp_path) - 90).max() <= (1 if suffix[0] == "j" else 1e-4)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_tag_says(tmp_path: Path, suffix: str, orientation: int) -> None:
    tag = Image.Exif()
    tag[0x0112] = orientation
    smooth = (
        np.add.outer(np.arange(48) * 3, np.arange(72))[..., None].repeat(3, axis=2).astype(np.uint8)
    )
    options: dict[str, Any] = (
        {"lossless": True} if suffix == "webp" else {"quality": 95} if suffix == "jpg" else {}
    )
    Image.fromarray(smooth).save(tmp_path / f"a.{suffix}", exif=tag, **options)
    turned = {  # how a viewer shows what is stored, by the tag's own words
        1: smooth,
        2: smooth[:, ::-1],
        3: smooth[::-1, ::-1],
        4: smooth[::-1],
        5: smooth.transpose(1, 0, 2),
        6: np.rot90(smooth, -1),
        7: np.rot90(smooth, 2).transpose(1, 0, 2),
        8: np.rot90(smooth, 1),
    }[orientation]
    found = load(tmp_path)
    assert np.abs(found.read(0) * 255 - turned).max() <= (4 if suffix == "jpg" else 1e-4)
    assert any("orientation tag says: a." in note for note in found.notes) == (orientation > 1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "webp"])
def test_what_is_transparent_lies_over_white(tmp_path: Path, mode: str) -> None:
    alpha = np.where(np.arange(9) < 4, 0, 255)[None].repeat(6, axis=0).astype(np.uint8)
    if mode in ("RGBA", "webp"):
        image = Image.fromarray(np.dstack([PIXELS, alpha]))
        kept = PIXELS
    elif mode == "LA":
        image = Image.fromarray(np.dstack([PIXELS[..., :1], alpha]), "LA")
        kept = PIXELS[..., :1].repeat(3, axis=2)
    else:
        kept = np.where(alpha[..., None] == 0, np.uint8(0), np.uint8(200)).repeat(3, axis=2)
        image = Image.fromarray(kept)
    options: dict[str, Any] = {"P": {"transparency": 0}, "RGB": {"transparency": (0, 0, 0)}}.get(
        mode, {}
    )
    if mode == "P":
        image = image.quantize(2)
        options = {"transparency": int(np.asarray(image)[0, 0])}
    name = "a.webp" if mode == "webp" else "a.png"
    image.save(
        tmp_path / name, **({"lossless": True, "exact": True} if mode == "webp" else options)
    )
    found = load(tmp_path)
    wanted = np.where(alpha[..., None] == 0, 255, kept)
    np.testing.assert_allclose(found.read(0) * 255, wanted, atol=1e-3)
    assert any(f"transparent and laid over white: {name}" in note for note in found.notes)


def test_half_transparent_colours_are_mixed_with_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (100, 0, 200, 51)).save(tmp_path / "a.png")  # 51 = 0.2 of 255
    np.testing.assert_allclose(read(tmp_path)[0, 0], [224, 204, 244], atol=1)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_the_first_frame_is_taken_and_named(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (5, 4), (shade,) * 3) for shade in (40, 120, 250)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    found = load(tmp_path)
    assert np.abs(found.read(0) * 255 - 40).max() <= 2
    assert any(
        f"several frames, of which the first is taken: a.{suffix}" in note for note in found.notes
    )


def test_resizing_is_that_of_imagenet_and_comes_before_the_crop(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    wanted = np.asarray(Image.fromarray(PIXELS).resize((6, 4), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(read(tmp_path, resize=4), wanted, atol=1e-4)
    np.testing.assert_allclose(read(tmp_path, resize=4, crop=3), wanted[0:3, 1:4], atol=1e-4)
    with pytest.raises(
        ValueError, match=r"--crop 5 does not fit .*9 x 6 pixels, 6 x 4 after --resize 4; crop less"
    ):
        load(tmp_path, resize=4, crop=5)
    Image.new("1", (500, 4)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="500 x 4 pixels, which --resize 300 cannot take"):
        load(tmp_path, resize=300)
    with pytest.raises(ValueError, match="--resize is for image folders, and digits is none"):
        load_dataset("digits", resize=4)
    with pytest.raises(
        ValueError, match="--skip-unreadable is for image folders, and digits is none"
    ):
        load_dataset("digits", skip_unreadable=True)


@pytest.mark.parametrize(
    "what", ["truncated", "text", "empty", "grey16", "float", "link", "loop", "ppm", "eps", "bomb"]
)
def test_what_cannot_be_read_is_an_error_or_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    for name in ("a.png", "c.png"):
        Image.fromarray(PIXELS).save(tmp_path / name)
    bad = tmp_path / "b.png"
    if what == "truncated":
        Image.fromarray(GENERATOR.integers(0, 256, (60, 60, 3)).astype(np.uint8)).save(bad)
        bad.write_bytes(bad.read_bytes()[:3000])
    elif what in ("text", "empty", "eps"):
        bad.write_text(
            {
                "text": "none",
                "empty": "",
                "eps": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 6\n",
            }[what]
        )
    elif what == "grey16":
        Image.fromarray(np.full((6, 9), 4000, np.uint16)).save(bad)
    elif what == "float":
        Image.fromarray(np.zeros((6, 9), np.float32)).save(bad, "TIFF")
    elif what in ("link", "loop"):
        os.symlink(tmp_path / "none.png" if what == "link" else bad, bad)
    elif what == "ppm":
        Image.fromarray(PIXELS).save(bad, "PPM")
    else:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
        Image.new("1", (30, 30)).save(bad)
    dataset = load(tmp_path)
    with pytest.raises(
        ValueError,
        match=r"b\.png (cannot be read as an image|has more than 8 bits).*--skip-unreadable$",
    ):
        dataset.read(1)
    left = load(tmp_path, skip_unreadable=True)
    assert left.indices.tolist() == [0, 2]  # the others keep their places
    assert left.input_names == ("a.png", "c.png")
    assert any(
        "left out 1 of 3 pictures, which cannot be read: b.png" in note for note in left.notes
    )


def test_nothing_but_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("none")
    with pytest.raises(ValueError, match="none of the 1 pictures that are taken can be read"):
        load(tmp_path, skip_unreadable=True)


def test_order_is_that_of_names_whatever_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["B.png", "a.PNG", "a.jpg", "cafe\u0301.png", "caff.png", "Z.gif"]
    for name in names:
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    listed = list(tmp_path.iterdir())
    found = []
    for order in (1, -1):
        monkeypatch.setattr(Path, "iterdir", lambda _, order=order: iter(listed[::order]))
        found.append(load(tmp_path).input_names)
    assert (
        found[0] == found[1] == ("B.png", "Z.gif", "a.PNG", "a.jpg", "caff.png", "cafe\u0301.png")
    )


def test_what_is_passed_over_is_counted_and_named(tmp_path: Path) -> None:
    for name in (
        "cat/a.png",
        "dog/a.png",
        "@eaDir/a.png",
        "cat/more/a.png",
        "loose.png",
        ".hidden.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    for name in ("cat/a.heic", "cat/a.txt", "README.md", "dog/Thumbs.db"):
        (tmp_path / name).write_text("")
    (tmp_path / "fox").mkdir()
    os.mkfifo(tmp_path / "cat" / "pipe.png")  # which must not be opened
    os.symlink(tmp_path / "cat" / "pipe.png", tmp_path / "dog" / "pipe.png")
    found = load(tmp_path)
    assert found.class_names == ("cat", "dog")
    assert found.input_names == ("cat/a.png", "dog/a.png")
    shown = "\n".join(found.notes)
    for message in (
        "passed over 2 (hidden, or the system's own): .hidden.png, @eaDir/",
        "passed over 6 (not a picture of a known kind): README.md, cat/a.heic, cat/a.txt, ...",
        "passed over 1 (a folder without pictures, so no class): fox/",
        "passed over 1 (a folder inside a class): cat/more/",
        "passed over 1 (a picture outside the class folders): loose.png",
    ):
        assert message in shown


def test_names_that_would_break_a_line_are_escaped(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "x\ny.txt").write_text("")
    (note,) = load(tmp_path).notes
    assert note.endswith(r"'x\ny.txt'")


def test_pictures_are_scaled_to_the_range_that_a_person_names(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (0, 51, 255)).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        load(tmp_path, value_range=(-1, 1)).read(0)[0, 0], [-1, -0.6, 1], atol=1e-6
    )


def deep_png(path: Path, *, kind: int, value: int) -> None:
    """A PNG of 3 x 2 pixels with 16 bits a channel, by its specification: `kind` 2 is colour, 6
    colour and alpha.
    """

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    row = b"\0" + struct.pack(">H", value) * (3 * {2: 3, 6: 4}[kind])
    head = struct.pack(">IIBBBBB", 3, 2, 16, kind, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(row * 2)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def deep_tiff(path: Path, value: int) -> None:
    """A TIFF of 3 x 2 pixels, RGB with 16 bits a channel."""
    entries = [
        (256, 3, 1, 3),
        (257, 3, 1, 2),
        (258, 3, 3, 122),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 128),
    ]
    entries += [(277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 1, 36)]
    assert 8 + 2 + 12 * len(entries) + 4 == 122
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + struct.pack("<I", 0)
    path.write_bytes(head + struct.pack("<HHH", 16, 16, 16) + struct.pack("<H", value) * 18)


DEEP = "hold 16 bits a channel, of which the upper 8 are taken"


@pytest.mark.parametrize("what", ["colour", "alpha", "tiff"])
def test_sixteen_bits_a_channel_are_cut_to_eight_with_a_note(tmp_path: Path, what: str) -> None:
    Image.new("RGB", (3, 2), (200, 200, 200)).save(tmp_path / "a.png")
    path = tmp_path / ("b.tif" if what == "tiff" else "b.png")
    if what == "tiff":
        deep_tiff(path, 0xC8FF)
    else:
        deep_png(
            path, kind=2 if what == "colour" else 6, value=0xFFFF if what == "alpha" else 0xC8FF
        )
    found = load(tmp_path)
    assert np.allclose(found.read(1) * 255, 255 if what == "alpha" else 0xC8)
    assert f"1 of 2 pictures {DEEP}: {path.name}" in found.notes
    path.unlink()
    assert not any(DEEP in note for note in load(tmp_path).notes)


@pytest.mark.parametrize(
    "mode",
    [
        "LAB",
        "CMYK",
        pytest.param(
            "YCbCr",
            marks=pytest.mark.skipif(
                int(PIL.__version__.partition(".")[0]) < 13,
                reason="before 13 Pillow does not read the YCbCr that it writes",
            ),
        ),
    ],
)
def test_colours_of_another_kind_are_told(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3, 2)).save(tmp_path / "a.tif")
    (note,) = load(tmp_path).notes
    assert (
        note
        == f"1 of 1 pictures are {mode} and converted to RGB without their colour profile: a.tif"
    )


def test_a_bitmap_of_16_bits_a_pixel_loses_nothing(tmp_path: Path) -> None:
    head = (
        b"BM"
        + struct.pack("<IHHI", 54 + 16, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 3, 2, 1, 16, 0, 16, 0, 0, 0, 0)
    )
    (tmp_path / "a.bmp").write_bytes(head + (struct.pack("<H", 0x7FFF) * 3 + b"\0\0") * 2)
    found = load(tmp_path)
    assert np.allclose(found.read(0), 1)
    assert found.notes == ()


@pytest.mark.parametrize("space", ["sRGB", "XYZ"])
def test_a_colour_profile_is_not_applied_and_told_unless_it_is_srgb(
    tmp_path: Path, space: str
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()
    Image.fromarray(PIXELS).save(tmp_path / "a.png", icc_profile=profile)
    found = load(tmp_path)
    assert np.allclose(found.read(0) * 255, PIXELS, atol=1e-4)
    shown = "1 of 1 pictures carry a colour profile other than sRGB, which is not applied: a.png"
    assert found.notes == (() if space == "sRGB" else (shown,))
