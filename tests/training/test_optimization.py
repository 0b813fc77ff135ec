"""Optimizers and the average of weights: what they do is what their names say, and a resumed run
cannot tell.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

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
    run,
    timeless,
)
from topcert.training.augmentation import WarpAndTint
from topcert.training.checkpoint import load_weights
from topcert.training.muon import FloatMuon, orthogonalized
from topcert.training.noise import AblationNoise, LatticeNoise
from topcert.training.optimization import MUON_DECAY, MUON_SHARE, Optimization
from topcert.training.plans import TrainingPlan, usual_plan
from topcert.training.trainer import train

torch.set_num_threads(1)

RECIPES = {
    "muon": replace(PLAN, algorithm="muon"),
    "muon-float32": replace(PLAN, algorithm="muon-float32"),
    "adam": replace(PLAN, algorithm="adam", learning_rate=0.01),
    "steps": replace(PLAN, schedule="steps"),
    "average": replace(PLAN, average=0.9),
    "bfloat16": replace(PLAN, precision="bfloat16"),
    "all": replace(PLAN, algorithm="muon", average=0.9, precision="bfloat16"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_resumed_without_a_trace(tmp_path: Path, name: str) -> None:
    plan = RECIPES[name]

    def kill(step: int, *_: Any) -> None:
        if step == 2 * STEPS + 1:
            raise KeyboardInterrupt

    network, logs = run(tmp_path / "whole", plan)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", plan, on_step=kill)
    again, shown = run(tmp_path / "cut", plan)
    assert_same_weights(network, again)
    assert timeless(shown) == timeless(logs)
    finished, _ = run(tmp_path / "cut", plan)
    assert_same_weights(network, finished)
    plain, _ = run(tmp_path / "plain", PLAN)
    assert any(
        not torch.equal(one, other)
        for one, other in zip(plain.parameters(), network.parameters(), strict=True)
    )


def optimization(
    network: nn.Module, algorithm: Any = "muon", schedule: Any = "one-cycle", total: int = 10
) -> Optimization:
    return Optimization(
        network,
        algorithm=algorithm,
        schedule=schedule,
        learning_rate=0.2,
        weight_decay=0.01,
        warmup=0.2,
        total_steps=total,
    )


def test_muon_steps_on_filters_as_on_matrices() -> None:
    """The filters move as torch's Muon moves the same numbers in rows, and nothing else is
    Muon's.
    """
    network = make_network().to(memory_format=torch.channels_last)
    filters = network[0].weight
    rows = nn.Parameter(filters.detach().clone().permute(0, 2, 3, 1).reshape(8, -1).contiguous())
    stepped = optimization(network)
    peak = MUON_SHARE * 0.2
    muon = torch.optim.Muon([rows], lr=peak, weight_decay=MUON_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        muon, peak, total_steps=10, pct_start=0.2, cycle_momentum=False
    )
    for number in range(4):
        stepped.zero_grad()
        loss = (
            network(torch.randn(6, 6, 8, 8, generator=torch.Generator().manual_seed(number)))
            .square()
            .sum()
        )
        loss.backward()
        assert filters.grad is not None
        rows.grad = filters.grad.permute(0, 2, 3, 1).reshape(8, -1).clone()
        stepped.step()
        muon.step()
        schedule.step()
        torch.testing.assert_close(filters.permute(0, 2, 3, 1).reshape(8, -1), rows)


@pytest.mark.parametrize("shape", [(12, 60), (60, 12), (16, 16)])
def test_muon_in_float32_steps_as_torch_s_up_to_bfloat16(shape: tuple[int, int]) -> None:
    """And not merely so far off as any orthogonal step is: the steps lie within the rounding of
    bfloat16 of each other.
    """
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    steppers = [
        FloatMuon([ours], lr=0.1, weight_decay=MUON_DECAY),
        torch.optim.Muon([theirs], lr=0.1, weight_decay=MUON_DECAY),
    ]
    for _ in range(5):
        gradient = torch.randn(shape, generator=generator)
        before = [ours.detach().clone(), theirs.detach().clone()]
        for parameter, stepper in zip((ours, theirs), steppers, strict=True):
            parameter.grad = gradient.clone()
            stepper.step()
        one, other = ours.detach() - before[0], theirs.detach() - before[1]
        assert (one - other).norm() < 0.03 * other.norm()
    singular = torch.linalg.svdvals(orthogonalized(gradient))
    assert 0.5 < singular.min() <= singular.max() < 1.3


def test_muon_refuses_filters_that_it_cannot_step_on_in_place() -> None:
    with pytest.raises(ValueError, match="channels-last"):
        optimization(make_network().to(memory_format=torch.contiguous_format))


def test_muon_is_refused_where_there_is_nothing_for_it() -> None:
    with pytest.raises(ValueError, match="this network has none; take sgd or adam"):
        optimization(nn.Sequential(nn.Flatten(), nn.Linear(384, 2)))


def test_the_paper_s_schedule_takes_a_tenth_after_each_third() -> None:
    network = make_network()
    stepped = optimization(network, "sgd", "steps", 9)
    rates = []
    for _ in range(9):
        rates.append(stepped.learning_rate)
        network(torch.zeros(2, 6, 8, 8)).sum().backward()
        stepped.step()
    assert rates == pytest.approx([0.2] * 3 + [0.02] * 3 + [0.002] * 3)


def test_the_average_is_an_exponential_one_of_what_each_step_left(tmp_path: Path) -> None:
    plan = replace(PLAN, average=0.75)
    network = make_network()
    seen: list[dict[str, torch.Tensor]] = []

    def watch(*_: Any) -> None:
        seen.append({name: value.detach().clone() for name, value in network.state_dict().items()})

    train(network, make_images(50), make_images(30, 9), plan=plan, folder=tmp_path, on_step=watch)
    assert len(seen) == 3 * STEPS
    found = network.state_dict()
    for name in ("0.weight", "1.running_mean", "5.bias"):
        wanted = seen[0][name]  # the average begins with what the first step left
        for count, later in enumerate(seen[1:], 1):
            decay = min(0.75, (1 + count) / (10 + count))  # the first steps are soon forgotten
            wanted = decay * wanted + (1 - decay) * later[name]
        torch.testing.assert_close(found[name], wanted)
    other = make_network()
    load_weights(other, tmp_path / "checkpoint.pt")
    assert_same_weights(network, other)


def test_mixed_precision_leaves_weights_in_float32_and_learns(tmp_path: Path) -> None:
    network, logs = run(tmp_path, replace(PLAN, precision="bfloat16", epochs=6))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert logs[-1].train_loss < logs[0].train_loss


def test_the_plan_of_a_network_is_the_paper_s_where_the_network_is() -> None:
    noise = AblationNoise(num_kept=50)
    paper = usual_plan("resnet110", noise)
    assert (paper.algorithm, paper.schedule, paper.learning_rate, paper.weight_decay) == (
        "sgd",
        "steps",
        0.1,
        1e-4,
    )
    assert usual_plan("small", noise) == TrainingPlan(noise=noise)
    assert asdict(usual_plan("compact", noise))["algorithm"] == "muon"
    assert usual_plan("lattice", LatticeNoise(stride=5)) == TrainingPlan(
        noise=LatticeNoise(stride=5),
        augmentation=WarpAndTint(),
        epochs=40,
        batch_size=512,
        algorithm="muon-float32",
        learning_rate=0.3,
        warmup=0.15,
        average=0.998,
    )


def test_ignored_steps_change_nothing(tmp_path: Path) -> None:
    """Telling of steps has no part in the weights."""
    assert_same_weights(run(tmp_path / "one")[0], run(tmp_path / "other", on_step=ignore)[0])
