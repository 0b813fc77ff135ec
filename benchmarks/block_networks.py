"""One network for each block of a partition, as Feature Partition Aggregation has it, beside one
network for all of them.

    python benchmarks/block_networks.py --data-dir DIR --out DIR [--stride 5] [--width 32]
        [--epochs 2] [--images 500] [--seed 0]

Hammoudeh & Lowd (2024) train a network of its own on each block of features. Here the blocks are
the grids of the design `lattice`; the rival is one network of the same kind, trained on all of them
for as many steps as the others take together. Both see 48,000 training images under the recipe of
the network `lattice`, without a teacher. Printed are single passes and the certified accuracy of
the vote, one label a block, by its authors' rule. Trainings go on where they were stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import nn

from topcert.datasets.cifar10 import HELD_OUT
from topcert.models.lattice import LatticeNet
from topcert.theory.design_radius import partition_radius
from topcert.training.networks import channels_first
from topcert.training.noise import LatticeNoise, Noise, grids
from topcert.training.plans import usual_plan
from topcert.training.trainer import train

RADII = (0, 1, 2, 3, 4, 5, 8, 10, 12)
PIXELS = 32 * 32


@final
@dataclass(frozen=True, kw_only=True)
class OneGrid(Noise):
    """Show each image under one grid of a lattice, the same at all times."""

    stride: int
    block: int
    law: str = field(default="lattice", init=False)
    planes: int = field(default=2, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:  # noqa: ARG002
        chosen = torch.full((len(images),), self.block, device=images.device)
        return grids(images, chosen, (self.stride, self.stride))


def trained(noise: Noise, *, epochs: int, folder: Path, arguments: argparse.Namespace) -> nn.Module:
    """A network made for `noise`, in evaluation mode; its training is gone on with in `folder`."""
    torch.manual_seed(arguments.seed)
    network = LatticeNet(width=arguments.width)
    images, labels = channels_first("train", arguments.data_dir)
    seen = slice(len(images) - HELD_OUT)
    plan = dataclasses.replace(
        usual_plan("lattice", noise), epochs=epochs, average=0.98, seed=arguments.seed
    )
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(folder.name)
        train(
            network,
            (images[seen], labels[seen]),
            channels_first("test", arguments.data_dir),
            plan=plan,
            folder=folder,
            on_step=lambda step, total, note: bar.update(
                task, completed=step, total=total, description=f"{folder.name} {note}"
            ),
        )
    return network.eval()


@torch.inference_mode()
def votes_of(network: nn.Module, images: NDArray, *, stride: int, block: int) -> NDArray[np.int64]:
    """The label that the network names for each image under one grid, `(images,)`."""
    noise = OneGrid(stride=stride, block=block)
    shown = noise.show(torch.from_numpy(images), seed=0, first=0)
    return np.asarray(network(shown).argmax(1))


def certified(votes: NDArray[np.int64], labels: NDArray[np.int64], k: int) -> list[float]:
    """Share of the images whose label is certified at each of `RADII`; `votes` is
    `(images, blocks)`.
    """
    radii = np.array(
        [
            partition_radius(np.bincount(row, minlength=10), int(label), k=k, num_features=PIXELS)
            for row, label in zip(votes, labels, strict=True)
        ]
    )
    return [float((radii >= radius).mean()) for radius in RADII]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stride", type=int, default=5)
    parser.add_argument("--width", type=int, default=32, help="channels; the carried one has 96")
    parser.add_argument("--epochs", type=int, default=2, help="of each block's own network")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    stride, blocks = arguments.stride, arguments.stride**2
    images, labels = channels_first("test", arguments.data_dir)
    step = len(images) // arguments.images
    chosen = slice(0, step * arguments.images, step)

    one = trained(
        LatticeNoise(stride=stride),
        epochs=arguments.epochs * blocks,
        folder=arguments.out / "one-for-all",
        arguments=arguments,
    )
    every, own = [], []
    for block in range(blocks):
        network = trained(
            OneGrid(stride=stride, block=block),
            epochs=arguments.epochs,
            folder=arguments.out / f"block-{block:02d}",
            arguments=arguments,
        )
        own.append(votes_of(network, images[chosen], stride=stride, block=block))
        every.append(votes_of(one, images[chosen], stride=stride, block=block))

    table = Table(
        "k",
        "networks",
        "a single pass",
        *(f"r = {radius}" for radius in RADII),
        title=f"{arguments.images} images, {blocks} blocks, width {arguments.width},"
        f" {arguments.epochs * blocks} epochs in all, seed {arguments.seed}",
    )
    for k in (1, 3):
        for name, votes in (("one for all", every), ("one a block", own)):
            found = np.stack(votes, axis=1)
            right = float((found == labels[chosen, None]).mean())
            shares = certified(found, labels[chosen], k)
            table.add_row(str(k), name, f"{right:.3f}", *(f"{share:.3f}" for share in shares))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
