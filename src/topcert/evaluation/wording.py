"""What is said of a run, in words: the same in prints, pictures and objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topcert.datasets.dataset import BUILT_IN
from topcert.datasets.imagenet import INPUT_IN_WORDS
from topcert.methods.certificates import Certificates
from topcert.randomization import gaussian
from topcert.voting.manifest import FIXED, IID, Manifest


def votes_in_words(manifest: Manifest) -> str:
    """How many votes an input has."""
    if manifest.stopping == FIXED:
        return f"n = {manifest.num_samples}"
    return f"n up to {manifest.num_samples}, until {manifest.stopping.partition(';')[0]} is settled"


def noise_in_words(manifest: Manifest) -> str:
    """The noise with its parameter, as in a title."""
    if manifest.law != IID:
        return f"design {manifest.law}, e = {manifest.num_kept}"
    if manifest.sigma is not None:
        return f"Gaussian noise, sigma = {manifest.sigma:g}"
    if manifest.keep_probability is not None:
        return f"discrete noise, a = {manifest.keep_probability}"
    return f"e = {manifest.num_kept}"


def gap_in_words(manifest: Manifest) -> str | None:
    """What certificates of these votes leave out, or None."""
    if manifest.algorithm != gaussian.ALGORITHM:
        return None
    return (
        "this noise was drawn and added in floating point, whose rounding can tell more of the"
        " input than Gaussian noise would; certify again for a promise that covers it"
    )


def zero_in_words(options: Mapping[str, Any]) -> str | None:
    """What `data_options` note of labels none of which is 0, or None."""
    lowest = options.get("lowest_label")
    if lowest is None:
        return None
    return (
        f"no label of the whole data is 0, the lowest is {lowest}; if they count from 1, each"
        " certificate and accuracy is about the class beside the true one"
    )


def method_in_words(certificates: Certificates) -> str:
    """The method, and its bounds where they are not its own."""
    return certificates.method + (
        "" if certificates.bounds is None else f" with {certificates.bounds} bounds"
    )


def ballot_in_words(num_named: int) -> str:
    """How many labels a vote names, where that is more than one, as a parameter that follows
    others; else nothing.
    """
    return "" if num_named == 1 else f", w = {num_named}"


def chance_in_words(alpha: float) -> str:
    """The chance of error, or that there is none."""
    return f"alpha = {alpha:g}" if alpha else "no failure probability"


def source_in_words(manifest: Manifest) -> str:
    """What was made of a picture before it became the certified array; nothing for other data."""
    if manifest.data == "imagenet":
        return INPUT_IN_WORDS
    if (
        manifest.data in BUILT_IN
        or len(manifest.input_shape) != 3
        or Path(manifest.data).suffix == ".npz"
    ):
        return ""
    resize, crop = (manifest.data_options.get(name) for name in ("resize", "crop"))
    resized = "" if resize is None else f", its shorter side resized to {resize}"
    cut = "" if crop is None else f", cut to its central {crop} x {crop} pixels"
    return f"a picture after decoding and orientation{resized}{cut}"
