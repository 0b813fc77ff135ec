"""The manifest: everything that decides the votes of a ledger, and nothing else.

It is written once, before the first vote. Its digest stands in every block, so a block cannot be moved under another
manifest, and a manifest cannot be changed under its blocks.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, final

from topcert.files import replacing

FORMAT: Final = "topcert-ledger-1"


@final
@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Parameters of a ledger.

    Masks are number 0 .. num_samples - 1 of the stream `(seed, mask_algorithm)`, the same for every input, drawn under
    `mask_law` ("iid": each mask uniform and independent) and `stopping` ("fixed": num_samples was set beforehand).
    Votes are computed in batches of `batch_size` masks of one input, the last one filled up with the masks that follow.
    `fill` is the number that stands for NULL, or the SHA-256 of the array that does, or null where the encoding needs
    none. `data` and `data_options` say where the data was; what it was is `data_fingerprint`.
    """

    topcert_version: str
    data: str
    data_options: dict[str, Any]
    data_fingerprint: str
    input_shape: tuple[int, ...]
    num_inputs: int
    model: str
    model_fingerprint: str
    num_classes: int
    runtime: str
    mask_law: str
    mask_algorithm: str
    stopping: str
    seed: int
    num_samples: int
    num_features: int
    num_kept: int
    unit: str
    encoding: str
    fill: float | str | None
    batch_size: int
    batches_per_block: int
    format: str = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    def digest(self) -> str:
        """SHA-256 of the manifest's text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def write(self, path: Path) -> None:
        with replacing(path) as aside:
            aside.write_text(self.to_json(), encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Manifest:
        """Raises ValueError where the file is missing, not a manifest of this format, or holds unsound values."""
        try:
            text = path.read_text(encoding="utf-8")
            found = json.loads(text)
        except FileNotFoundError as error:
            raise ValueError(f"{path.parent} holds no manifest.json; it is not the folder of a run") from error
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({error})") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"{path} is not a manifest of format {FORMAT}")
        names = {field.name for field in fields(Manifest)}
        if found.keys() != names:
            odd = ", ".join(sorted(found.keys() ^ names))
            raise ValueError(f"{path} is damaged: missing or unknown entries {odd}")
        _check_types(path, found)
        found["input_shape"] = tuple(found["input_shape"])
        manifest = Manifest(**found)
        if text != manifest.to_json():  # an entry twice, say, of which another reader may take the other
            raise ValueError(f"{path} has been changed: it is not as topcert writes it")
        return manifest


_WHOLE: Final = (
    "num_inputs",
    "num_classes",
    "num_samples",
    "num_features",
    "num_kept",
    "batch_size",
    "batches_per_block",
)


def _check_types(path: Path, found: dict[str, Any]) -> None:
    for name in _WHOLE:
        if not isinstance(found[name], int) or isinstance(found[name], bool) or found[name] < 1:
            raise ValueError(f"{path}: {name} must be a whole number of at least 1, got {found[name]!r}")
    if not isinstance(found["seed"], int) or not 0 <= found["seed"] < 2**64:
        raise ValueError(f"{path}: seed must lie in 0 .. 2^64 - 1, got {found['seed']!r}")
    if found["num_kept"] > found["num_features"]:
        raise ValueError(f"{path}: num_kept {found['num_kept']} exceeds num_features {found['num_features']}")
    shape = found["input_shape"]
    if not isinstance(shape, list) or not shape or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError(f"{path}: input_shape must be a list of positive numbers, got {shape!r}")
    if not isinstance(found["data_options"], dict):
        raise ValueError(f"{path}: data_options must be an object, got {found['data_options']!r}")
    if found["fill"] is not None and not isinstance(found["fill"], (int, float, str)):
        raise ValueError(f"{path}: fill must be a number, a fingerprint or null, got {found['fill']!r}")
    for field in fields(Manifest):
        if field.type == "str" and not isinstance(found[field.name], str):
            raise ValueError(f"{path}: {field.name} must be text, got {found[field.name]!r}")


# What may differ when a run is resumed: where things lay (fingerprints say what they are), how far a block reaches, and
# the release (one that draws other masks or encodes otherwise names another mask_algorithm or format).
_NOT_COMPARED: Final = ("topcert_version", "batches_per_block", "data", "data_options", "model")


def first_difference(recorded: Manifest, other: Manifest) -> tuple[str, Any, Any] | None:
    """Name and both values of the first entry in which `other` would not give the votes of `recorded`."""
    before, now = asdict(recorded), asdict(other)
    for name in sorted(before, key=lambda name: name.endswith("fingerprint")):  # what a person can read comes first
        if name not in _NOT_COMPARED and before[name] != now[name]:
            return name, before[name], now[name]
    return None


def refuse_other(recorded: Manifest, asked: Manifest, folder: Path) -> None:
    """Raise ValueError, naming the first difference, where `asked` would not give the votes of `recorded`."""
    found = first_difference(recorded, asked)
    if found is not None:
        name, before, now = found
        raise ValueError(
            f"{folder} was started with {name} = {before!r}, this run has {now!r}; "
            "resume with the same, or choose another --out"
        )
