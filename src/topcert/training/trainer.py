"""Train a network under the noise of its certificate; stops and goes on without a trace.

Every input of every epoch gets its own noise, which no certificate will draw again. Noise, order,
augmentation and dropout of an epoch are functions of `(seed, epoch)`: a run that was killed and
resumed follows the trajectory of one that was not, to the bit on a CPU; sums on a GPU may round
differently from run to run.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel

from topcert.training.checkpoint import Checkpoint, EpochLog, Progress
from topcert.training.generators import EpochGenerators
from topcert.training.noise import NoNoise
from topcert.training.optimization import Optimization
from topcert.training.plans import TrainingPlan

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]
WHOLE: Final = NoNoise()  # what a teacher sees
SAVE_SECONDS: Final = 60.0  # between checkpoints within an epoch: what a kill can cost


def train(
    network: nn.Module,
    train_set: tuple[NDArray[Any], NDArray[np.int64]],
    test_set: tuple[NDArray[Any], NDArray[np.int64]],
    *,
    plan: TrainingPlan,
    folder: Path,
    device: torch.device | str = "cpu",
    started_from: Path | None = None,
    teacher: nn.Module | None = None,
    on_step: Callable[[int, int, str], None],
) -> list[EpochLog]:
    """Train `network` in place; inputs are as `plan.noise` takes them, such as uint8 images
    `(inputs, C, H, W)`.

    `folder` holds `checkpoint.pt`, at most `SAVE_SECONDS` old, and `log.csv`; where a checkpoint of
    the same plan is there already, training goes on from it. `started_from` is the file that the
    weights of `network` are of, if any. `teacher` gives scores of whole augmented images, float32
    in [0, 1], where the plan has a distillation. `on_step(step, total, note)` is called after each
    step. Raises ValueError where the checkpoint is damaged or was made under another plan, on other
    data or from other weights.
    """
    if (teacher is None) != (plan.distillation is None):
        raise ValueError(
            "a teacher and a plan with a distillation go together; give both or neither"
        )
    folder.mkdir(parents=True, exist_ok=True)
    inputs, labels = (torch.from_numpy(part).to(device) for part in train_set)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if teacher is not None:
        teacher.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    num_inputs = len(inputs)
    inputs_a_step = plan.batch_size // plan.views
    steps = num_inputs // inputs_a_step
    if steps == 0:
        raise ValueError(
            f"batch size {plan.batch_size} is larger than the {num_inputs} training inputs;"
            " lower it"
        )
    total_steps = plan.epochs * steps
    if total_steps < 2:
        raise ValueError(
            f"{plan.epochs} epoch of {steps} step is too little to train; raise --epochs or lower"
            " --batch-size"
        )
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
    checkpoint = Checkpoint(
        folder=folder,
        data=_digest(*train_set, *test_set),
        started_from=(
            "" if started_from is None else hashlib.sha256(started_from.read_bytes()).hexdigest()
        ),
        plan=plan,
        network=network,
        averaged=averaged,
        optimization=optimization,
    )
    logs, progress = checkpoint.restore()
    mixed = torch.autocast(
        torch.device(device).type, torch.bfloat16, enabled=plan.precision == "bfloat16"
    )
    for epoch in range(len(logs), plan.epochs):
        began = saved = time.perf_counter()
        network.train()
        generators = EpochGenerators(seed=plan.seed, epoch=epoch, device=torch.device(device))
        order = torch.from_numpy(generators.numpy.permutation(num_inputs)).to(device)
        if progress.step:
            generators.restore(progress.generators)
        for step in range(progress.step, steps):
            rows = order[step * inputs_a_step : (step + 1) * inputs_a_step]
            wanted = labels[rows].repeat_interleave(plan.views)
            fraction = (epoch * steps + step) / total_steps
            data_began = time.perf_counter()
            augmented = plan.augmentation(inputs[rows], generators.numpy)
            first = epoch * num_inputs * plan.views + step * plan.batch_size
            every = augmented.repeat_interleave(plan.views, 0)
            shown = plan.noise_at(fraction).show(every, seed=plan.seed, first=first)
            progress.data_seconds += time.perf_counter() - data_began
            with mixed:
                loss, scores = plan.noise.loss(
                    network, shown, wanted, smoothing=plan.label_smoothing, progress=fraction
                )
                if teacher is not None and plan.distillation is not None:
                    with torch.no_grad():
                        soft_labels = teacher(WHOLE.show(augmented, seed=plan.seed, first=first))
                        soft_labels = soft_labels.repeat_interleave(plan.views, 0)
                    loss = plan.distillation.loss(loss, scores, soft_labels)
            optimization.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimization.step()
            if plan.average:
                averaged.update_parameters(network)
            progress.total_loss += loss.item()
            progress.hits += int((scores.argmax(1) == wanted).sum())
            if not math.isfinite(progress.total_loss):
                raise ValueError(f"the loss is not finite in epoch {epoch}; lower --learning-rate")
            progress.step = step + 1
            now = time.perf_counter()
            if now - saved >= SAVE_SECONDS and progress.step < steps:
                progress.seconds, began, saved = progress.seconds + now - began, now, now
                progress.generators = generators.state()
                checkpoint.save(logs, progress)
            on_step(
                epoch * steps + step + 1, total_steps, f"epoch {epoch + 1}, loss {loss.item():.3f}"
            )
        logs.append(
            EpochLog(
                epoch=epoch + 1,
                learning_rate=optimization.learning_rate,
                train_loss=progress.total_loss / steps,
                train_accuracy=progress.hits / (steps * plan.batch_size),
                test_accuracy=single_pass_accuracy(
                    averaged.module if plan.average else network,
                    *test_set,
                    plan=plan,
                    device=device,
                ),
                seconds=progress.seconds + time.perf_counter() - began,
                data_seconds=progress.data_seconds,
            )
        )
        progress = Progress()
        checkpoint.save(logs, progress)
    if plan.average:
        network.load_state_dict(averaged.module.state_dict())
    return logs


def _digest(*arrays: NDArray[Any]) -> str:
    """SHA-256 of arrays, with their shapes and kinds."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape}{array.dtype.str}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _moving_average(decay: float) -> Callable[[Tensors, Tensors, torch.Tensor | int], None]:
    """An exponential average that forgets the first steps, which are the worst: its decay grows
    from 0.1 to `decay`.
    """

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
    """Share of inputs that the network labels rightly in one pass each; their noise is new to
    training too.
    """
    network.eval()
    hits = 0
    # Training uses the numbers below epochs * inputs; these lie far above any of them.
    first = 2**40
    for start in range(0, len(inputs), batch_size):
        batch = torch.from_numpy(inputs[start : start + batch_size]).to(device)
        found = network(plan.noise.show(batch, seed=plan.seed, first=first + start)).argmax(1).cpu()
        hits += int((found == torch.from_numpy(labels[start : start + batch_size])).sum())
    return hits / len(inputs)
