"""ledger/inputs.parquet: what a run writes is read, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from topcert.voting.inputs import fingerprint_inputs, inputs_table, read_inputs_file

HASHES = ["a" * 64, "b" * 64, "c" * 64]


def table(index: list[Any], label: list[Any], sha256: list[Any]) -> pa.Table:
    columns = {"index": pa.array(index, pa.int64()), "label": pa.array(label, pa.int64())}
    return pa.table({**columns, "sha256": pa.array(sha256, pa.string())})


WHOLE = table([0, 1, 2], [0, 1, 2], HASHES)


def cast_to(index: pa.DataType, label: pa.DataType) -> pa.Table:
    kinds = [("index", index), ("label", label), ("sha256", pa.string())]
    return WHOLE.cast(pa.schema(kinds))


def read(folder: Path, table: pa.Table, *, num_inputs: int = 3) -> Any:
    """Read it back under a fingerprint made to fit, as a forger's manifest would have it."""
    pq.write_table(table, folder / "inputs.parquet")
    fingerprint = fingerprint_inputs(table)
    return read_inputs_file(
        folder / "inputs.parquet", fingerprint=fingerprint, num_inputs=num_inputs, num_classes=5
    ).inputs


@pytest.mark.parametrize("labels", [[0, 4, 2], None])
def test_what_a_run_writes_is_read(tmp_path: Path, labels: list[int] | None) -> None:
    given = None if labels is None else np.array(labels)
    found = read(tmp_path, inputs_table(np.array([0, 20, 40]), given, HASHES))
    assert found.indices.tolist() == [0, 20, 40]
    assert (None if found.labels is None else found.labels.tolist()) == labels
    assert found.hashes == HASHES


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (table([0, 1, 1], [0, 1, 1], HASHES), "index 1 stands there twice"),
        (
            table([0, 1, 0], [0, 1, 0], HASHES),
            "index 1 comes before 0; a run counts each input once",
        ),
        (table([2, 1, 2], [0, 1, 0], HASHES), "index 2 stands there twice"),
        (table([3, 1, 2], [0, 1, 2], HASHES), "index 3 comes before 1; .* in ascending order"),
        (table([-1, 0, 1], [0, 1, 2], HASHES), "index -1 is negative"),
        (table([0, None, 2], [0, 1, 2], HASHES), "an input has no index or no sha256"),
        (table([0, 1, 2], [0, 1, 2], [*HASHES[:2], None]), "an input has no index or no sha256"),
        (table([0, 1, 2], [0, None, 2], HASHES), "1 of 3 inputs have no label; all have, or none"),
        (table([0, 1, 2], [0, 5, 2], HASHES), "label 5 is out of range; there are 5 classes"),
        (table([0, 1, 2], [0, 1, -1], HASHES), "label -1 is out of range"),
        (WHOLE.append_column("name", pa.array(["x", None, "y"])), "an input has no name"),
        (WHOLE.append_column("note", pa.array(["x"] * 3)), "its columns are .*note"),
        (WHOLE.select(["label", "index", "sha256"]), "its columns are label .*a run writes"),
        (cast_to(pa.int32(), pa.int64()), r"index \(int32\)"),
        (cast_to(pa.int64(), pa.float64()), r"label \(double\)"),
    ],
)
def test_what_no_run_writes_is_refused(tmp_path: Path, table: pa.Table, message: str) -> None:
    with pytest.raises(
        ValueError, match=rf"inputs\.parquet (is damaged|has been changed).*{message}|{message}"
    ):
        read(tmp_path, table)


def test_another_number_of_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not match the manifest's data_fingerprint"):
        read(tmp_path, inputs_table(np.arange(3), None, HASHES), num_inputs=4)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    table = inputs_table(np.arange(3), np.arange(3), HASHES)
    pq.write_table(table.append_column("label", pa.array([0, 1, 2])), tmp_path / "inputs.parquet")
    with pytest.raises(ValueError, match="is damaged"):
        read_inputs_file(
            tmp_path / "inputs.parquet",
            fingerprint=fingerprint_inputs(table),
            num_inputs=3,
            num_classes=5,
        )
