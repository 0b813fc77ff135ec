"""The pictures of a folder that are taken: which they are, what is said of them, and how each is
read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.folder import list_pictures, named
from topcert.datasets.pictures import ResizeAndCrop, decode_picture, read_picture, traits_of


@final
@dataclass(frozen=True, kw_only=True)
class PictureFolder:
    """Pictures at some `places` of a folder, int64, in order; each becomes an array of `shape`.

    `labels` int64 `(pictures,)` are places in `class_names`, None where there are no class folders;
    `names` are files relative to the folder. `notes` are what a person should know.
    """

    name: str
    shape: tuple[int, ...]
    places: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    files: tuple[Path, ...]
    cut: ResizeAndCrop

    def read(self, position: int) -> NDArray[np.uint8]:
        """One picture, uint8 `(H, W, 3)`. Raises ValueError where it cannot be read or has another
        size.
        """
        path = self.files[position]
        pixels = read_picture(path, str(path), self.cut)
        if pixels.shape != self.shape:
            side = min(self.shape[:2])
            raise ValueError(
                f"{path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, the first image"
                f" {self.shape[1]} x {self.shape[0]}; --resize {side} --crop {side} makes all of"
                f" them {side} x {side}"
            )
        return pixels


def open_pictures(
    folder: Path, cut: ResizeAndCrop, *, stride: int | None, limit: int | None, skip: bool
) -> PictureFolder:
    """Every `stride`-th picture, at most `limit`, without those that cannot be read where they are
    to `skip`.

    What is left out keeps its place: the others are numbered as if it were there. Raises ValueError
    where nothing is left, or the first picture cannot be read.
    """
    listing = list_pictures(folder)
    every = [path.relative_to(folder).as_posix() for path in listing.files]
    places = np.arange(0, len(every), stride or 1)[:limit]
    notes = list(listing.notes)
    if skip:
        unreadable = [place for place in places.tolist() if not _readable(listing.files[place])]
        if unreadable:
            notes.append(
                f"{folder}: left out {len(unreadable)} of {len(places)} pictures, which cannot be"
                " read: " + named([every[place] for place in unreadable])
            )
        if len(unreadable) == len(places):
            raise ValueError(
                f"{folder}: none of the {len(places)} pictures that are taken can be read,"
                f" {named([every[places[0]]])} among them; replace them, or take others with"
                " --limit and --stride"
            )
        places = np.setdiff1d(places, unreadable).astype(np.int64)
    files = tuple(listing.files[place] for place in places.tolist())
    names = tuple(every[place] for place in places.tolist())
    return PictureFolder(
        name=str(folder),
        shape=read_picture(files[0], str(files[0]), cut).shape,
        places=places,
        labels=None if listing.labels is None else listing.labels[places],
        class_names=listing.class_names,
        names=names,
        notes=(*notes, *traits_of(files, names)),
        files=files,
        cut=cut,
    )


def _readable(path: Path) -> bool:
    try:
        decode_picture(path, str(path))
    except ValueError:
        return False
    return True
