"""What masks cost, each: by the streams that new runs take, beside NumPy's own sampling.

    python benchmarks/masks.py [--full] [--rounds 3] [--out FOLDER]

NumPy's `Generator.choice` without replacement makes the same sets, unordered, of no fixed stream.
"""

from __future__ import annotations

import time

import numpy as np
from table import Row, compared, main

from topcert.randomization.mask_streams import STREAMS, usual_stream

# features, kept ones, milliseconds a mask at most, times NumPy's at most
SIZES = (
    (1_024, 50, None, 1.5),
    (50_176, 1_000, None, 15.0),
    (50_176, 10_000, 0.3, 5.0),
    (50_176, 40_000, None, 4.0),
    (3_000_000, 100_000, 30.0, 8.0),
    (3_000_000, 2_900_000, None, 0.5),
)


def rows(*, full: bool, rounds: int = 5) -> list[Row]:
    """A row for each size; the small form draws fewer masks a round."""
    generator, found = np.random.default_rng(0), []
    for num_features, num_kept, goal, limit in SIZES:
        stream = usual_stream(num_features=num_features, num_kept=num_kept)
        size = max(1, (20_000_000 if full else 5_000_000) // num_features)

        def draw(
            num_features: int = num_features,
            num_kept: int = num_kept,
            stream: str = stream,
            size: int = size,
        ) -> None:
            STREAMS[stream](
                seed=0, start=0, stop=size, num_features=num_features, num_kept=num_kept
            )

        def choose(
            num_features: int = num_features, num_kept: int = num_kept, size: int = size
        ) -> None:
            for _ in range(size):
                generator.choice(num_features, num_kept, replace=False, shuffle=False)

        found.append(
            compared(
                "masks",
                f"{num_kept:,} of {num_features:,} ({stream})",
                draw,
                "NumPy's choice",
                choose,
                rounds=rounds,
                clock=time.process_time,
                unit="ms a mask",
                each=1_000 / size,
                goal=goal,
                limit=limit,
            )
        )
    return found


if __name__ == "__main__":
    main(__doc__, rows)
