"""What sampling and bookkeeping cost on top of the raw forward passes of the carried CIFAR-10
network.

    python benchmarks/overhead.py [--images 8] [--samples 10000] [--rounds 3]

Fills whole ledgers (fingerprints, masks, encoding, votes, blocks, replays) on random images. Right
after each batch of a ledger, ONNX Runtime alone runs a constant batch of the same shape, so that
both meet the same noise of the machine. The ratio is the ledger's time, without those extra passes,
over theirs, scaled to the number of votes that were asked for.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from topcert.noise.ablation import Ablation
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run


class Interleaved:
    """The classifier of a run; after each call, the same network on a constant batch, timed
    apart.
    """

    def __init__(self, classifier: Any, batch: np.ndarray) -> None:
        self._classifier, self._batch = classifier, batch
        self.raw_seconds, self.calls = 0.0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._classifier, name)

    def __call__(self, batch: np.ndarray, **counting: Any) -> np.ndarray:
        labels = self._classifier(batch, **counting)
        began = time.perf_counter()
        self._classifier.run(self._batch)
        self.raw_seconds += time.perf_counter() - began
        self.calls += 1
        return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "images.npz"
        images = (
            np.random.default_rng(options.seed)
            .integers(0, 256, (options.images, 32, 32, 3))
            .astype(np.uint8)
        )
        np.savez(data, x=images)
        request = Request(
            data=str(data),
            model="compact",
            noise=Ablation(num_kept=50),
            num_samples=options.samples,
        )
        for number in range(options.rounds):
            opened = open_run(request, Path(folder) / str(number), resume=False)
            size = opened.prepared.batch_size
            timed = Interleaved(opened.prepared.classifier, np.zeros((size, 6, 32, 32), np.float32))
            timed(np.zeros((size, 6, 32, 32), np.float32))
            timed.raw_seconds, timed.calls = 0.0, 0
            opened = dataclasses.replace(
                opened, prepared=dataclasses.replace(opened.prepared, classifier=timed)
            )
            began = time.perf_counter()
            collect_votes(opened, on_progress=lambda done, total, note: None)  # noqa: ARG005
            whole = time.perf_counter() - began - timed.raw_seconds
            raw = timed.raw_seconds / timed.calls * options.images * options.samples / size
            ratios.append(whole / raw)
            print(
                f"round {number + 1}: {options.images * options.samples:,} votes in batches of"
                f" {size}: raw passes {raw:.2f} s, ledger {whole:.2f} s, ratio {ratios[-1]:.4f}",
                flush=True,
            )
    print(f"median ratio {np.median(ratios):.4f} ({options.rounds} rounds, {timed.runtime})")


if __name__ == "__main__":
    main()
