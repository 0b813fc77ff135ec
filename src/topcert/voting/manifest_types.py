"""Whether the entries of a manifest that was read are what a run writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from topcert.classifiers.torch_options import TorchOptions
from topcert.modalities.registered_modalities import (
    known_modality,
    missing_unit,
    plural_of,
)
from topcert.noise.law import Noise
from topcert.noise.registered_laws import all_noises, find_noise
from topcert.theory.counting import MAX_FEATURES

# entries of the first laws, which stand in every manifest, null where the law is another
FIRST_ENTRIES: Final = ("num_kept", "sigma", "keep_probability", "encoding", "fill")
MAX_THREADS: Final = 1_024  # in which a model is run
_WHOLE: Final = {  # the most that a run can have
    "num_inputs": 10**8,
    "num_classes": 10**6,
    "num_samples": 10**8,
    "num_features": MAX_FEATURES,
    "batch_size": 10**6,
    "batches_per_block": 10**9,
}


def check_types(path: Path, found: dict[str, Any], *, texts: Iterable[str]) -> None:
    """Refuse an entry of another type, or out of range; `texts` are those that are text."""
    for name, most in _WHOLE.items():
        if not isinstance(found[name], int) or isinstance(found[name], bool) or found[name] < 1:
            raise ValueError(
                f"{path}: {name} must be a whole number of at least 1, got {found[name]!r}"
            )
        if found[name] > most:
            raise ValueError(f"{path}: {name} must be at most {most:,}, got {found[name]}")
    if type(found["seed"]) is not int or not 0 <= found["seed"] < 2**64:
        raise ValueError(f"{path}: seed must lie in 0 .. 2^64 - 1, got {found['seed']!r}")
    if (
        not isinstance(found["num_selection"], int)
        or isinstance(found["num_selection"], bool)
        or found["num_selection"] < 0
    ):
        raise ValueError(
            f"{path}: num_selection must be a whole number, got {found['num_selection']!r}"
        )
    if found["num_selection"] > _WHOLE["num_samples"]:
        raise ValueError(
            f"{path}: num_selection must be at most {_WHOLE['num_samples']:,}, got"
            f" {found['num_selection']}"
        )
    for name in ("law", "algorithm"):
        if not isinstance(found[name], str):
            raise ValueError(f"{path}: {name} must be text, got {found[name]!r}")
    shape = found["input_shape"]
    if (
        not isinstance(shape, list)
        or not shape
        or not all(type(size) is int and size > 0 for size in shape)
    ):
        raise ValueError(f"{path}: input_shape must be a list of positive numbers, got {shape!r}")
    implied = _features_of(tuple(shape), found["unit"])
    if implied is None:
        raise ValueError(
            f"{path}: unit is {found['unit']!r}, of which an input of shape {shape} has none"
            f"{missing_unit(str(found['unit']))}"
        )
    if implied != found["num_features"]:  # the channels of a feature follow from it
        raise ValueError(
            f"{path}: an input of shape {shape} has {implied} {plural_of(found['unit'])}, not"
            f" {found['num_features']}"
        )
    if not isinstance(found["data_options"], dict):
        raise ValueError(f"{path}: data_options must be an object, got {found['data_options']!r}")
    if "output" in found and not isinstance(found["output"], str):
        raise ValueError(f"{path}: output must be text, got {found['output']!r}")
    if "torch_options" in found:
        if not isinstance(found["torch_options"], str):
            raise ValueError(f"{path}: torch_options must be text, got {found['torch_options']!r}")
        try:
            TorchOptions.read(found["torch_options"])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if "num_named" in found and type(found["num_named"]) is not int:
        raise ValueError(f"{path}: num_named must be a whole number, got {found['num_named']!r}")
    threads = found.get("threads", 1)
    if type(threads) is not int or not 1 <= threads <= MAX_THREADS:
        raise ValueError(
            f"{path}: threads must be a whole number in 1 .. {MAX_THREADS:,}, got {threads!r}"
        )
    for name in texts:
        if not isinstance(found[name], str):
            raise ValueError(f"{path}: {name} must be text, got {found[name]!r}")


def _features_of(shape: tuple[int, ...], unit: object) -> int | None:
    """How many `unit`s an input of `shape` has; None where it has none."""
    modality = known_modality(shape, str(unit))
    return None if modality is None else modality.split(shape, str(unit))[1]


def law_of_entries(path: Path, found: dict[str, Any]) -> type[Noise]:
    """The law that a manifest names."""
    name = found.get("noise")
    try:
        return find_noise(str(name))
    except ValueError as error:
        known = ", ".join(all_noises())
        raise ValueError(f"{path}: noise must be one of {known}, got {name!r}") from error


def refuse_other_laws(path: Path, found: dict[str, Any], law: type[Noise]) -> None:
    """Refuse what other laws need."""
    for name in FIRST_ENTRIES:
        if found[name] is not None and name not in law.entries_of():
            raise ValueError(
                f"{path}: {name} is {found[name]!r}, which does not go with the noise {law.name}"
            )
