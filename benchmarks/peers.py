"""The pipeline beside that of another library: adversarial-robustness-toolbox (extra `bench`).

    python benchmarks/peers.py [--full] [--rounds 3] [--out FOLDER]

That library has no l0 certificate by ablation; its randomized smoothing adds Gaussian noise. So
both add Gaussian noise to the same images for the same torch network (`small`, untrained, three
channels), in one thread, as many passes each; the network alone on a constant batch stands beside
them. Without the library there are no rows.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
from table import Row, compared, main

BATCH = 250
SIGMA = 0.5


def rows(*, full: bool, rounds: int = 3) -> list[Row]:
    """Two rows: the passes of each library beside those of the network alone."""
    if find_spec("art") is None:
        print("adversarial-robustness-toolbox is not installed: no peers", file=sys.stderr)
        return []
    import torch
    from art.estimators.certification.randomized_smoothing import PyTorchRandomizedSmoothing

    import topcert
    from topcert.models.small import Small

    torch.set_num_threads(1)
    torch.manual_seed(0)
    images, samples = 8, 10_000 if full else 2_000
    network = Small(in_channels=3).eval()
    x = np.random.default_rng(0).integers(0, 256, (images, 32, 32, 3)).astype(np.float32) / 255
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    batch = torch.zeros(BATCH, 3, 32, 32)

    def alone() -> None:
        with torch.inference_mode():
            for _ in range(images * samples // BATCH):
                network(batch)

    smoothing = PyTorchRandomizedSmoothing(
        model=network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=(3, 32, 32),
        nb_classes=10,
        sample_size=samples,
        scale=SIGMA,
        device_type="cpu",
    )
    ours = topcert.SmoothedClassifier(
        network,
        noise=topcert.Gaussian(sigma=SIGMA),
        batch_size=BATCH,
        executor=topcert.InProcess(),
    )
    return [
        compared(
            "peers",
            f"{name}, Gaussian noise, {images} images, {samples:,} passes each",
            work,
            "the network alone",
            alone,
            rounds=rounds,
            unit="us a pass",
            each=1e6 / (images * samples),
        )
        for name, work in (
            (
                "topcert",
                lambda: ours.vote(x, label_choice="predicted", num_samples=samples, progress=False),
            ),
            (
                "adversarial-robustness-toolbox",
                lambda: smoothing.predict(first, batch_size=BATCH),
            ),
        )
    ]


if __name__ == "__main__":
    main(__doc__, rows)
