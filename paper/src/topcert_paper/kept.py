"""What is kept of whole ledgers, so that certificates that need every vote can be derived again.

DIR/NAME.zip        the folder of a ledger of the same votes in few blocks; counts.csv alone where
                    its stopping rule reads no more, and counts-W.csv for each W of ballots under
                    independent masks, whose ranks take ten times as much. Unpack it, and `topcert
                    evaluate` reads it. Earlier releases kept it as a folder NAME, which is read too
DIR/record.json     where they come from, as a table's
DIR/seconds.json    what was measured: seconds a vote of NAME, seconds an input of a certificate
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
import pyarrow.parquet as pq

from topcert.evaluation.counts import mark_of, write_counts
from topcert.files import first_line, local, replacing
from topcert.noise.law import IID
from topcert.voting.ledger import Ledger

MAX_BATCHES: Final = 10**6


def keep_ledger(ledger: Ledger, folder: Path, name: str) -> None:
    """Write a full ledger again as `folder`/NAME.zip, in few blocks and without the place where its
    data was.

    Raises ValueError where the ledger is incomplete or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="topcert-") as aside:
        _write_again(ledger, Path(aside))
        with replacing(_packed(folder, name)) as archive:
            _pack(Path(aside), archive)
    shutil.rmtree(folder / name, ignore_errors=True)  # as an earlier release kept it


@contextmanager
def open_kept(folder: Path, name: str) -> Iterator[Ledger]:
    """The ledger that is kept under a name, unpacked for as long as this is entered.

    Raises ValueError where there is none, or its file is damaged.
    """
    packed = _packed(folder, name)
    if not packed.is_file():
        yield Ledger.open(folder / name)
        return
    with TemporaryDirectory(prefix="topcert-") as aside:
        try:
            with ZipFile(packed) as archive:
                archive.extractall(Path(aside) / name)
        except (BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f"{packed} is damaged ({first_line(error)})") from error
        yield Ledger.open(Path(aside) / name)


def is_kept(folder: Path, name: str) -> bool:
    """Whether votes are kept under a name."""
    return _packed(folder, name).is_file() or (folder / name / "manifest.json").is_file()


def _packed(folder: Path, name: str) -> Path:
    return folder / f"{name}.zip"


def _pack(folder: Path, archive: Path) -> None:
    """All files of a folder in one, without the times at which they were written: the same files
    give the same bytes.
    """
    with ZipFile(archive, "w", ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = ZipInfo(path.relative_to(folder).as_posix())
            packed.writestr(entry, path.read_bytes(), ZIP_DEFLATED)


def _write_again(ledger: Ledger, folder: Path) -> None:
    """The ledger as it is kept, in an empty folder."""
    (folder / "ledger").mkdir()
    manifest = replace(
        ledger.manifest,
        data_options={**ledger.manifest.data_options, "data_dir": None},
        model=Path(ledger.manifest.model).name,
        batches_per_block=MAX_BATCHES,
    )
    kept = Ledger(folder, manifest)
    kept.write_inputs(pq.read_table(local(ledger.inputs_path)))
    if ledger.stopping_test is not None and not ledger.stopping_test.needs_masks:
        write_counts(
            ledger.counts(),
            ledger.read_inputs()[1],
            folder / "counts.csv",
            mark=mark_of(manifest),
            num_named=manifest.depth,
        )
    elif manifest.depth > 1 and manifest.law == IID and ledger.stopping_test is None:
        for named in range(1, manifest.depth + 1):
            counts = ledger.counts(num_named=named)
            write_counts(counts, ledger.read_inputs()[1], folder / tallied(named), num_named=named)
    else:
        votes = list(ledger.iterate_inputs())
        more = True
        while more:  # one block a stage
            for block in kept.missing_blocks():
                parts = [
                    votes[position][start:stop]
                    for position, start, stop in map(
                        kept.schedule.place, kept.schedule.batches_of(block)
                    )
                ]
                kept.write_block(block, np.concatenate(parts).astype(np.int64))
            more = kept.extend()
    manifest.write(folder / "manifest.json")


def tallied(num_named: int) -> str:
    """The file of the counts of so many labels of each vote, where counts are kept of several."""
    return f"counts-{num_named}.csv"


def write_seconds(folder: Path, found: dict[str, float]) -> None:
    """Add or replace entries of seconds.json."""
    entries = {**read_seconds(folder), **found}
    with replacing(folder / "seconds.json") as aside:
        aside.write_text(
            json.dumps(dict(sorted(entries.items())), indent=2) + "\n", encoding="utf-8"
        )


def read_seconds(folder: Path) -> dict[str, float]:
    """All entries of seconds.json; none where there is no such file. Raises ValueError where it is
    damaged.
    """
    path = folder / "seconds.json"
    if not path.is_file():
        return {}
    try:
        found = {
            str(name): float(value)
            for name, value in json.loads(path.read_text(encoding="utf-8")).items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({first_line(error)})") from error
    if any(not 0 <= value < float("inf") for value in found.values()):
        raise ValueError(f"{path} is damaged: seconds must be finite and not negative")
    return found
