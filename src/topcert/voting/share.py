"""A share of a run's blocks, for machines that have nothing in common but a way to copy files.

Share I of N has the blocks I - 1, I - 1 + N, I - 1 + 2 N, ... Each is computed into a folder of its
own under the whole run's manifest. `merge_shares` puts them together: a block that was computed
elsewhere is the block that would have been computed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import pyarrow.parquet as pq

from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED, Manifest, refuse_other


@final
@dataclass(frozen=True, kw_only=True)
class Share:
    """Share `number` of `of`, counted from 1."""

    number: int
    of: int

    @staticmethod
    def read(text: str) -> Share:
        """Of "I/N". Raises ValueError where it is none.

        >>> Share.read("2/8")
        Share(number=2, of=8)
        """
        found = re.fullmatch("([0-9]{1,6})/([0-9]{1,6})", str(text))
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"--shard must be I/N with I in 1 .. N, such as 2/8, got {text!r}")
        return Share(number=int(found[1]), of=int(found[2]))

    def __contains__(self, block: int) -> bool:
        return block % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@final
@dataclass(frozen=True, kw_only=True)
class Merged:
    """How many blocks a merged folder has, and which it lacks."""

    folder: Path
    blocks: int
    missing: tuple[int, ...]


def merge_shares(
    folders: Sequence[Path], out: Path, *, on_progress: Callable[[int, int, str], None]
) -> Merged:
    """Write the blocks of shares of one run into `out`, which may have some already.

    Blocks that are damaged, or of another run, are refused before anything is written; where two
    folders have the same block its votes must be the same. `on_progress(done, total, note)` counts
    blocks. Raises ValueError where the folders are not shares of one run.
    """
    if not folders:
        raise ValueError("name at least one folder of a share")
    ledgers = [Ledger.open(folder) for folder in (*folders, *_there(out))]
    first = ledgers[0].manifest
    if first.stopping != FIXED:
        raise ValueError(f"{folders[0]} was sampled with --stop, and such a run has no shares")
    for ledger in ledgers[1:]:
        refuse_other(first, ledger.manifest, folders[0])
        if ledger.manifest.batches_per_block != first.batches_per_block:
            raise ValueError(
                f"{ledger.folder} has {ledger.manifest.batches_per_block} batches a block and"
                f" {folders[0]} {first.batches_per_block}; merge shares of one release"
            )
    manifest = ledgers[-1].manifest if len(ledgers) > len(folders) else first
    owners: dict[int, Ledger] = {}
    for ledger in reversed(ledgers):  # what is in `out` stays
        for block in ledger.present_blocks():
            votes = ledger.read_block(block)
            if block in owners and (owners[block].read_block(block) != votes).any():
                raise ValueError(
                    f"{ledger.folder} and {owners[block].folder} have other votes in block {block}:"
                    " the model is not deterministic, or one of them was changed"
                )
            owners.setdefault(block, ledger)
    ledgers[0].read_inputs()  # raises where they are not those of the manifest
    return _write(out, manifest, ledgers[0], owners, on_progress)


def _there(out: Path) -> list[Path]:
    return [out] if (out / "manifest.json").exists() else []


def _write(
    out: Path,
    manifest: Manifest,
    first: Ledger,
    owners: dict[int, Ledger],
    on_progress: Callable[[int, int, str], None],
) -> Merged:
    (out / "ledger").mkdir(parents=True, exist_ok=True)
    merged = Ledger(out, manifest)
    with merged.lock():
        manifest.write(out / "manifest.json")
        merged.write_inputs(pq.read_table(first.inputs_path))
        for done, block in enumerate(sorted(owners)):
            if owners[block].folder != out:
                merged.write_block(block, owners[block].read_block(block))
            on_progress(done + 1, len(owners), "")
    return Merged(folder=out, blocks=len(owners), missing=tuple(merged.missing_blocks()))
