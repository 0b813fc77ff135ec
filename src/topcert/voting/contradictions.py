"""Entries of a manifest that no run writes together."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.reading import Reading
from topcert.noise.law import IID, Noise
from topcert.noise.registered_laws import all_streams

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def check_entries(path: Path, found: dict[str, Any], noise: Noise) -> None:
    """Raise ValueError, naming the entries, where entries of sound types contradict one another, or
    the `noise` that was read of them.
    """
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
    # one that this release does not know may be another release's
    if noise.stream in all_streams() - noise.algorithms:
        raise ValueError(
            f"{path}: algorithm is {noise.stream}, which does not go with {noise.name} noise under"
            f" the law {noise.law}"
        )
    _check_options(path, found)
    if found["stopping"] != "fixed" and not (noise.law == IID and noise.stops):
        raise ValueError(
            f"{path}: stopping is {found['stopping']!r}, which does not go with {found['noise']}"
            f" noise under the law {found['law']}"
        )


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
