"""The ratios that no other work on a machine disturbs much: each of processor time in one thread.

    python benchmarks/ratios.py [--full] [--rounds 3] [--out FOLDER]

Their limits lie four times above what is measured, or more: beyond them something became slower,
and the tests say so. `all.py` has the others too.
"""

from __future__ import annotations

import arithmetic
import encoding
import masks
from table import Row, main


def rows(*, full: bool, rounds: int) -> list[Row]:
    """Those of all."""
    return [
        row
        for benchmark in (masks, encoding, arithmetic)
        for row in benchmark.rows(full=full, rounds=rounds)
    ]


if __name__ == "__main__":
    main(__doc__, rows)
