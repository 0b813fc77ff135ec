"""Picture files of plain folders as arrays, by rules that are stated: what a person sees of a file
is what is certified.

1. The first frame is taken, turned as its orientation tag says.
2. What is transparent lies over white. Grey, palette, CMYK, LAB and YCbCr become RGB; 16-bit colour
   keeps its upper 8 bits.
3. The shorter side is resized (bilinear, antialiased), then the central square is cut out, where
   these are asked for.

Grey of 16 or 32 bits and floats are refused: what is black and white in them is not written down.
Colour profiles are not applied. ImageNet has a protocol of its own: `topcert.datasets.image_files`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from topcert.datasets.folder import named
from topcert.datasets.image_files import central_square, resize_shorter
from topcert.files import first_line

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF")
MAX_PIXELS: Final = 178_956_970  # 512 MiB of RGB; Pillow, too, takes more for an attack
MOST_OBLONG: Final = 64
# colours of another kind; of a JPEG its own decoder makes RGB
CONVERTED: Final = ("CMYK", "LAB", "YCbCr")
_ORIENTATION: Final = 0x0112


@final
@dataclass(frozen=True, kw_only=True)
class ResizeAndCrop:
    """What is made of a decoded picture before anything is certified: the certified input is the
    result.
    """

    resize: int | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.resize is not None and self.resize < 1:
            raise ValueError(f"--resize must be at least 1, got {self.resize}")
        if self.crop is not None and self.crop < 1:
            raise ValueError(f"--crop must be at least 1, got {self.crop}")


def read_picture(path: Path, name: str, cut: ResizeAndCrop) -> NDArray[np.uint8]:
    """The picture in a file as uint8 `(H, W, 3)`, by the rules above. Raises ValueError, with
    `name`, where it is none.
    """
    image = decode_picture(path, name)
    width, height = image.size
    if cut.resize is not None:
        short, long = sorted(image.size)
        if long > MOST_OBLONG * short or cut.resize * (cut.resize * long // short) > MAX_PIXELS:
            raise ValueError(
                f"{name} is {width} x {height} pixels, which --resize {cut.resize} cannot take (one"
                f" side at most {MOST_OBLONG} times the other, {MAX_PIXELS:,} pixels in all); crop"
                " or remove it"
            )
        image = resize_shorter(image, cut.resize)
    pixels = np.asarray(image)
    if cut.crop is not None:
        if cut.crop > min(image.size):
            resized = (
                ""
                if cut.resize is None
                else f", {image.size[0]} x {image.size[1]} after --resize {cut.resize}"
            )
            raise ValueError(
                f"--crop {cut.crop} does not fit {name}, which is {width} x {height}"
                f" pixels{resized}; crop less" + (", or --resize" if cut.resize is None else "")
            )
        pixels = central_square(pixels, cut.crop)
    return pixels


def decode_picture(path: Path, name: str) -> Image.Image:
    """The first frame as 8-bit RGB, upright, over white. Raises ValueError, with `name`, for what
    cannot be read.
    """
    try:
        with warnings.catch_warnings():
            # odd tags, unapplied profiles, and sizes below the limit
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                _check_size(image)
                image.load()
                mode = image.mode
                upright = _turned(image)
                if not mode.startswith(("I", "F")):
                    return _over_white(upright)
    except UnidentifiedImageError as error:  # its own text may hold an address in memory
        raise ValueError(_unreadable(name, "its format is unknown")) from error
    except OSError as error:
        raise ValueError(_unreadable(name, error.strerror or first_line(error))) from error
    except Exception as error:  # a damaged picture can raise anything
        raise ValueError(_unreadable(name, first_line(error))) from error
    raise ValueError(
        f"{name} has more than 8 bits a channel (mode {mode}); convert it to 8-bit RGB, or leave it"
        " out with --skip-unreadable"
    )


def _unreadable(name: str, reason: str) -> str:
    return (
        f"{name} cannot be read as an image ({reason}); remove or replace it, or leave it out with"
        " --skip-unreadable"
    )


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"it has {width} x {height} pixels, more than {MAX_PIXELS:,}")


def _turned(image: Image.Image) -> Image.Image:
    """The image as its orientation tag says, and as it is where there is no tag that can be
    read.
    """
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged tag says nothing; the pixels are read already
        return image.copy()


def _over_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")


def traits_of(files: Sequence[Path], names: Sequence[str]) -> list[str]:
    """A line for each rule above that touches any of the files, from their headers alone; what
    cannot be read has none.
    """
    found: dict[str, list[str]] = {}
    for path, name in zip(files, names, strict=True):
        for trait in _traits(path):
            found.setdefault(trait, []).append(name)
    return [
        f"{len(touched)} of {len(files)} pictures {trait}: {named(touched)}"
        for trait, touched in sorted(found.items())
    ]


def _traits(path: Path) -> list[str]:
    traits = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                if image.format in ("PNG", "TIFF") and _is_deep(image):
                    traits.append("hold 16 bits a channel, of which the upper 8 are taken")
                if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
                    traits.append("are turned as their orientation tag says")
                if image.has_transparency_data:
                    traits.append("are transparent and laid over white")
                if getattr(image, "n_frames", 1) > 1:
                    traits.append("hold several frames, of which the first is taken")
                if _has_profile(image):
                    traits.append("carry a colour profile other than sRGB, which is not applied")
                if image.mode in CONVERTED:
                    traits.append(
                        f"are {image.mode} and converted to RGB without their colour profile"
                    )
    except Exception:  # it is reported where it is read
        return traits
    return traits


def _has_profile(image: Image.Image) -> bool:
    """Whether colours are of a profile that does not call itself sRGB, in letters of one byte or
    two.
    """
    profile = image.info.get("icc_profile") or b""
    return bool(profile) and b"sRGB" not in profile.replace(b"\0", b"")


def _is_deep(image: Image.Image) -> bool:
    """Whether Pillow gives 8 of 16 bits a channel; for a picture that is not loaded yet."""
    # of a file that is open: how its parts are laid out, such as "RGB;16B"
    tiles = getattr(image, "tile", [])
    return any(
        ";16" in (tile[3] if isinstance(tile[3], str) else str(tile[3][0]))
        for tile in tiles
        if tile[3]
    )
