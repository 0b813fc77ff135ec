"""Votes of torch modules over their bare forward passes, on a CPU, and on a GPU where there is one.

    python benchmarks/device.py [--full] [--rounds 3] [--out FOLDER]

Votes of random weights on random images (masks drawn once and kept, rows encoded, passes, ballots)
beside the module alone on one constant batch of the same shape, as many passes. Each round does all
of them in turn; a ratio is the median over rounds.

- on the path of the host: rows are made by numpy and copied;
- on the path of the device: masks are copied, rows and ballots are made beside the module.

On a CPU that is `compact` in one thread, in processor time. On a GPU it is `compact` and ResNet-110
(e = 50), and ResNet-50 at 224 x 224 (e = 1,000); with --full in bfloat16 with channels last, too.
Without a GPU these rows say that they were not measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final, final

import numpy as np
import torch
from table import Row, in_turn, main

from topcert.classifiers.torch_module import TorchClassifier
from topcert.classifiers.torch_options import TorchOptions
from topcert.modalities.input_form import Form
from topcert.models.compact import Compact
from topcert.models.residual import resnet50, resnet110
from topcert.noise.ablation import Ablation
from topcert.voting.voter import Voter, default_batch_size

INPUTS: Final = 4
GOAL: Final = 0.95  # of the bare passes
LIMIT: Final = 0.7


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, and what it is shown."""

    name: str
    make: Callable[[], torch.nn.Module]
    side: int  # pixels of an image
    num_kept: int
    batches: int  # of one work


CASES: Final = (
    Case(name="compact, e = 50", make=Compact, side=32, num_kept=50, batches=64),
    Case(
        name="ResNet-110, e = 50",
        make=lambda: resnet110(in_channels=6, num_classes=10),
        side=32,
        num_kept=50,
        batches=16,
    ),
    Case(
        name="ResNet-50 at 224 x 224, e = 1,000",
        make=lambda: resnet50(in_channels=6, num_classes=1000),
        side=224,
        num_kept=1000,
        batches=64,
    ),
)


@final
class Bench:
    """One network on one device, and the votes of some images on either path."""

    def __init__(
        self, case: Case, device: str, *, batches: int, options: TorchOptions | None
    ) -> None:
        torch.manual_seed(0)
        generator = np.random.default_rng(0)
        shape = (case.side, case.side, 3)
        self._images = generator.random((INPUTS, *shape), dtype=np.float32)
        self._form = Form(shape=shape, unit="pixel")
        self._noise = Ablation(num_kept=case.num_kept).fitted(self._form, num_samples=10_000)
        example = self._rows(8)
        module, asked = case.make(), options or TorchOptions()
        self._classifier = TorchClassifier(module, example=example, device=device, options=options)
        dtype = getattr(torch, asked.precision)
        layout = torch.channels_last if asked.channels_last else torch.contiguous_format
        self._module = module.to(dtype=dtype).to(memory_format=layout)
        self.batch_size = default_batch_size(
            num_samples=10_000, cells_per_input=example[0].size, classifier=self._classifier
        )
        starts = range(0, batches // INPUTS * self.batch_size, self.batch_size)
        self._batches = [
            (position, start, start + self.batch_size)
            for position in range(INPUTS)
            for start in starts
        ]
        self.passes = len(self._batches) * self.batch_size
        self._device = torch.device(device)
        whole = torch.from_numpy(self._rows(self.batch_size)).to(self._device, dtype)
        self._whole = whole.contiguous(memory_format=layout)

    def _randomizer(self, batch_size: int):
        return self._noise.randomizer(
            self._form, seed=0, num_samples=10_000, num_votes=10_000, batch_size=batch_size
        )

    def _rows(self, count: int) -> np.ndarray:
        made = self._randomizer(count)
        return made.batch(made.prepare(self._images[0]), 0).copy()

    def votes(self, *, on_device: bool) -> Callable[[], object]:
        """What casts them, by the path of the device or of the host."""
        voter = Voter(
            read=lambda position: self._images[position],
            randomizer=self._randomizer(self.batch_size),
            classifier=self._classifier,
            num_inputs=INPUTS,
            on_device=on_device,
        )
        return lambda: [ballots for ballots, _ in voter.votes_in_turn(self._batches)]

    def raw(self) -> Callable[[], object]:
        """As many passes of the module alone."""

        @torch.inference_mode()
        def passes() -> None:
            for _ in self._batches:
                self._module(self._whole)
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)

        return passes


def rows_of(
    case: Case, device: str, *, rounds: int, batches: int, options: TorchOptions | None = None
) -> list[Row]:
    """Both paths beside the bare passes, on a device."""
    bench = Bench(case, device, batches=batches, options=options)
    host, there, raw = (bench.votes(on_device=False), bench.votes(on_device=True), bench.raw())
    for one, other in zip(host(), there(), strict=True):
        assert np.array_equal(one, other), "the paths give other votes"
    clock = time.process_time if device == "cpu" else time.perf_counter
    seconds = in_turn([host, there, raw], rounds=rounds, clock=clock)
    said = "" if options is None else f", {options.to_text()}"
    return [
        Row(
            group=f"device, {_named(device)}",
            name=f"{case.name}{said}, path of the {path}",
            value=bench.passes / median(mine),
            beside="forward passes alone",
            beside_value=bench.passes / median(seconds[2]),
            ratio=median(bare / own for own, bare in zip(mine, seconds[2], strict=True)),
            unit="passes/s",
            goal=GOAL * bench.passes / median(seconds[2]),
            limit=LIMIT if path == "device" or device == "cpu" else None,
            better="more",
        )
        for path, mine in zip(("host", "device"), seconds, strict=False)
    ]


def rows(*, full: bool, rounds: int = 3) -> list[Row]:
    """All rows of this benchmark."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = rows_of(CASES[0], "cpu", rounds=rounds, batches=16 if full else 4)
    finally:
        torch.set_num_threads(threads)
    half = TorchOptions(precision="bfloat16", channels_last=True)
    for case in CASES:
        for options in (None, half) if full else (None,):
            if torch.cuda.is_available():
                found += rows_of(case, "cuda", rounds=rounds, batches=case.batches, options=options)
            else:
                found.append(_not_measured(case))
                break
    return found


def _not_measured(case: Case) -> Row:
    return Row(
        group="device, CUDA",
        name=f"{case.name}, path of the device",
        value=math.nan,
        beside="forward passes alone",
        beside_value=math.nan,
        ratio=math.nan,
        unit="passes/s",
        better="more",
    )


def _named(device: str) -> str:
    return "one thread of a CPU" if device == "cpu" else torch.cuda.get_device_name(device)


if __name__ == "__main__":
    main(__doc__, rows)
