"""Soft labels of a teacher: the loss by hand, what a student learns from them, and trainings that
stop and go on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
from topcert.training import trainer
from topcert.training.distillation import Distillation
from topcert.training.trainer import train

torch.set_num_threads(1)


def swap(x: torch.Tensor) -> torch.Tensor:
    """Scores that call each image of `make_images` by the other's label: 1 where the upper half is
    bright.
    """
    assert x.dtype == torch.float32
    assert 0 <= x.min() <= x.max() <= 1
    brighter = x[:, :, :4].mean((1, 2, 3)) - x[:, :, 4:].mean((1, 2, 3))
    return 20 * torch.stack([-brighter, brighter], 1)


class Swapped(nn.Module):
    """A teacher that is wrong about everything."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return swap(x)


def test_the_loss_is_that_of_the_formula() -> None:
    scores, taught = (
        torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]),
        torch.tensor([[2.0, 0.0, 1.0], [1.0, 1.0, -4.0]]),
    )
    own = torch.tensor(0.8)
    expected = 0.0
    for row in range(2):
        p = np.exp(taught[row].numpy() / 3.0)
        q = np.exp(scores[row].numpy() / 3.0)
        p, q = p / p.sum(), q / q.sum()
        expected += float((p * np.log(p / q)).sum()) / 2
    found = Distillation(teacher="t", share=0.6, temperature=3.0).loss(own, scores, taught)
    assert float(found) == pytest.approx(0.4 * 0.8 + 0.6 * 9.0 * expected, rel=1e-5)
    assert float(Distillation(teacher="t", share=1.0).loss(own, scores, scores)) == pytest.approx(
        0.0, abs=1e-6
    )


@pytest.mark.parametrize(
    ("change", "shown"),
    [({"share": 0.0}, r"share .* got 0"), ({"temperature": 0.0}, "positive, got 0")],
)
def test_what_is_no_distillation_is_refused(change: dict[str, float], shown: str) -> None:
    with pytest.raises(ValueError, match=shown):
        Distillation(teacher="t", **change)


@pytest.mark.parametrize(("share", "heard"), [(1.0, True), (0.02, False)])
def test_a_student_says_what_it_is_told_as_loudly_as_it_is_told(
    tmp_path: Path, share: float, heard: bool
) -> None:
    plan = replace(PLAN, epochs=12, distillation=Distillation(teacher="t", share=share))
    logs = train(
        make_network(),
        make_images(200),
        make_images(60, 9),
        plan=plan,
        folder=tmp_path,
        teacher=Swapped(),
        on_step=ignore,
    )
    assert (logs[-1].test_accuracy < 0.1) == heard
    assert (logs[-1].test_accuracy > 0.9) != heard


def test_killed_and_resumed_it_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(PLAN, distillation=Distillation(teacher="t"))
    data = make_images(50), make_images(30, 9)

    def kill(step: int, *_: object) -> None:
        if step == STEPS + 1:
            raise KeyboardInterrupt

    wanted, found = make_network(), make_network()
    logs = train(
        wanted, *data, plan=plan, folder=tmp_path / "whole", teacher=Swapped(), on_step=ignore
    )
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(
            make_network(),
            *data,
            plan=plan,
            folder=tmp_path / "cut",
            teacher=Swapped(),
            on_step=kill,
        )
    other = replace(plan, distillation=Distillation(teacher="u"))
    with pytest.raises(ValueError, match="was trained with distillation"):
        train(
            make_network(),
            *data,
            plan=other,
            folder=tmp_path / "cut",
            teacher=Swapped(),
            on_step=ignore,
        )
    shown = train(
        found, *data, plan=plan, folder=tmp_path / "cut", teacher=Swapped(), on_step=ignore
    )
    assert_same_weights(wanted, found)
    assert timeless(shown) == timeless(logs)


@pytest.mark.parametrize("taught", [False, True])
def test_a_teacher_and_a_plan_for_one_go_together(tmp_path: Path, taught: bool) -> None:
    plan = replace(PLAN, distillation=None if taught else Distillation(teacher="t"))
    with pytest.raises(ValueError, match="give both or neither"):
        train(
            make_network(),
            make_images(50),
            make_images(30),
            plan=plan,
            folder=tmp_path,
            teacher=Swapped() if taught else None,
            on_step=ignore,
        )


def test_checkpoints_from_before_teachers_are_gone_on_with(tmp_path: Path) -> None:
    data = make_images(50), make_images(30, 9)
    train(make_network(), *data, plan=PLAN, folder=tmp_path, on_step=ignore)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    for name in ("distillation", "held_out"):
        del state["plan"][name]
    torch.save(state, path)
    assert (
        len(train(make_network(), *data, plan=PLAN, folder=tmp_path, on_step=ignore)) == PLAN.epochs
    )
    with pytest.raises(ValueError, match="was trained with held_out = 0, not 5"):
        train(
            make_network(), *data, plan=replace(PLAN, held_out=5), folder=tmp_path, on_step=ignore
        )
