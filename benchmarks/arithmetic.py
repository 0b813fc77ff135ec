"""What certificates cost once the votes are there: no passes.

    python benchmarks/arithmetic.py [--full] [--rounds 3] [--out FOLDER]

- Theorem 1 on simulated counts of many inputs: one call for k = 1 .. 10, and ten calls of one k
  each, for given and for predicted labels; beside ordering the same table once (NumPy's stable
  argsort), which is what finding the strongest labels cost before.
- `located` on votes of 32 x 32 images, e = 50, n = 10,000, k = 3; beside one product of all masks
  with themselves in float32 for each image, which counts pairs of pixels once.

The small form has 2,000 inputs and 4 simulated images, `--full` 50,000 and also the 500 of CIFAR-10
whose votes `paper/` carries. Simulated counts are sparse, as networks give them: few labels have
votes, and most inputs are clear.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from table import Row, compared, main

import topcert
from topcert.methods.certify import certify
from topcert.methods.located import METHOD
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation
from topcert.randomization.masks import draw_masks
from topcert.voting.replay import ReplayedMasks, Votes

Ints = NDArray[np.int64]
RIVALS = 12  # of each input: labels with votes besides the first


def simulated_counts(
    inputs: int, classes: int, samples: int, *, seed: int = 0
) -> tuple[Ints, Ints]:
    """Counts `(inputs, classes)` and the label of each input, which has the most votes of nearly
    all.
    """
    generator = np.random.default_rng(seed)
    lost = np.minimum(np.exp(generator.normal(np.log(0.0005), 2.0, inputs)), 0.9) * samples
    shares = generator.dirichlet(np.full(RIVALS, 0.3), size=inputs)
    gained = np.floor(shares * lost[:, None]).astype(np.int64)
    labels, rows = generator.integers(0, classes, inputs), np.arange(inputs)
    others = generator.integers(1, classes, (inputs, 1)) + 7 * np.arange(RIVALS)
    counts = np.zeros((inputs, classes), np.int64)
    np.add.at(counts, (rows[:, None], (labels[:, None] + others) % classes), gained)
    counts[rows, labels] += samples - counts.sum(axis=1)
    return counts, labels


def counts_rows(*, inputs: int, rounds: int) -> list[Row]:
    """Theorem 1 on a table of counts, n = 100,000, 1,000 classes, d = 50,176, e = 1,000."""
    counts, labels = simulated_counts(inputs, 1_000, 100_000)
    smoothing = Smoothing(noise=Ablation(num_kept=1_000), unit="pixel", num_features=50_176)
    method = find_vote_method("ablation")

    def run(ks: Sequence[int], *, given: bool) -> None:
        certify(
            method,
            counts,
            smoothing=smoothing,
            labels=labels if given else None,
            label_choice="given" if given else "predicted",
            ks=ks,
            alpha=0.001,
        )

    def ordered() -> None:
        np.argsort(-counts, axis=1, kind="stable")

    found = []
    for choice, one, ten in (("given", 6.0, 40.0), ("predicted", 16.0, 60.0)):
        given = choice == "given"
        for name, limit, ks in (
            ("one call, k = 1 .. 10", one, [range(1, 11)]),
            ("ten calls, one k each", ten, [[k] for k in range(1, 11)]),
        ):
            found.append(
                compared(
                    "arithmetic",
                    f"{inputs:,} x 1,000 counts, {choice} labels: {name}",
                    lambda ks=ks, given=given: [run(each, given=given) for each in ks],
                    "ordering the table",
                    ordered,
                    rounds=rounds,
                    clock=time.process_time,
                    goal=4.0 if inputs == 50_000 else None,
                    limit=limit,
                )
            )
    return found


def simulated_votes(images: int) -> topcert.Votes:
    """Votes for how bright the kept pixels are: some images are clear, some not."""
    x = np.random.default_rng(0).random((images, 32, 32, 3), np.float32)
    x *= np.linspace(0.7, 1.0, images, dtype=np.float32)[:, None, None, None]

    def brightness(batch: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.digitize(batch[:, :3].sum(axis=(1, 2, 3)), (53.0, 57.0, 67.0, 71.0))

    smoothed = topcert.SmoothedClassifier(brightness, noise=Ablation(num_kept=50), num_classes=10)
    return smoothed.vote(x, num_samples=10_000, progress=False)


def located_row(name: str, ledger: Votes, *, rounds: int, goal: float | None = None) -> Row:
    """`located` at k = 3 on votes under 10,000 masks that keep 50 of 1,024 pixels."""
    manifest = ledger.manifest
    counts = ledger.counts()
    labels, images = counts.argmax(axis=1), len(counts)
    smoothing = Smoothing(noise=manifest.noise, unit="pixel", num_features=1_024)
    kept = draw_masks(seed=0, start=0, stop=10_000, num_features=1_024, num_kept=50)
    keeps = np.zeros((len(kept), 1_024), np.float32)
    np.put_along_axis(keeps, kept.astype(np.int64), 1, axis=1)

    def located() -> None:
        METHOD.radii(
            counts, ReplayedMasks(ledger), labels, ks=[3], alpha=0.001, smoothing=smoothing
        )

    return compared(
        "arithmetic",
        f"located, {name}, e = 50, n = 10,000, k = 3",
        located,
        "pairs of pixels of all masks, for each image",
        lambda: [keeps.T @ keeps for _ in range(images)],
        rounds=rounds,
        clock=time.process_time,
        goal=goal,
        limit=5.0,
    )


def carried_row() -> Row:
    """The same on the votes of the distribution in `paper/`, once."""
    from topcert_paper.kept import open_kept

    votes = Path(__file__).parents[1] / "paper/src/topcert_paper/votes/beyond"
    with open_kept(votes, "compact.sampled") as ledger:
        return located_row("500 images of CIFAR-10", ledger, rounds=1, goal=20.0)


def rows(*, full: bool, rounds: int = 3) -> list[Row]:
    """All rows, in the small form or the full one."""
    found = counts_rows(inputs=50_000 if full else 2_000, rounds=rounds)
    votes = simulated_votes(4)  # their folder is there for as long as they are
    found.append(located_row("4 simulated images", votes.ledger, rounds=rounds))
    return [*found, carried_row()] if full else found


if __name__ == "__main__":
    main(__doc__, rows)
