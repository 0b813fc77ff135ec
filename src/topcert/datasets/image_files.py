"""Image files as bytes: decoded to RGB, and cut to the square that is certified."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

SUFFIXES: Final = (".jpg", ".jpeg", ".png")


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, in the order of their names; hidden ones, such as other systems
    leave, are none.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def images_of_class(folder: Path) -> list[Path]:
    """`images_in` the folder of a class. Raises ValueError where it has none but folders with
    images.
    """
    found = images_in(folder)
    for deeper in [] if found else sorted(folder.iterdir()):
        if deeper.is_dir() and not deeper.name.startswith(".") and images_in(deeper):
            raise ValueError(
                f"{folder} holds no images but a folder {deeper.name} with some; expected"
                f" CLASS/*.jpg, so move them up or {folder.name} away"
            )
    return found


def decode(source: Path | IO[bytes], name: str) -> Image.Image:
    """The image in a file or stream as 8-bit RGB, whatever 8-bit mode it has (grey, palette, CMYK,
    with alpha, ...).

    Orientation tags are ignored, as published networks were trained. Raises ValueError, with
    `name`, for what is damaged or is grey with more than 8 bits; of 16-bit colour Pillow gives the
    upper 8.
    """
    try:
        with warnings.catch_warnings():
            # odd tags, of which ImageNet has some, do not touch the pixels
            warnings.filterwarnings("ignore", module=r"PIL\.TiffImagePlugin")
            with Image.open(source) as image:
                mode = image.mode
                rgb = image.convert("RGB")
    except UnidentifiedImageError as error:  # its own text may hold an address in memory
        raise ValueError(
            f"{name} cannot be read as an image (its format is unknown); remove or replace it"
        ) from error
    except Exception as error:  # a damaged image can raise anything
        raise ValueError(
            f"{name} cannot be read as an image ({error}); remove or replace it"
        ) from error
    if mode.startswith(("I", "F")):  # Pillow cuts these off at 255
        raise ValueError(
            f"{name} has more than 8 bits a channel (mode {mode}); convert it to 8-bit RGB"
        )
    return rgb


def resize_shorter(image: Image.Image, side: int) -> Image.Image:
    """The image with its shorter side at `side` pixels: bilinear, antialiased; the longer side is
    rounded down.
    """
    width, height = image.size
    short = min(width, height)
    size = (side * width // short, side * height // short)
    return image.resize(size, Image.Resampling.BILINEAR)


def central_square(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The central `(side, side, C)` of `(H, W, C)`, which must hold it; of two middles the upper
    left one.
    """
    height, width = pixels.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]
