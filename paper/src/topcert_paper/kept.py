"""What is kept of whole ledgers, so that certificates that need every vote can be derived again.

DIR/NAME/           a ledger of the same votes in few blocks; counts.csv alone where its stopping
                    rule reads no more, and counts-W.csv for each W of ballots under independent
                    masks, whose ranks take ten times as much
DIR/record.json     where they come from, as a table's
DIR/seconds.json    what was measured: seconds a vote of NAME, seconds an input of a certificate
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from topcert.evaluation.counts import mark_of, write_counts
from topcert.files import first_line, replacing
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import IID

MAX_BATCHES: Final = 10**6


def keep_ledger(ledger: Ledger, folder: Path) -> Ledger:
    """Write a full ledger again as `folder`, in few blocks and without the place where its data
    was; returns the copy.

    Raises ValueError where the ledger is incomplete or damaged.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "ledger").mkdir(parents=True)
    manifest = replace(
        ledger.manifest,
        data_options={**ledger.manifest.data_options, "data_dir": None},
        model=Path(ledger.manifest.model).name,
        batches_per_block=MAX_BATCHES,
    )
    kept = Ledger(folder, manifest)
    kept.write_inputs(pq.read_table(ledger.inputs_path))
    if ledger.judge is not None and not ledger.judge.asks_masks:
        write_counts(
            ledger.counts(),
            ledger.read_inputs()[1],
            folder / "counts.csv",
            mark=mark_of(manifest),
            num_named=manifest.depth,
        )
    elif manifest.depth > 1 and manifest.law == IID and ledger.judge is None:
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
                    for position, start, stop in map(kept.place, kept.batches_of(block))
                ]
                kept.write_block(block, np.concatenate(parts).astype(np.int64))
            more = kept.extend()
    manifest.write(folder / "manifest.json")  # last: a folder without it is no ledger
    return kept


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
