"""Entries of a manifest that no run writes together."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.reading import Reading
from topcert.randomization import designs, discrete, gaussian, lattice, masks, rounded
from topcert.randomization.encodings import ENCODINGS

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# What each noise draws by, under independent draws; a design has an algorithm of its own.
_ALGORITHMS: Final = {
    "ablation": {masks.ALGORITHM},
    "gaussian": {gaussian.ALGORITHM, rounded.ALGORITHM},
    "discrete": {discrete.ALGORITHM},
}
_FILLS: Final[dict[str | None, str]] = {
    "constant": "a number",
    "sentinel": "a number",
    "mean": "a fingerprint",
    "median": "a fingerprint",
}


def check_entries(path: Path, found: dict[str, Any]) -> None:
    """Raise ValueError, naming the entries, where entries of sound types contradict one another."""
    if found["num_classes"] < 2:
        raise ValueError(f"{path}: num_classes is {found['num_classes']}; a top k needs at least 2")
    if "num_named" in found and not 2 <= found["num_named"] < found["num_classes"]:
        raise ValueError(
            f"{path}: num_named is {found['num_named']}; ballots of several labels have 2 .."
            f" num_classes - 1 = {found['num_classes'] - 1} of them, and for one label there is no"
            " such entry"
        )
    if not _DIGEST.fullmatch(found["data_fingerprint"]):
        raise ValueError(
            f"{path}: data_fingerprint must be a SHA-256, got {found['data_fingerprint']!r}"
        )
    if found["model_fingerprint"] and not _DIGEST.fullmatch(found["model_fingerprint"]):
        raise ValueError(
            f"{path}: model_fingerprint must be a SHA-256 or empty, got"
            f" {found['model_fingerprint']!r}"
        )
    _check_algorithm(path, found)
    _check_strides(path, found)
    _check_encoding(path, found)
    _check_options(path, found)
    if found["stopping"] != "fixed" and (found["law"] != "iid" or found["noise"] != "ablation"):
        raise ValueError(
            f"{path}: stopping is {found['stopping']!r}, which does not go with {found['noise']}"
            f" noise under the law {found['law']}"
        )


def _check_algorithm(path: Path, found: dict[str, Any]) -> None:
    """One that this release does not know may be another release's; one that it knows must be that
    of this noise.
    """
    name, noise, law = found["algorithm"], found["noise"], found["law"]
    own = _ALGORITHMS[noise] if law == "iid" else {designs.algorithm_of(law)}
    known = set().union(*_ALGORITHMS.values()) | {*designs.ALGORITHMS.values(), lattice.ALGORITHM}
    if name in known - own:
        raise ValueError(
            f"{path}: algorithm is {name}, which does not go with {noise} noise under the law {law}"
        )


def _check_strides(path: Path, found: dict[str, Any]) -> None:
    """A lattice with strides of its own decides how many pixels are kept and how many masks there
    may be.
    """
    law, shape = found["law"], found["input_shape"]
    if law == "iid" or designs.kind_of(law) == law:
        return
    try:
        made = designs.make_design(
            law,
            shape=tuple(shape),
            unit=found["unit"],
            seed=found["seed"],
            num_features=found["num_features"],
            num_kept=found["num_kept"],
            num_masks=found["num_samples"],
        )
        made.check_count(found["num_samples"], "num_samples")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_encoding(path: Path, found: dict[str, Any]) -> None:
    encoding, unit, fill = found["encoding"], found["unit"], found["fill"]
    images = len(found["input_shape"]) == 3
    if encoding is not None:
        if encoding not in ENCODINGS:
            raise ValueError(
                f"{path}: encoding must be one of {', '.join(ENCODINGS)}, got {encoding!r}"
            )
        if (encoding == "keep-only") != (unit == "point") or (
            encoding == "infill" and not (images and unit == "pixel")
        ):
            raise ValueError(
                f"{path}: encoding {encoding} does not go with the unit {unit} of"
                f" {found['input_shape']} inputs"
            )
        if encoding == "lattice" and not designs.is_level(found["law"]):
            raise ValueError(
                f"{path}: encoding lattice does not go with the law {found['law']}; only with"
                " lattice and lattice:AxB"
            )
    elif not images:
        raise ValueError(
            f"{path}: {found['noise']} noise is for images, not for inputs of shape"
            f" {found['input_shape']}"
        )
    wanted = _FILLS.get(encoding, "null")
    number = isinstance(fill, (int, float)) and not isinstance(fill, bool) and math.isfinite(fill)
    had = (
        "null"
        if fill is None
        else "a number"
        if number
        else "a fingerprint"
        if _DIGEST.fullmatch(str(fill))
        else ""
    )
    if had != wanted:
        raise ValueError(f"{path}: fill is {fill!r}, the encoding {encoding} has {wanted}")


def _check_options(path: Path, found: dict[str, Any]) -> None:
    """Where the data was: every number must be one, and no more inputs may have come of it than
    were asked for.
    """
    options = found["data_options"]
    for name in ("limit", "stride", "crop", "resize", "lowest_label"):
        value = options.get(name)
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or value < 1
        ):
            raise ValueError(
                f"{path}: data_options has {name} {value!r}, which is no number of at least 1"
            )
    if options.get("data_dir") is not None and not isinstance(options["data_dir"], str):
        raise ValueError(
            f"{path}: data_options has data_dir {options['data_dir']!r}, which is no folder"
        )
    try:
        Reading.from_json(options)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    limit, crop, shape = options.get("limit"), options.get("crop"), found["input_shape"]
    if limit is not None and found["num_inputs"] > limit:
        raise ValueError(
            f"{path}: num_inputs is {found['num_inputs']}, and data_options has the limit {limit}"
        )
    named, ends = options.get("class_names"), options.get("range")
    if named is not None and len(named) != found["num_classes"]:
        raise ValueError(
            f"{path}: num_classes is {found['num_classes']}, and data_options names {len(named)}"
        )
    if ends is not None and not -math.inf < ends[0] < ends[1] < math.inf:
        raise ValueError(f"{path}: data_options has the range {ends}, which is none")
    if options.get("channels") not in (None, "first", "last"):
        raise ValueError(
            f"{path}: data_options has the channels {options['channels']!r}, not first or last"
        )
    if crop is not None and shape[:2] != [crop, crop]:
        raise ValueError(f"{path}: input_shape is {shape}, and data_options has the crop {crop}")


def check_places(path: Path, options: dict[str, Any], places: NDArray[np.int64]) -> None:
    """Raise ValueError where the stride of `data_options` cannot have given inputs at these
    ascending `places`.
    """
    stride = options.get("stride")
    steps = np.diff(places)
    if stride is not None and (steps < stride).any():
        row = int(np.flatnonzero(steps < stride)[0])
        raise ValueError(
            f"{path}: data_options has the stride {stride}, and inputs.parquet the inputs"
            f" {places[row]} and {places[row + 1]}"
        )
