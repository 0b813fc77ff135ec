"""Make the folders of runs that later releases must read: run it in the release that is to be
kept, `python -m tests.formats.make tests/formats/RELEASE`, and never again for that release.

The folder holds exact.py, and gets the data and a run for each line of commands.txt.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import numpy as np

from topcert.cli import main as topcert

COMMANDS = """
certify table.npz exact:make --class-names names.txt --keep 3 --k 1,2 --samples 300 \
--alpha 0.05 --out ablation
certify wide.npz exact:make --keep 1001 --k 1,2 --samples 100 --label predicted \
--alpha 0.05 --out wide
certify points.npz exact:make --keep 3 --k 1,2 --samples 400 --label predicted --out points
certify images.npz exact:make --method located --keep 4 --k 1,2 --ballot 2 --samples 200 \
--label predicted --out located
certify images.npz exact:make --method cohen --sigma 0.25 --samples 200 --out gaussian
certify images.npz exact:make --method run-off --design lattice:2x3 --ballot 4 --k 1 \
--label predicted --out run-off
certify images.npz exact:make --keep 4 --k 1 --stop radius=1 --max-samples 640 --out stopped
predict images.npz exact:make --design lattice:2x3 --k 2 --out predicted
"""
NAMES = ("ant", "bee", "cat", "dog", "elk")
UNDRAWN = ("accuracy.png", "accuracy.svg")  # kept of one run alone, for they are large


def main(folder: Path) -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, len(NAMES), 4)
    np.savez_compressed(
        folder / "table.npz",
        x=(generator.integers(0, 65, (4, 12)) / 64).astype(np.float32),
        y=np.array(NAMES)[labels],
    )
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    np.savez_compressed(
        folder / "wide.npz",
        x=(generator.integers(0, 65, (2, 1200)) / 64).astype(np.float32),
        y=labels[:2],
    )
    np.savez_compressed(
        folder / "points.npz",
        x=(generator.integers(-64, 65, (4, 10, 3)) / 64).astype(np.float32),
        y=labels,
    )
    np.savez_compressed(
        folder / "images.npz",
        x=generator.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8),
        y=labels,
    )
    (folder / "commands.txt").write_text(COMMANDS.lstrip())
    os.chdir(folder)
    sys.path.insert(0, ".")
    for line in COMMANDS.strip().splitlines():
        sys.argv = ["topcert", *shlex.split(line)]
        try:
            topcert()
        except SystemExit as stopped:
            if stopped.code:
                raise
    for path in Path().glob("*/accuracy.*"):
        if path.name in UNDRAWN and path.parent.name != "ablation":
            path.unlink()
    for path in Path().glob("*/ledger/.lock"):
        path.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
