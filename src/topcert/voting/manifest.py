"""The manifest: everything that decides the votes of a ledger, and nothing else.

It is written once, before the first vote. Its digest stands in every block, so a block cannot be
moved under another manifest, and a manifest cannot be changed under its blocks.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, final

from topcert.files import first_line, replacing
from topcert.randomization import gaussian, rounded
from topcert.randomization.designs import DESIGNS, STRIDED, kind_of
from topcert.theory.counting import MAX_FEATURES
from topcert.voting.contradictions import check_entries

FORMAT: Final = "topcert-ledger-2"
IID: Final = "iid"
# entries that stand only where they say something
_OPTIONAL: Final = frozenset({"num_named", "output"})
FIXED: Final = "fixed"  # stopping: the number of votes was set beforehand


@final
@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Parameters of a ledger.

    `noise` is "ablation" (masks that keep `num_kept` features, shown in `encoding`), "gaussian"
    (`sigma`) or "discrete" (`keep_probability`, an exact decimal); what the other noises need is
    null. Its draws are numbers 0 .. num_votes - 1 of the stream `(seed, algorithm)`, the same for
    every input, under the `law` "iid" (each draw independent of the others) or that of a design, by
    whose name it goes (these very masks are the classifier). `stopping` is "fixed" (their number
    was set beforehand) or a rule (`topcert.theory.stopping`) under which an input has num_samples
    votes at most. The first `num_selection` votes may choose what is certified, the `num_samples`
    after them certify. Votes are computed in batches of `batch_size` draws for one input, the last
    one filled up with the draws that follow. `output` is the one that was named of a model with
    several, and no entry where none was. `num_named` is how many labels a ballot names where it
    names several, and no entry where it names one, as in the paper. `fill` is the number that
    stands for NULL, or the SHA-256 of the array that does, or null where the encoding needs none.
    `data` and `data_options` say where the data was; what it was is `data_fingerprint`.
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
    noise: str
    law: str
    algorithm: str
    stopping: str
    seed: int
    num_selection: int
    num_samples: int
    num_features: int
    num_kept: int | None
    sigma: float | None
    keep_probability: str | None
    unit: str
    encoding: str | None
    fill: float | str | None
    batch_size: int
    batches_per_block: int
    output: str | None = None
    num_named: int | None = None
    format: str = FORMAT

    @property
    def num_votes(self) -> int:
        """Votes of each input."""
        return self.num_selection + self.num_samples

    @property
    def depth(self) -> int:
        """Labels that each ballot names, ranked."""
        return self.num_named or 1

    @property
    def kind(self) -> str:
        """The law without the strides that its name may say."""
        return self.law if self.law == IID else kind_of(self.law)

    def to_json(self) -> str:
        entries = {
            name: value
            for name, value in asdict(self).items()
            if value is not None or name not in _OPTIONAL
        }
        return json.dumps(entries, indent=2, sort_keys=True) + "\n"

    def digest(self) -> str:
        """SHA-256 of the manifest's text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def write(self, path: Path) -> None:
        with replacing(path) as aside:
            aside.write_text(self.to_json(), encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Manifest:
        """Raises ValueError where the file is missing, not a manifest of this format, or holds
        unsound values.
        """
        check_folder(path.parent)
        try:
            text = path.read_text(encoding="utf-8")
            found = json.loads(text)
        except FileNotFoundError as error:
            raise ValueError(
                f"{path.parent} holds no manifest.json; it is not the folder of a"
                f" run{_run_around(path.parent)}"
            ) from error
        # of numbers with thousands of digits as well
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({first_line(error)})") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"{path} is not a manifest of format {FORMAT}")
        names = {field.name for field in fields(Manifest)}
        odd = ", ".join(sorted((found.keys() ^ names) - (_OPTIONAL - found.keys())))
        if odd:
            raise ValueError(f"{path} is damaged: missing or unknown entries {odd}")
        _check_types(path, found)
        check_entries(path, found)
        found["input_shape"] = tuple(found["input_shape"])
        manifest = Manifest(**found)
        # an entry twice, say, of which another reader may take the other
        if text != manifest.to_json():
            raise ValueError(f"{path} has been changed: it is not as topcert writes it")
        return manifest


def check_folder(folder: Path) -> None:
    """Raise ValueError where what should be the folder of a run is a file, or is not there."""
    if not folder.exists():
        raise ValueError(
            f"there is no folder {folder}; name the folder of a run, as given to --out"
        )
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; name the folder of a run{_run_around(folder)}")


def _run_around(path: Path) -> str:
    """Which run a path that is none lies in, as the end of a sentence."""
    for folder in path.absolute().parents[:3]:
        if any((folder / name).is_file() for name in ("manifest.json", "bounds.json")):
            return f": {path.parent if folder == path.parent.absolute() else folder}"
    return ""


_WHOLE: Final = {  # the most that a run can have
    "num_inputs": 10**8,
    "num_classes": 10**6,
    "num_samples": 10**8,
    "num_features": MAX_FEATURES,
    "batch_size": 10**6,
    "batches_per_block": 10**9,
}


def _check_types(path: Path, found: dict[str, Any]) -> None:
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
    _check_noise(path, found)
    _check_law(path, found)
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
        )
    if implied != found["num_features"]:  # the channels of a feature follow from it
        raise ValueError(
            f"{path}: an input of shape {shape} has {implied} {found['unit']}s, not"
            f" {found['num_features']}"
        )
    if not isinstance(found["data_options"], dict):
        raise ValueError(f"{path}: data_options must be an object, got {found['data_options']!r}")
    if found["fill"] is not None and not isinstance(found["fill"], (int, float, str)):
        raise ValueError(
            f"{path}: fill must be a number, a fingerprint or null, got {found['fill']!r}"
        )
    if "output" in found and not isinstance(found["output"], str):
        raise ValueError(f"{path}: output must be text, got {found['output']!r}")
    if "num_named" in found and type(found["num_named"]) is not int:
        raise ValueError(f"{path}: num_named must be a whole number, got {found['num_named']!r}")
    for field in fields(Manifest):
        if field.type == "str" and not isinstance(found[field.name], str):
            raise ValueError(f"{path}: {field.name} must be text, got {found[field.name]!r}")


def _features_of(shape: tuple[int, ...], unit: object) -> int | None:
    """How many `unit`s an input of `shape` has, as `to_planes` cuts it; None where it has none."""
    if unit == "feature" and len(shape) in (1, 3):
        return math.prod(shape)
    parts = {("pixel", 3): 2, ("column", 1): 1, ("point", 2): 1}.get((str(unit), len(shape)))
    return None if parts is None else math.prod(shape[:parts])


def _check_noise(path: Path, found: dict[str, Any]) -> None:
    """Each noise has its own parameter, sound, and no other's."""
    own = {"ablation": "num_kept", "gaussian": "sigma", "discrete": "keep_probability"}
    if not isinstance(found["noise"], str) or found["noise"] not in own:
        raise ValueError(f"{path}: noise must be one of {', '.join(own)}, got {found['noise']!r}")
    for noise, name in own.items():
        if (found[name] is not None) != (found["noise"] == noise):
            raise ValueError(
                f"{path}: {name} is {found[name]!r}, which does not go with the noise"
                f" {found['noise']}"
            )
    if (found["encoding"] is not None) != (found["noise"] == "ablation"):
        raise ValueError(
            f"{path}: encoding is {found['encoding']!r}, which does not go with the noise"
            f" {found['noise']}"
        )
    kept, sigma, keep_probability = (found[name] for name in own.values())
    if kept is not None and not (
        isinstance(kept, int) and not isinstance(kept, bool) and 1 <= kept <= found["num_features"]
    ):
        raise ValueError(
            f"{path}: num_kept must lie in 1 .. num_features = {found['num_features']}, got"
            f" {kept!r}"
        )
    least, most = sigma_range(found["algorithm"])
    if sigma is not None and not (isinstance(sigma, float) and least <= sigma <= most):
        raise ValueError(f"{path}: sigma must lie in {least:g} .. {most:g}, got {sigma!r}")
    if keep_probability is not None and parse_share(keep_probability) is None:
        raise ValueError(
            f"{path}: keep_probability must be a decimal strictly between 0 and 1, got"
            f" {keep_probability!r}"
        )


def sigma_range(algorithm: object) -> tuple[float, float]:
    """The least and the largest sigma of a Gaussian stream."""
    stream = gaussian if algorithm == gaussian.ALGORITHM else rounded
    return stream.MIN_SIGMA, stream.MAX_SIGMA


def _check_law(path: Path, found: dict[str, Any]) -> None:
    """A design is one of masks, and all its votes certify."""
    if found["law"] == IID:
        return
    try:
        kind_of(found["law"])
    except (ValueError, AttributeError) as error:
        told = ", ".join((*DESIGNS, *STRIDED))
        raise ValueError(
            f"{path}: law must be {IID} or a design ({told}), got {found['law']!r}"
        ) from error
    if found["noise"] != "ablation" or found["num_selection"]:
        raise ValueError(
            f"{path}: the design {found['law']} does not go with {found['noise']} noise or a first"
            " sample"
        )


# Thresholds are exact, so their integers grow with the digits: with nine, a thousand of them still
# take seconds.
_SHARE: Final = re.compile(r"[0-9]{0,3}\.[0-9]{1,9}|[0-9]{1,9}/[0-9]{1,9}")


def parse_share(text: object) -> Fraction | None:
    """An exact number strictly between 0 and 1, of a decimal or a fraction of at most nine digits;
    None of anything else.
    """
    if not isinstance(text, str) or _SHARE.fullmatch(text) is None:
        return None
    try:
        share = Fraction(text)
    except ZeroDivisionError:
        return None
    return share if 0 < share < 1 else None


# What may differ when a run is resumed: where things lay (fingerprints say what they are), how far
# a block reaches, and the release (one that draws other noise or encodes otherwise names another
# algorithm or format).
_NOT_COMPARED: Final = ("topcert_version", "batches_per_block", "data", "data_options", "model")


def first_difference(recorded: Manifest, other: Manifest) -> tuple[str, Any, Any] | None:
    """Name and both values of the first entry in which `other` would not give the votes of
    `recorded`.
    """
    before, now = asdict(recorded), asdict(other)
    # what a person can read comes first
    for name in sorted(before, key=lambda name: name.endswith("fingerprint")):
        if name not in _NOT_COMPARED and before[name] != now[name]:
            return name, before[name], now[name]
    return None


def refuse_other(recorded: Manifest, asked: Manifest, folder: Path) -> None:
    """Raise ValueError, naming the first difference, where `asked` would not give the votes of
    `recorded`.
    """
    found = first_difference(recorded, asked)
    if found is not None:
        name, before, now = found
        if name == "num_named":
            smaller = ""
            if asked.depth < recorded.depth:
                smaller = (
                    f", and evaluate {folder} --ballot {asked.depth} for the first {asked.depth} of"
                    " its labels"
                )
            raise ValueError(
                f"{folder} was started with --ballot {recorded.depth}, this run has --ballot"
                f" {asked.depth}: other ballots are other votes; resume with the same{smaller}, or"
                " choose another --out"
            )
        if name == "num_samples" and now > before and recorded.stopping == FIXED:
            raise ValueError(
                f"{folder} was started with num_samples = {before}, and {now} are asked for: to go"
                " on after a look at the votes is optional stopping, and alpha would not hold;"
                " choose another --out, and there --stop to sample until an answer is known"
            )
        raise ValueError(
            f"{folder} was started with {name} = {before!r}, this run has {now!r}; "
            "resume with the same, or choose another --out"
        )
