"""The manifest: everything that decides the votes of a ledger, and nothing else.

It is written once, before the first vote. Its digest stands in every block, so a block cannot be
moved under another manifest, and a manifest cannot be changed under its blocks.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final, final

from topcert.files import first_line, replacing
from topcert.modalities.input_form import Form
from topcert.noise.law import IID, Noise
from topcert.noise.registered_laws import find_noise
from topcert.randomization.designs import kind_of
from topcert.voting.contradictions import check_entries
from topcert.voting.manifest_types import (
    FIRST_ENTRIES,
    check_types,
    law_of_entries,
    refuse_other_laws,
)

FORMAT: Final = "topcert-ledger-2"
# entries that stand only where they say something
_OPTIONAL: Final = frozenset({"num_named", "output", "threads", "torch_options"})
FIXED: Final = "fixed"  # stopping: the number of votes was set beforehand


@final
@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Parameters of a ledger.

    `noise` is the law by which inputs are randomized, with its parameters: of these entries are
    its name `noise`, those of its own, `law` and `algorithm`; what the first laws of other names
    need is null. Its draws are numbers 0 .. num_votes - 1 of the stream `(seed, algorithm)`, the
    same for every input, under the `law` "iid" (each draw independent of the others) or that of a
    design, by whose name it goes (these very masks are the classifier). `stopping` is "fixed"
    (their number was set beforehand) or a rule (`theory.stopping_rules`) under which an input has
    num_samples votes at most. The first `num_selection` votes may choose what is certified, the
    `num_samples` after them certify. Votes are computed in batches of `batch_size` draws for one
    input, the last one filled up with the draws that follow. `output` is the one that was named of
    a model with several, and no entry where none was. `num_named` is how many labels a ballot names
    where it names several, and no entry where it names one, as in the paper. `threads` is how many
    the model ran in where its answers depend on that, and no entry where they do not.
    `torch_options` is how a torch module ran, and no entry where that was the usual way. `data` and
    `data_options` say where the data was; what it was is `data_fingerprint`.
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
    noise: Noise
    stopping: str
    seed: int
    num_selection: int
    num_samples: int
    num_features: int
    unit: str
    batch_size: int
    batches_per_block: int
    output: str | None = None
    num_named: int | None = None
    threads: int | None = None
    torch_options: str | None = None
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
    def law(self) -> str:
        """The name of the design; "iid" where draws are independent."""
        return self.noise.law

    @property
    def algorithm(self) -> str:
        """The stream of the draws."""
        return self.noise.stream

    @cached_property
    def form(self) -> Form:
        """What is recorded of the form of inputs."""
        return Form(shape=self.input_shape, unit=self.unit, name=self.data)

    @property
    def kind(self) -> str:
        """The law without the strides that its name may say."""
        return self.law if self.law == IID else kind_of(self.law)

    def entries(self) -> dict[str, Any]:
        """What the file says, by name."""
        noise = self.noise
        found: dict[str, Any] = {}
        for field in fields(self):
            if field.name == "noise":
                found |= {"noise": noise.name, "law": self.law, "algorithm": self.algorithm}
                found |= {**dict.fromkeys(FIRST_ENTRIES), **noise.entries()}
            else:
                found[field.name] = getattr(self, field.name)
        return {
            name: value
            for name, value in found.items()
            if value is not None or name not in _OPTIONAL
        }

    @staticmethod
    def from_entries(entries: dict[str, Any]) -> Manifest:
        """What `entries` of sound types say. Raises ValueError where their noise is none."""
        names = {field.name for field in fields(Manifest)} - {"noise"}
        own = {name: value for name, value in entries.items() if name in names}
        own["input_shape"] = tuple(entries["input_shape"])
        return Manifest(**own, noise=find_noise(entries["noise"]).read(entries))

    def to_json(self) -> str:
        return json.dumps(self.entries(), indent=2, sort_keys=True) + "\n"

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
        law = law_of_entries(path, found)
        names = {field.name for field in fields(Manifest)} | {"law", "algorithm", *FIRST_ENTRIES}
        names |= set(law.entries_of())
        unexpected = ", ".join(sorted((found.keys() ^ names) - (_OPTIONAL - found.keys())))
        if unexpected:
            raise ValueError(f"{path} is damaged: missing or unknown entries {unexpected}")
        texts = [field.name for field in fields(Manifest) if field.type == "str"]
        check_types(path, found, texts=texts)
        refuse_other_laws(path, found, law)
        try:
            manifest = Manifest.from_entries(found)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        check_entries(path, found, manifest.noise)
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


# What may differ when a run is resumed: where things lay (fingerprints say what they are), how far
# a block reaches, and the release (one that draws other noise or encodes otherwise names another
# algorithm or format).
_NOT_COMPARED: Final = ("topcert_version", "batches_per_block", "data", "data_options", "model")


def first_difference(recorded: Manifest, other: Manifest) -> tuple[str, Any, Any] | None:
    """Name and both values of the first entry in which `other` would not give the votes of
    `recorded`.
    """
    before, now = recorded.entries(), other.entries()
    # what a person can read comes first
    for name in sorted(before | now, key=lambda name: name.endswith("fingerprint")):
        if name not in _NOT_COMPARED and before.get(name) != now.get(name):
            return name, before.get(name), now.get(name)
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
