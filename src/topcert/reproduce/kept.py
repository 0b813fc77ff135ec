"""What is kept of whole ledgers, so that certificates that need every vote can be derived again.

DIR/NAME/           a ledger of the same votes in one block; of a stopped one counts.csv alone, all that its rule reads
DIR/record.json     where they come from, as a table's
DIR/seconds.json    what was measured: seconds a vote of NAME, seconds an input of a certificate
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from topcert.evaluation.counts import write_counts
from topcert.files import replacing
from topcert.voting.ledger import Ledger


def keep_ledger(ledger: Ledger, folder: Path) -> Ledger:
    """Write a full ledger again as `folder`, in one block and without the place where its data was; returns the copy.

    Raises ValueError where the ledger is incomplete or damaged.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "ledger").mkdir(parents=True)
    manifest = replace(
        ledger.manifest,
        data_options={**ledger.manifest.data_options, "data_dir": None},
        model=Path(ledger.manifest.model).name,
        batches_per_block=ledger.num_batches,
    )
    kept = Ledger(folder, manifest)
    kept.write_inputs(pq.read_table(ledger.inputs_path))
    if ledger.judge is None:
        kept.write_block(0, np.concatenate(list(ledger.iterate_inputs())).astype(np.int64))
    else:
        write_counts(ledger.counts(), ledger.read_inputs()[1], folder / "counts.csv")
    manifest.write(folder / "manifest.json")  # last: a folder without it is no ledger
    return kept


def write_seconds(folder: Path, found: dict[str, float]) -> None:
    """Add or replace entries of seconds.json."""
    entries = {**read_seconds(folder), **found}
    with replacing(folder / "seconds.json") as aside:
        aside.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n", encoding="utf-8")


def read_seconds(folder: Path) -> dict[str, float]:
    """All entries of seconds.json; none where there is no such file. Raises ValueError where it is damaged."""
    path = folder / "seconds.json"
    if not path.is_file():
        return {}
    try:
        found = {str(name): float(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0][:200]})") from error
    if any(not 0 <= value < float("inf") for value in found.values()):
        raise ValueError(f"{path} is damaged: seconds must be finite and not negative")
    return found
