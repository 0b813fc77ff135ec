"""Train an image network under the noise of its certificate; stops and goes on without a trace.

Every image of every epoch gets its own noise, which no certificate will draw again. Noise, order and augmentation are
functions of `(seed, epoch)` alone: a run that was killed and resumed follows the trajectory of one that was not.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from topcert.files import replacing
from topcert.training.noise import Noise


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """All that decides the trained weights, beside the data and the network."""

    noise: Noise
    epochs: int = 40
    batch_size: int = 256
    learning_rate: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    warmup: float = 0.2
    max_shift: int = 2
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class EpochLog:
    """One row of `log.csv`; accuracies are of a single pass, fresh noise for each image."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float
    noise_seconds: float


def train(
    network: nn.Module,
    train_set: tuple[NDArray[np.uint8], NDArray[np.int64]],
    test_set: tuple[NDArray[np.uint8], NDArray[np.int64]],
    *,
    plan: TrainingPlan,
    folder: Path,
    device: torch.device | str = "cpu",
    on_step: Callable[[int, int, str], None],
) -> list[EpochLog]:
    """Train `network` in place; images are uint8 `(inputs, C, H, W)`, labels int64 `(inputs,)`.

    After each epoch `folder` holds `checkpoint.pt` and `log.csv`; where a checkpoint of the same plan is there already,
    training goes on from it. `on_step(step, total, note)` is called after each step. Raises ValueError where the
    checkpoint is damaged or was made under another plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = (torch.from_numpy(part).to(device) for part in train_set)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    num_inputs = len(images)
    steps = num_inputs // plan.batch_size
    if steps == 0:
        raise ValueError(f"batch size {plan.batch_size} is larger than the {num_inputs} training images; lower it")
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=plan.learning_rate,
        momentum=plan.momentum,
        nesterov=True,
        weight_decay=plan.weight_decay,
    )
    total_steps = plan.epochs * steps
    if total_steps < 2:
        raise ValueError(f"{plan.epochs} epoch of {steps} step is too little to train; raise --epochs or lower --batch-size")
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        plan.learning_rate,
        total_steps=total_steps,
        pct_start=max(plan.warmup, 1.5 / total_steps),  # a warm-up of exactly one step divides by zero in it
    )
    logs = _restore(folder, plan, network, optimizer, schedule)
    for epoch in range(len(logs), plan.epochs):
        began, noise_seconds, total_loss, hits = time.perf_counter(), 0.0, 0.0, 0
        network.train()
        # Order and augmentation may differ between NumPy releases; masks may not, and do not come from here.
        generator = np.random.Generator(np.random.Philox(key=plan.seed + (epoch << 64)))
        order = torch.from_numpy(generator.permutation(num_inputs)).to(device)
        for step in range(steps):
            rows = order[step * plan.batch_size : (step + 1) * plan.batch_size]
            augmented = augment(images[rows], generator, max_shift=plan.max_shift)
            noise_began = time.perf_counter()
            shown = plan.noise.show(augmented, seed=plan.seed, first=epoch * num_inputs + step * plan.batch_size)
            noise_seconds += time.perf_counter() - noise_began
            progress = (epoch * steps + step) / (plan.epochs * steps)
            loss, scores = plan.noise.loss(network, shown, labels[rows], smoothing=plan.label_smoothing, progress=progress)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total_loss += loss.item()
            hits += int((scores.argmax(1) == labels[rows]).sum())
            if not math.isfinite(total_loss):
                raise ValueError(f"the loss is not finite in epoch {epoch}; lower --learning-rate")
            on_step(epoch * steps + step + 1, plan.epochs * steps, f"epoch {epoch + 1}, loss {loss.item():.3f}")
        logs.append(
            EpochLog(
                epoch=epoch + 1,
                learning_rate=float(schedule.get_last_lr()[0]),
                train_loss=total_loss / steps,
                train_accuracy=hits / (steps * plan.batch_size),
                test_accuracy=single_pass_accuracy(network, *test_set, plan=plan, device=device),
                seconds=time.perf_counter() - began,
                noise_seconds=noise_seconds,
            )
        )
        _save(folder, plan, network, optimizer, schedule, logs)
    return logs


def load_weights(network: nn.Module, checkpoint: Path) -> None:
    """Give `network` the weights of a checkpoint. Raises ValueError where the file is none, or of another network."""
    try:
        network.load_state_dict(torch.load(checkpoint, weights_only=True, map_location="cpu")["network"])
    except FileNotFoundError as error:
        raise ValueError(f"{checkpoint} does not exist") from error
    except Exception as error:  # torch.load can raise anything on a file that is no checkpoint
        raise ValueError(f"{checkpoint} holds no weights of this network: {str(error).splitlines()[0][:200]}") from error


def augment(images: torch.Tensor, generator: np.random.Generator, *, max_shift: int) -> torch.Tensor:
    """Mirror half of the images and shift each by up to `max_shift` pixels, black coming in at the edges."""
    batch, channels, height, width = images.shape
    device = images.device
    shifts = torch.from_numpy(generator.integers(0, 2 * max_shift + 1, (2, batch, 1))).to(device)
    mirrored = torch.from_numpy(generator.random(batch) < 0.5).to(device)
    rows = torch.arange(height, device=device) + shifts[0]
    columns = torch.arange(width, device=device) + shifts[1]
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    padded = nn.functional.pad(images, (max_shift,) * 4)
    stride = width + 2 * max_shift
    flat = (rows[:, :, None] * stride + columns[:, None, :]).view(batch, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, flat).view(batch, channels, height, width)


@torch.inference_mode()
def single_pass_accuracy(
    network: nn.Module,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    plan: TrainingPlan,
    device: torch.device | str = "cpu",
    batch_size: int = 500,
) -> float:
    """Share of images that the network labels rightly in one pass each; their noise is new to training too."""
    network.eval()
    hits = 0
    # Training uses the numbers below epochs * inputs; these lie far above any of them.
    first = 2**40
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(images[start : start + batch_size]).to(device)
        found = network(plan.noise.show(batch, seed=plan.seed, first=first + start)).argmax(1).cpu()
        hits += int((found == torch.from_numpy(labels[start : start + batch_size])).sum())
    return hits / len(images)


def _restore(
    folder: Path,
    plan: TrainingPlan,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.OneCycleLR,
) -> list[EpochLog]:
    path = folder / "checkpoint.pt"
    if not path.is_file():
        return []
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged file can raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is damaged ({reason[:120]}); remove it to start again") from error
    for name, value in asdict(plan).items():
        if state["plan"].get(name) != value:
            raise ValueError(
                f"{path} was trained with {name} = {state['plan'].get(name)}, not {value}; "
                f"pass the same value or another --out"
            )
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return [EpochLog(**row) for row in state["logs"]]


def _save(
    folder: Path,
    plan: TrainingPlan,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.OneCycleLR,
    logs: list[EpochLog],
) -> None:
    # The checkpoint comes last: after a kill in between, the epoch is trained again and its row written again.
    with replacing(folder / "log.csv") as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(logs[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in logs)
    with replacing(folder / "checkpoint.pt") as aside:
        torch.save(
            {
                "plan": asdict(plan),
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "logs": [asdict(row) for row in logs],
            },
            aside,
        )
