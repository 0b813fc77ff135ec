"""What the development kit of ILSVRC 2012 says of the validation images: the class of each, by
number.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Final

import numpy as np

NAME: Final = "ILSVRC2012_devkit_t12"
# line n: the ILSVRC2012_ID, 1 .. 1000, of image n, from 1
TRUTH: Final = "data/ILSVRC2012_validation_ground_truth.txt"
META: Final = "data/meta.mat"  # the WNID of each ILSVRC2012_ID, leaves and the synsets above them


def read_validation_wnids(data_dir: Path) -> tuple[str, ...]:
    """The WNID of validation image 1, 2, ... (50,000 of them in the official kit).

    `data_dir` holds the kit as ILSVRC2012_devkit_t12.tar.gz or unpacked, or its folder `data`.
    Raises ValueError where the kit is missing or damaged.
    """
    where, truth, meta = _find(data_dir)
    try:
        wnids = _read_meta(meta)
        ids = [int(line) for line in truth.decode("ascii").split()]
        return tuple(wnids[number] for number in ids)
    except KeyError as error:
        raise ValueError(
            f"{where}: {META} has no class {error} for an image of {TRUTH}; fetch the kit again"
        ) from error
    except Exception as error:  # a damaged MATLAB file can raise anything
        raise ValueError(
            f"{where} is not the development kit of ILSVRC 2012 ({error}); fetch it again"
        ) from error


def _find(data_dir: Path) -> tuple[Path, bytes, bytes]:
    """Where the kit is, and the bytes of TRUTH and META."""
    for folder in (data_dir / NAME, data_dir):
        if (folder / TRUTH).is_file() and (folder / META).is_file():
            return folder, (folder / TRUTH).read_bytes(), (folder / META).read_bytes()
    archive = data_dir / f"{NAME}.tar.gz"
    if not archive.is_file():
        raise ValueError(
            f"--data-dir {data_dir} holds validation images but not what they show; put"
            f" {NAME}.tar.gz, or the folder it unpacks to, beside them"
        )
    try:
        with tarfile.open(archive, "r:gz") as packed:
            truth, meta = (packed.extractfile(f"{NAME}/{name}") for name in (TRUTH, META))
            assert truth is not None  # neither is a folder
            assert meta is not None
            return archive, truth.read(), meta.read()
    except Exception as error:  # a damaged archive can raise anything
        raise ValueError(f"{archive} cannot be read ({error}); fetch it again") from error


def _read_meta(content: bytes) -> dict[int, str]:
    """The WNID of each ILSVRC2012_ID that is a class: a synset without children."""
    from scipy.io import loadmat  # imported here: only the kit needs it

    synsets = np.atleast_1d(loadmat(io.BytesIO(content), squeeze_me=True)["synsets"])
    return {
        int(synset["ILSVRC2012_ID"]): str(synset["WNID"])
        for synset in synsets
        if int(synset["num_children"]) == 0
    }
