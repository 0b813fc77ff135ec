"""One input under several noises in a batch: what is shown, what is asked, and that it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.training.test_trainer import (
    PLAN,
    STEPS,
    assert_same_weights,
    ignore,
    make_images,
    make_network,
    timeless,
)
from topcert.randomization import masks
from topcert.training import noise, trainer
from topcert.training.checkpoint import EpochLog
from topcert.training.distillation import Distillation
from topcert.training.generators import EpochGenerators
from topcert.training.noise import AblationNoise
from topcert.training.optimization import Optimization
from topcert.training.plans import TrainingPlan
from topcert.training.trainer import train

torch.set_num_threads(1)

VIEWS = 4
VIEWED = replace(PLAN, views=VIEWS)
STEPS_VIEWED = 50 // (16 // VIEWS)  # 12 steps of 4 images, two images left out


def run(
    folder: Path, plan: TrainingPlan = VIEWED, on_step: Callable[..., None] = ignore
) -> tuple[nn.Module, list[EpochLog]]:
    network = make_network()
    logs = train(
        network, make_images(50), make_images(30, 9), plan=plan, folder=folder, on_step=on_step
    )
    return network, logs


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, int]]:
    """Each batch that noise is put on in training: its images and the number of its first noise."""
    seen: list[tuple[torch.Tensor, int]] = []
    shows = AblationNoise.show

    def show(self: AblationNoise, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        if first < 2**40:
            seen.append((images.clone(), first))
        return shows(self, images, seed=seed, first=first)

    monkeypatch.setattr(AblationNoise, "show", show)
    return seen


def test_a_batch_shows_each_input_so_often_and_an_epoch_shows_every_input_once(
    tmp_path: Path, shown: list[tuple[torch.Tensor, int]]
) -> None:
    run(tmp_path)
    assert len(shown) == 3 * STEPS_VIEWED
    for batch, _ in shown:
        assert len(batch) == 16
        assert len({image.numpy().tobytes() for image in batch}) == 16 // VIEWS
        for copies in batch.split(VIEWS):
            assert all(torch.equal(image, copies[0]) for image in copies)
    labels = np.random.default_rng(0).integers(0, 2, 50)  # as make_images draws them
    bright = [  # which half of a shown image is bright tells its label, wherever it was moved
        int(image[:, 4:].float().mean() > image[:, :4].float().mean())
        for batch, _ in shown[:STEPS_VIEWED]
        for image in batch[::VIEWS]
    ]
    assert len(bright) == 48
    assert 0 <= labels.sum() - sum(bright) <= 2


def test_every_view_of_every_epoch_has_a_mask_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[range] = []

    def draw(**asked: int) -> Any:
        if asked["start"] < 2**40:
            drawn.append(range(asked["start"], asked["stop"]))
        return masks.draw_masks(**asked)

    monkeypatch.setattr(noise, "draw_masks", draw)
    run(tmp_path)
    numbers = [number for asked in drawn for number in asked]
    assert len(numbers) == len(set(numbers)) == 3 * STEPS_VIEWED * 16


class Asked(nn.Module):
    """A teacher that remembers what it was asked, and tells images apart."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.batches.append(x.clone())
        return torch.stack([x.sum((1, 2, 3)), -x.sum((1, 2, 3))], 1)


def test_a_teacher_is_asked_once_for_all_views_of_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: list[tuple[torch.Tensor, int]]
) -> None:
    taught: list[torch.Tensor] = []
    loss = Distillation.loss

    def watch(
        self: Distillation, own: torch.Tensor, scores: torch.Tensor, soft_labels: torch.Tensor
    ) -> torch.Tensor:
        taught.append(soft_labels.clone())
        return loss(self, own, scores, soft_labels)

    monkeypatch.setattr(Distillation, "loss", watch)
    teacher = Asked()
    train(
        make_network(),
        make_images(50),
        make_images(30, 9),
        plan=replace(VIEWED, distillation=Distillation(teacher="t")),
        folder=tmp_path,
        teacher=teacher,
        on_step=ignore,
    )
    assert [len(batch) for batch in teacher.batches] == [16 // VIEWS] * 3 * STEPS_VIEWED
    for (batch, _), soft_labels in zip(shown, taught, strict=True):
        total = batch.float().div(255.0).sum((1, 2, 3))
        torch.testing.assert_close(soft_labels, torch.stack([total, -total], 1), rtol=1e-5, atol=0)


@pytest.mark.parametrize("killed_at", [5, STEPS_VIEWED, STEPS_VIEWED + 7])
def test_killed_and_resumed_it_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    def kill(step: int, *_: Any) -> None:
        if step == killed_at:
            raise KeyboardInterrupt

    network, logs = run(tmp_path / "whole")
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", on_step=kill)
    again, soft_labels = run(tmp_path / "cut")
    assert_same_weights(network, again)
    assert timeless(soft_labels) == timeless(logs)
    with pytest.raises(ValueError, match=r"trained with views = 4, not 1; pass the same value"):
        run(tmp_path / "cut", replace(VIEWED, views=1))


def test_accuracy_is_counted_over_all_that_is_shown(tmp_path: Path) -> None:
    """A network that says 0 of all, whatever it learns, is right for the share of label 0."""

    class Zero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([self.weight * 0 + torch.ones(len(x)), torch.zeros(len(x))], 1)

    images, labels = make_images(48)
    plan = replace(VIEWED, algorithm="adam", epochs=2)
    logs = train(
        Zero(), (images, labels), make_images(30), plan=plan, folder=tmp_path, on_step=ignore
    )
    assert [row.train_accuracy for row in logs] == [float((labels == 0).mean())] * 2


def test_one_view_is_the_plain_training_to_the_bit(tmp_path: Path) -> None:
    """As it was before there were views: a loop in which nothing is repeated."""
    images, labels = (torch.from_numpy(part) for part in make_images(50))
    network = make_network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimization = Optimization(
        network,
        algorithm=PLAN.algorithm,
        schedule=PLAN.schedule,
        learning_rate=PLAN.learning_rate,
        weight_decay=PLAN.weight_decay,
        warmup=PLAN.warmup,
        total_steps=3 * STEPS,
    )
    for epoch in range(3):
        network.train()
        generator = EpochGenerators(seed=PLAN.seed, epoch=epoch, device=torch.device("cpu")).numpy
        order = torch.from_numpy(generator.permutation(50))
        for step in range(STEPS):
            rows = order[16 * step : 16 * step + 16]
            batch = PLAN.augmentation(images[rows], generator)
            shown = PLAN.noise.show(batch, seed=PLAN.seed, first=50 * epoch + 16 * step)
            loss = nn.functional.cross_entropy(
                network(shown), labels[rows], label_smoothing=PLAN.label_smoothing
            )
            optimization.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimization.step()
    assert_same_weights(network, run(tmp_path, PLAN)[0])


@pytest.mark.parametrize("views", [0, 3, 32, -1])
def test_views_that_do_not_divide_a_batch_are_refused(views: int) -> None:
    with pytest.raises(
        ValueError, match=rf"batch size, 16, must be a multiple of its views, .*; got {views}"
    ):
        replace(PLAN, views=views)


def test_checkpoints_from_before_views_are_gone_on_with_under_one(tmp_path: Path) -> None:
    _, logs = run(tmp_path, PLAN)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    del state["plan"]["views"]
    torch.save(state, path)
    assert run(tmp_path, PLAN)[1] == logs
    with pytest.raises(ValueError, match=r"was trained with views = 1, not 4; pass the same value"):
        run(tmp_path)


def test_fewer_inputs_than_a_step_takes_are_refused_and_views_make_room(tmp_path: Path) -> None:
    assert len(run(tmp_path, replace(VIEWED, batch_size=64, epochs=1))[1]) == 1
    with pytest.raises(ValueError, match="batch size 204 is larger than the 50 training inputs"):
        run(tmp_path / "next", replace(VIEWED, batch_size=204, epochs=1))
