"""`topcert train`: a base classifier under ablation."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from topcert import __version__
from topcert.cli.progress import console, progress_bar, stoppable
from topcert.datasets.cifar10 import load_cifar10


def train(
    data: Annotated[str, typer.Argument(help="Training data: cifar10.")],
    network: Annotated[str, typer.Argument(help="Network: compact.")] = "compact",
    *,
    keep: Annotated[int, typer.Option(help="Pixels kept by each mask (e).")] = 50,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 40,
    batch_size: Annotated[int, typer.Option(min=2, help="Images a step.")] = 256,
    learning_rate: Annotated[float, typer.Option(min=1e-9, help="Peak of the one-cycle schedule.")] = 0.2,
    weight_decay: Annotated[float, typer.Option(min=0.0, help="Of stochastic gradient descent.")] = 5e-4,
    label_smoothing: Annotated[float, typer.Option(min=0.0, max=0.5, help="Of the cross-entropy.")] = 0.05,
    start_from: Annotated[Path | None, typer.Option(help="A checkpoint.pt whose weights to begin with.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, order, augmentation and masks.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="Folder that holds the data set.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for checkpoint.pt, log.csv and NETWORK.onnx.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,
) -> None:
    """Train a base classifier on freshly ablated images (needs the extra `torch`)."""
    if find_spec("torch") is None or find_spec("onnxscript") is None:
        raise ValueError("training needs PyTorch and the ONNX exporter; install them with: pip install 'topcert[torch]'")
    import torch

    from topcert.classifiers.torch import resolve_device
    from topcert.models.compact import Compact
    from topcert.training.ablated import TrainingPlan, load_weights
    from topcert.training.ablated import train as run
    from topcert.training.export import export_onnx

    if data != "cifar10":
        raise ValueError(f"unknown training data {data!r}; topcert trains on: cifar10")
    if network != "compact":
        raise ValueError(f"unknown network {network!r}; topcert trains: compact")
    where = resolve_device(device)
    if (out / "checkpoint.pt").exists() and not resume:
        raise ValueError(f"{out} already holds a checkpoint; pass --resume to go on from it, or another --out")
    plan = TrainingPlan(
        num_kept=keep,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        seed=seed,
    )
    sets = []
    for split in ("train", "test"):
        images, labels = load_cifar10(split, data_dir=data_dir)
        sets.append((images.transpose(0, 3, 1, 2).copy(), labels))
    torch.manual_seed(seed)
    module = Compact()
    if start_from is not None:
        load_weights(module, start_from)
    kept = f"finished epochs are kept in {out}: repeat the command with --resume"
    with stoppable(kept), progress_bar("train", unit="steps") as update:
        logs = run(module, sets[0], sets[1], plan=plan, folder=out, device=where, on_step=update)
    path = out / f"{network}.onnx"
    export_onnx(
        module,
        path,
        input_shape=(6, 32, 32),
        metadata={
            "topcert_version": __version__,
            "network": network,
            "training_data": data,
            "encoding": "six-channel",
            "num_kept": str(keep),
            "epochs": str(epochs),
            "batch_size": str(batch_size),
            "learning_rate": str(learning_rate),
            "weight_decay": str(weight_decay),
            "label_smoothing": str(label_smoothing),
            "started_from": "" if start_from is None else start_from.parent.name,
            "seed": str(seed),
            "single_pass_test_accuracy": f"{logs[-1].test_accuracy:.4f}",
        },
    )
    table = Table("epoch", "loss", "train accuracy", "test accuracy", "seconds", title="last epochs, one pass an image")
    for row in logs[-5:]:
        cells = (f"{row.train_loss:.3f}", f"{row.train_accuracy:.4f}", f"{row.test_accuracy:.4f}", f"{row.seconds:.0f}")
        table.add_row(str(row.epoch), *cells)
    console.print(table)
    console.print(f"wrote {path}")
