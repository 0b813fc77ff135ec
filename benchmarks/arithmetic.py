"""The certificate arithmetic alone: 50,000 inputs x 1,000 classes, bounds and radii for k = 1 ..
10.

python benchmarks/arithmetic.py [--inputs 50000] [--classes 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import topcert


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    shares = generator.dirichlet(np.full(options.classes, 0.02), size=options.inputs)
    counts = np.floor(shares * options.samples).astype(np.int64)
    counts[:, 0] += options.samples - counts.sum(axis=1)
    labels = counts.argmax(axis=1)
    for d, e in ((50_176, 1_000), (1_024, 50), (64, 20)):
        began = time.perf_counter()
        lower, upper = topcert.simultaneous_bounds(counts, alpha=0.001, labels=labels)
        middle = time.perf_counter()
        topcert.certified_radius(lower, upper, labels, k=range(1, 11), num_features=d, num_kept=e)
        end = time.perf_counter()
        print(
            f"{options.inputs:,} x {options.classes:,}, n = {options.samples:,}, d = {d:,}, e ="
            f" {e:,}: bounds {middle - began:.2f} s, radii for k = 1 .. 10 {end - middle:.2f} s,"
            f" together {end - began:.2f} s"
        )


if __name__ == "__main__":
    main()
