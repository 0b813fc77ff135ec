"""What sampling and bookkeeping cost on top of the raw forward passes of the carried CIFAR-10 network.

    python benchmarks/overhead.py [--images 20] [--samples 10000] [--rounds 5]

In turn, in one process: the same number of passes of the same ONNX Runtime session on one constant batch, and
a whole ledger (masks, encoding, votes, blocks, replays) on random images. Prints the ratio of each round and the median.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from topcert.voting.run import Request, collect_votes, open_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "images.npz"
        images = np.random.default_rng(options.seed).integers(0, 256, (options.images, 32, 32, 3)).astype(np.uint8)
        np.savez(data, x=images)
        request = Request(data=str(data), model="compact", num_kept=50, num_samples=options.samples)
        for number in range(options.rounds):
            opened = open_run(request, Path(folder) / str(number), resume=False)
            size, classifier = opened.prepared.batch_size, opened.prepared.classifier
            batches = options.images * -(-options.samples // size)
            batch = np.zeros((size, 6, 32, 32), np.float32)
            classifier(batch)
            began = time.perf_counter()
            for _ in range(batches):
                classifier(batch)
            raw = time.perf_counter() - began
            began = time.perf_counter()
            collect_votes(opened, on_progress=lambda done, total, note: None)  # noqa: ARG005 - nobody watches
            whole = time.perf_counter() - began
            ratios.append(whole / raw)
            print(
                f"round {number + 1}: {batches * size:,} passes in batches of {size}: raw {raw:.2f} s, "
                f"ledger {whole:.2f} s, ratio {ratios[-1]:.4f}"
            )
    print(f"median ratio {np.median(ratios):.4f} ({options.rounds} rounds, {classifier.runtime})")


if __name__ == "__main__":
    main()
