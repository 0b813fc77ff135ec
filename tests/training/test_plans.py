from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from topcert.randomization.designs import Design
from topcert.training import noise as noises
from topcert.training.noise import AblationNoise, DesignNoise, GaussianNoise, Noise
from topcert.training.plans import EASED, TrainingPlan
from topcert.training.trainer import train

DESIGN = Design(name="stratified", seed=0, num_features=64, num_kept=16, grid=(8, 8))


def test_masks_come_down_evenly_to_those_of_the_certificate() -> None:
    plan = TrainingPlan(noise=AblationNoise(num_kept=50), num_kept_at_first=150)
    kept = [plan.noise_at(EASED * part / 100) for part in range(101)]
    assert kept == [AblationNoise(num_kept=150 - part) for part in range(101)]
    assert plan.noise_at(0.999) == plan.noise


@pytest.mark.parametrize(
    "noise", [AblationNoise(num_kept=50), DesignNoise(design=DESIGN, num_masks=5)]
)
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_without_easier_masks_every_step_has_the_noise_of_the_plan(
    noise: Noise, progress: float
) -> None:
    assert TrainingPlan(noise=noise).noise_at(progress) is noise


@pytest.mark.parametrize(
    ("noise", "at_first", "message"),
    [
        (
            DesignNoise(design=DESIGN, num_masks=5),
            40,
            "num_kept_at_first is for AblationNoise; leave it out with DesignNoise",
        ),
        (
            GaussianNoise(sigma=0.1),
            40,
            "num_kept_at_first is for AblationNoise; leave it out with GaussianNoise",
        ),
        (
            AblationNoise(num_kept=50),
            49,
            "num_kept_at_first must be at least the 50 that are kept at last; got 49",
        ),
    ],
)
def test_masks_that_cannot_come_down_are_refused(noise: Noise, at_first: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingPlan(noise=noise, num_kept_at_first=at_first)


def test_a_training_shows_the_masks_of_its_plan_and_is_tested_on_those_of_the_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, int]] = []
    ablate = noises.ablate

    def record(images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        shown.append((len(images), kept.shape[1]))
        return ablate(images, kept)

    def make_images(count: int) -> tuple[Any, Any]:
        generator = np.random.default_rng(count)
        return generator.integers(0, 256, (count, 3, 8, 8), np.uint8), generator.integers(
            0, 2, count
        )

    monkeypatch.setattr(noises, "ablate", record)
    plan = TrainingPlan(
        noise=AblationNoise(num_kept=4),
        num_kept_at_first=10,
        epochs=5,
        batch_size=16,
        learning_rate=0.01,
    )
    network = nn.Sequential(nn.Flatten(), nn.Linear(6 * 64, 2))
    train(
        network,
        make_images(33),
        make_images(7),
        plan=plan,
        folder=tmp_path,
        on_step=lambda *_: None,
    )
    test = (7, 4)
    assert shown == [
        *[(16, 10), (16, 9), test],
        *[(16, 8), (16, 7), test],
        *[(16, 6), (16, 5), test],
        *[(16, 4), (16, 4), test] * 2,
    ]
