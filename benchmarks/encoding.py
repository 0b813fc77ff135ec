"""What it costs to show ablated inputs to a network, beside copying the batch once.

    python benchmarks/encoding.py [--full] [--rounds 3] [--out FOLDER]

Only what is kept is touched: the last masks are undone in the batch and the next ones written. A
copy of the batch is the least that a loop pays which makes each row anew.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from table import Row, compared, main

from topcert.modalities.encodings.encoding import Encoder
from topcert.modalities.make_encoder import make_encoder
from topcert.randomization.mask_streams import STREAMS, usual_stream

# side of an image, kept pixels, batch size, milliseconds a row at most, times a copy at most
SIZES = ((32, 50, 250, None, 10.0), (224, 1_000, 8, 0.1, 6.0), (224, 10_000, 8, None, 25.0))


def show(
    encoder: Encoder, planes: NDArray[np.float32], batches: Sequence[NDArray[np.int32]]
) -> None:
    """Encode an input under each batch of masks."""
    for kept in batches:
        encoder(planes, kept)


def copy(source: NDArray[np.float32], target: NDArray[np.float32], times: int) -> None:
    """Copy a batch so many times."""
    for _ in range(times):
        np.copyto(target, source)


def rows(*, full: bool, rounds: int = 5) -> list[Row]:
    """A row for each size; the full form shows more rows a round."""
    found = []
    for side, num_kept, batch_size, goal, limit in SIZES:
        x = np.random.default_rng(0).random((3, side * side), np.float32)
        draw = STREAMS[usual_stream(num_features=side * side, num_kept=num_kept)]
        masks = draw(
            seed=0, start=0, stop=4 * batch_size, num_features=side * side, num_kept=num_kept
        ).reshape(4, batch_size, num_kept)
        batches = [np.ascontiguousarray(one) for one in masks]
        encoder = make_encoder(
            "six-channel",
            shape=(side, side, 3),
            unit="pixel",
            batch_size=batch_size,
            dtype=np.dtype(np.float32),
        )
        source = np.zeros((batch_size, 6, side, side), np.float32)
        times = (4 if full else 1) * max(1, 2_000_000 // (batch_size * num_kept)) // 4 + 1

        found.append(
            compared(
                "encoding",
                f"six-channel, {num_kept:,} pixels of {side} x {side}, batches of {batch_size}",
                partial(show, encoder, x, batches * times),
                "a copy of the batch",
                partial(copy, source, np.empty_like(source), len(batches) * times),
                rounds=rounds,
                clock=time.process_time,
                unit="ms a row",
                each=1_000 / (4 * times * batch_size),
                goal=goal,
                limit=limit,
            )
        )
    return found


if __name__ == "__main__":
    main(__doc__, rows)
