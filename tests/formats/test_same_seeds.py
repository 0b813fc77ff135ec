"""The same seeds give the votes and radii that release 0.1.0 gave, under every law of noise and for
every kind of input it had; these were written down from it.

The model answers in whole numbers, so that its votes are the same wherever the tests run.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome

KEPT = Path(__file__).parent
A = None  # abstains

# counts of each input, then the radius of each input, k and label
BEFORE: dict[str, tuple[list[list[int]], list[int | None]]] = {
    "images.npz exact:make --method jia-2020 --sigma 0.05 --k 1,2 --samples 300": (
        [[235, 0, 0, 0, 65], [0, 0, 0, 0, 300], [0, 0, 0, 0, 300], [0, 0, 139, 0, 161]],
        [0, 0, A, A, 0, 0, A, 0],
    ),
    "images.npz exact:make --method lee --keep-probability 0.95 --samples 300": (
        [[197, 0, 1, 0, 102], [4, 0, 0, 0, 296], [0, 0, 0, 0, 300], [0, 0, 143, 0, 157]],
        [0, 0, 0, A],
    ),
    "points.npz exact:make --keep 3 --k 1,2 --samples 400 --label predicted": (
        [
            [141, 21, 31, 53, 154],
            [61, 69, 60, 47, 163],
            [39, 23, 180, 66, 92],
            [40, 50, 157, 146, 7],
        ],
        [A, 0, 0, 0, 0, A, 0, 0, A, A, 0, 0],
    ),
    "digits exact:make --keep 40 --k 1,3 --samples 300 --label predicted --limit 4 --stride 90": (
        [[1, 11, 85, 0, 203], [3, 2, 90, 0, 205], [3, 3, 99, 0, 195], [2, 13, 113, 15, 157]],
        [0, 0, 0, A, 0, 0, 0, A, 0, 0, 0, A, A, 0, 0, A],
    ),
}


@pytest.mark.parametrize("command", BEFORE)
def test_votes_and_radii_are_those_of_the_first_release(
    command: str,
    topcert: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("0.1.0/exact.py", "0.1.0/images.npz", "0.2.0/points.npz"):
        shutil.copy(KEPT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "exact", raising=False)
    run = topcert("certify", *command.split(), "--seed", 3, "--out", "o")
    assert run.code == 0, run.err
    counts, radii = BEFORE[command]
    table = pyarrow.csv.read_csv("o/counts.csv")
    assert [[row[str(label)] for label in range(5)] for row in table.to_pylist()] == counts
    assert pq.read_table("o/certificates.parquet").column("radius").to_pylist() == radii
