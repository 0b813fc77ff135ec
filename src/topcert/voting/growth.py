"""More inputs for a run: its votes stay, and in the end its folder is that of a run which had all
inputs from the start.

Every block carries the digest of its manifest, and the manifest of more inputs is another one. So
all blocks are written anew, and a kill must lose none:

1. `ledger/before.json` takes the manifest that is to be replaced, beside any that it holds.
2. manifest.json is replaced, then inputs.parquet.
3. Each block of an earlier manifest is read under that one and written under the new one, whole or
   not at all. The last may end in the middle of one of the new: its file stays until the votes that
   it lacks have been cast.
4. When no block of an earlier manifest is left, before.json is removed.

Whatever is on disk in between, step 3 finds for each block the manifest that it was written under.
While before.json is there nobody but `certify` and `predict` with --resume reads the folder.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from topcert.files import first_line, replacing
from topcert.voting.inputs import fingerprint_inputs
from topcert.voting.ledger import Ledger
from topcert.voting.ledger_folder import BEFORE
from topcert.voting.manifest import FIXED, Manifest, refuse_other

CHOOSING: Final = ("limit", "stride")  # the options that say how many inputs there are


def grown_manifest(recorded: Manifest, asked: Manifest, inputs: pa.Table, folder: Path) -> Manifest:
    """The manifest of a recorded run with the inputs that are asked for: `recorded` itself where
    these are its own.

    Raises ValueError where anything else differs, there are fewer inputs, or the first of them are
    not those of the run.
    """
    same = dataclasses.replace(
        asked,
        num_inputs=recorded.num_inputs,
        data_fingerprint=recorded.data_fingerprint,
        **_longest_of(recorded, asked),
    )
    refuse_other(recorded, same, folder)
    before, now = (
        {name: options.get(name) for name in CHOOSING}
        for options in (recorded.data_options, asked.data_options)
    )
    if asked.data_fingerprint == recorded.data_fingerprint or before == now:
        refuse_other(recorded, asked, folder)  # the data itself may be another
        return recorded
    if asked.num_inputs < recorded.num_inputs:
        raise ValueError(
            f"{folder} has {recorded.num_inputs} inputs, and {_named(now)} asks for"
            f" {asked.num_inputs}: a run does not shrink; resume with {_named(before)}, or choose"
            " another --out"
        )
    if fingerprint_inputs(inputs.slice(0, recorded.num_inputs)) != recorded.data_fingerprint:
        why = "these are other inputs"
        if asked.data == "imagenet" and before["stride"] is now["stride"] is None:
            why = "without --stride imagenet spreads them over all its images, so these are others"
        elif before["stride"] != now["stride"]:
            why = "another --stride takes others"
        raise ValueError(
            f"{folder} can go on with more inputs only after its own {recorded.num_inputs}, those"
            f" of {_named(before)}, and with {_named(now)} {why}; choose another --out"
        )
    if recorded.stopping != FIXED:
        raise ValueError(
            f"{folder} was sampled with --stop, look by look over all its inputs, and takes no more"
            f" of them; resume with {_named(before)}, or choose another --out"
        )
    return dataclasses.replace(
        recorded,
        num_inputs=asked.num_inputs,
        data_fingerprint=asked.data_fingerprint,
        data_options=asked.data_options,
        **_longest_of(asked, recorded),
    )


def _longest_of(manifest: Manifest, other: Manifest) -> dict[str, Any]:
    """The form of the longest input, where inputs may differ in length: more of them may be
    longer.
    """
    if manifest.unit != other.unit or not manifest.form.any_length:
        return {}
    return {"input_shape": manifest.input_shape, "num_features": manifest.num_features}


def _named(options: dict[str, Any]) -> str:
    given = [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join(given) or "no --limit"


def begin_growth(recorded: Manifest, manifest: Manifest, folder: Path) -> None:
    """Steps 1 and 2 but for the inputs: `manifest` takes the place of `recorded`, which is kept
    until all blocks are new.
    """
    known = read_before(folder)
    kept = [*known, recorded] if recorded not in known else known
    text = json.dumps([one.entries() for one in kept], indent=2, sort_keys=True)
    with replacing(folder / "ledger" / BEFORE) as aside:
        aside.write_text(text + "\n", encoding="utf-8")
    manifest.write(folder / "manifest.json")


def read_before(folder: Path) -> list[Manifest]:
    """The manifests that blocks may still carry. Raises ValueError where the file that has them is
    damaged.
    """
    path = folder / "ledger" / BEFORE
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Manifest.from_entries(one) for one in found]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged ({first_line(error)}); choose another --out"
        ) from error


def carry_over(ledger: Ledger, before: Sequence[Manifest], inputs: pa.Table) -> None:
    """Step 3 for all blocks that are whole already; the ledger holds the votes of one that is not.

    Raises ValueError where an earlier manifest is none of a part of this run, or a block is
    damaged.
    """
    earlier = {one.digest(): Ledger(ledger.folder, one) for one in before if one != ledger.manifest}
    for one in earlier.values():
        part = inputs.slice(0, one.manifest.num_inputs)
        as_now = dataclasses.replace(
            ledger.manifest,
            num_inputs=one.manifest.num_inputs,
            data_fingerprint=fingerprint_inputs(part),
            **_longest_of(one.manifest, ledger.manifest),
        )
        refuse_other(one.manifest, as_now, ledger.folder / "ledger" / BEFORE)
    for block in ledger.present_blocks() if earlier else []:
        owner = earlier.get(ledger.blocks.digest_of(block))
        if owner is None:  # of this manifest, or damaged: reading it tells
            continue
        votes = owner.read_block(block)
        if len(votes) == ledger.schedule.num_votes_of(block):
            ledger.write_block(block, votes)
        else:
            ledger.keep_partial(block, votes)


def end_growth(folder: Path) -> None:
    """Step 4."""
    (folder / "ledger" / BEFORE).unlink(missing_ok=True)
