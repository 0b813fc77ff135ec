"""Every ratio in one table: masks, certificates of stored votes, runs and their workers.

    python benchmarks/all.py [--full] [--out FOLDER]

Each row is measured beside something else in turn. The exit code is 1 where a ratio is beyond its
limit, which is far from what is measured on a quiet machine: then something became slower.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import arithmetic
import executors
import masks
from table import failed, to_markdown, write


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = [
        *masks.rows(full=options.full),
        *arithmetic.rows(full=options.full),
        *executors.rows(full=options.full),
    ]
    print(to_markdown(found))
    if options.out is not None:
        write(found, options.out)
    for line in failed(found):
        print(line, file=sys.stderr)
    return 1 if failed(found) else 0


if __name__ == "__main__":
    sys.exit(main())
