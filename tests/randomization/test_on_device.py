"""Randomized batches on a device: those of the host to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.randomization.test_randomizer import (
    COUNT,
    IMAGE,
    SIZE,
    ablation,
    discrete,
    float_gaussian,
    gaussian,
    image_with,
)
from topcert.randomization import randomizer as module
from topcert.randomization.on_device import to_device
from topcert.randomization.randomizer import Randomizer

torch.set_num_threads(1)

CPU = torch.device("cpu")


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize("make", [ablation, gaussian, discrete])
def test_batches_are_those_of_the_host(
    make: type[Randomizer], remembered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not remembered:
        monkeypatch.setattr(module, "_CACHE_BYTES", 0)
    here = make()
    there = here.on_device(CPU)
    assert there is not None
    inputs = [IMAGE, image_with(0.0)]
    shown = [there.prepare(here.prepare(x)) for x in inputs]
    for start in (*range(0, COUNT, SIZE), 1, 0):
        for x, prepared in zip(inputs, shown, strict=True):
            wanted = here.batch(here.prepare(x), start)
            found = there.batch(prepared, start)
            assert found.dtype == torch.float32
            assert found.stride() == torch.from_numpy(wanted).stride()
            assert found.numpy().tobytes() == wanted.tobytes()
            found.zero_()  # a module may work in place


def test_older_noise_is_added_on_the_host() -> None:
    assert float_gaussian().on_device(CPU) is None
    assert ablation(encoding="infill").on_device(CPU) is None


def test_arrays_that_nobody_may_write_to_are_moved() -> None:
    fixed = np.arange(6.0).reshape(2, 3).T
    fixed.flags.writeable = False
    moved = to_device(fixed, CPU)
    assert torch.equal(moved, torch.tensor([[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]).double())
    moved.zero_()
    assert fixed[0, 1] == 3
