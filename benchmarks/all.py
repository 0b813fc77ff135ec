"""Every ratio in one table: masks, encoding, certificates of stored votes, runs and their workers,
and other libraries.

    python benchmarks/all.py [--full] [--rounds 3] [--out FOLDER]

Each row is measured beside something else in turn. The exit code is 1 where a ratio is beyond its
limit, which is far from what is measured on a quiet machine: then something became slower.
"""

from __future__ import annotations

import device
import executors
import peers
import ratios
from table import Row, main


def rows(*, full: bool, rounds: int) -> list[Row]:
    """Those of all."""
    return [
        row
        for benchmark in (ratios, executors, device, peers)
        for row in benchmark.rows(full=full, rounds=rounds)
    ]


if __name__ == "__main__":
    main(__doc__, rows)
