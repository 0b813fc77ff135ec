"""Train a network under the noise of its certificate; stops and goes on without a trace.

Every input of every epoch gets its own noise, which no certificate will draw again. Noise, order, augmentation and
dropout are functions of `(seed, epoch)` alone: a run that was killed and resumed follows the trajectory of one that was
not, to the bit on a CPU; sums on a GPU may round differently from run to run.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel

from topcert.files import replacing
from topcert.training.augmentation import Augmentation, ShiftAndMirror
from topcert.training.noise import Noise
from topcert.training.optimization import Algorithm, Optimization, Schedule

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]
Precision = Literal["float32", "bfloat16"]
PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)
USUAL_AUGMENTATION: Final = ShiftAndMirror()


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """All that decides the trained weights, beside the data and the network.

    `average` is the decay a step of the exponential average of the weights, 0 for none: what is tested and exported is the
    average. Under `bfloat16` weights stay float32 and the forward and backward passes are mixed.
    """

    noise: Noise
    augmentation: Augmentation = USUAL_AUGMENTATION
    epochs: int = 40
    batch_size: int = 256
    algorithm: Algorithm = "sgd"
    schedule: Schedule = "one-cycle"
    learning_rate: float = 0.2
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    warmup: float = 0.2
    average: float = 0.0
    precision: Precision = "float32"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class EpochLog:
    """One row of `log.csv`; accuracies are of a single pass, fresh noise for each input.

    `seconds` are of the whole epoch with its test; `data_seconds` of them went into augmentation and noise.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float
    data_seconds: float


def train(
    network: nn.Module,
    train_set: tuple[NDArray[Any], NDArray[np.int64]],
    test_set: tuple[NDArray[Any], NDArray[np.int64]],
    *,
    plan: TrainingPlan,
    folder: Path,
    device: torch.device | str = "cpu",
    on_step: Callable[[int, int, str], None],
) -> list[EpochLog]:
    """Train `network` in place; inputs are as `plan.noise` takes them, such as uint8 images `(inputs, C, H, W)`.

    After each epoch `folder` holds `checkpoint.pt` and `log.csv`; where a checkpoint of the same plan is there already,
    training goes on from it. `on_step(step, total, note)` is called after each step. Raises ValueError where the
    checkpoint is damaged or was made under another plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inputs, labels = (torch.from_numpy(part).to(device) for part in train_set)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    num_inputs = len(inputs)
    steps = num_inputs // plan.batch_size
    if steps == 0:
        raise ValueError(f"batch size {plan.batch_size} is larger than the {num_inputs} training inputs; lower it")
    total_steps = plan.epochs * steps
    if total_steps < 2:
        raise ValueError(f"{plan.epochs} epoch of {steps} step is too little to train; raise --epochs or lower --batch-size")
    optimization = Optimization(
        network,
        algorithm=plan.algorithm,
        schedule=plan.schedule,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        warmup=plan.warmup,
        total_steps=total_steps,
    )
    averaged = AveragedModel(network, multi_avg_fn=_moving_average(plan.average), use_buffers=True)
    logs = _restore(folder, plan, network, averaged, optimization)
    mixed = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=plan.precision == "bfloat16")
    for epoch in range(len(logs), plan.epochs):
        began, data_seconds, total_loss, hits = time.perf_counter(), 0.0, 0.0, 0
        network.train()
        # Order and augmentation may differ between NumPy releases; masks may not, and do not come from here.
        generator = np.random.Generator(np.random.Philox(key=plan.seed + (epoch << 64)))
        torch.manual_seed(int(np.random.SeedSequence([plan.seed, epoch]).generate_state(1, np.uint64)[0] >> 1))  # dropout's
        order = torch.from_numpy(generator.permutation(num_inputs)).to(device)
        for step in range(steps):
            rows = order[step * plan.batch_size : (step + 1) * plan.batch_size]
            data_began = time.perf_counter()
            augmented = plan.augmentation(inputs[rows], generator)
            shown = plan.noise.show(augmented, seed=plan.seed, first=epoch * num_inputs + step * plan.batch_size)
            data_seconds += time.perf_counter() - data_began
            progress = (epoch * steps + step) / total_steps
            with mixed:
                loss, scores = plan.noise.loss(
                    network, shown, labels[rows], smoothing=plan.label_smoothing, progress=progress
                )
            optimization.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimization.step()
            if plan.average:
                averaged.update_parameters(network)
            total_loss += loss.item()
            hits += int((scores.argmax(1) == labels[rows]).sum())
            if not math.isfinite(total_loss):
                raise ValueError(f"the loss is not finite in epoch {epoch}; lower --learning-rate")
            on_step(epoch * steps + step + 1, total_steps, f"epoch {epoch + 1}, loss {loss.item():.3f}")
        logs.append(
            EpochLog(
                epoch=epoch + 1,
                learning_rate=optimization.learning_rate,
                train_loss=total_loss / steps,
                train_accuracy=hits / (steps * plan.batch_size),
                test_accuracy=single_pass_accuracy(
                    averaged.module if plan.average else network, *test_set, plan=plan, device=device
                ),
                seconds=time.perf_counter() - began,
                data_seconds=data_seconds,
            )
        )
        _save(folder, plan, network, averaged, optimization, logs)
    if plan.average:
        network.load_state_dict(averaged.module.state_dict())
    return logs


def _moving_average(decay: float) -> Callable[[Tensors, Tensors, torch.Tensor | int], None]:
    """An exponential average that forgets the first steps, which are the worst: its decay grows from 0.1 to `decay`."""

    @torch.no_grad()
    def update(averaged: Tensors, latest: Tensors, count: torch.Tensor | int) -> None:
        step = float(count)
        share = 1 - min(decay, (1 + step) / (10 + step))
        for mean, value in zip(averaged, latest, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)

    return update


def load_weights(network: nn.Module, checkpoint: Path) -> None:
    """Give `network` the weights of a checkpoint. Raises ValueError where the file is none, or of another network."""
    try:
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        network.load_state_dict(state["averaged"] or state["network"])
    except FileNotFoundError as error:
        raise ValueError(f"{checkpoint} does not exist") from error
    except Exception as error:  # torch.load can raise anything on a file that is no checkpoint
        raise ValueError(f"{checkpoint} holds no weights of this network: {str(error).splitlines()[0][:200]}") from error


@torch.inference_mode()
def single_pass_accuracy(
    network: nn.Module,
    inputs: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    plan: TrainingPlan,
    device: torch.device | str = "cpu",
    batch_size: int = 500,
) -> float:
    """Share of inputs that the network labels rightly in one pass each; their noise is new to training too."""
    network.eval()
    hits = 0
    # Training uses the numbers below epochs * inputs; these lie far above any of them.
    first = 2**40
    for start in range(0, len(inputs), batch_size):
        batch = torch.from_numpy(inputs[start : start + batch_size]).to(device)
        found = network(plan.noise.show(batch, seed=plan.seed, first=first + start)).argmax(1).cpu()
        hits += int((found == torch.from_numpy(labels[start : start + batch_size])).sum())
    return hits / len(inputs)


def _restore(
    folder: Path, plan: TrainingPlan, network: nn.Module, averaged: AveragedModel, optimization: Optimization
) -> list[EpochLog]:
    path = folder / "checkpoint.pt"
    if not path.is_file():
        return []
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        planned = dict(state["plan"])
    except Exception as error:  # a damaged file can raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is damaged ({reason[:120]}); remove it to start again") from error
    for name, value in asdict(plan).items():
        if planned.get(name) != value:
            raise ValueError(
                f"{path} was trained with {name} = {planned.get(name)}, not {value}; pass the same value or another --out"
            )
    try:
        network.load_state_dict(state["network"])
        if plan.average:
            averaged.module.load_state_dict(state["averaged"])
            averaged.n_averaged.fill_(state["num_averaged"])
        optimization.load_state_dict(state["optimization"])
        return [EpochLog(**row) for row in state["logs"]]
    except Exception as error:  # a checkpoint of another network, of another version, or damaged
        reason = str(error).partition("\n")[0][:120]
        raise ValueError(f"{path} is not a checkpoint of this network ({reason}); pass another --out") from error


def _save(
    folder: Path,
    plan: TrainingPlan,
    network: nn.Module,
    averaged: AveragedModel,
    optimization: Optimization,
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
                "averaged": averaged.module.state_dict() if plan.average else None,
                "num_averaged": int(averaged.n_averaged),
                "optimization": optimization.state_dict(),
                "logs": [asdict(row) for row in logs],
            },
            aside,
        )
