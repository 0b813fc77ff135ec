"""The precisions of a training, and where each is fast."""

from __future__ import annotations

from typing import Final, Literal, get_args

import torch

Precision = Literal["float32", "bfloat16"]
PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)


def is_fast(precision: Precision, device: torch.device) -> bool:
    """Whether `device` is fast in `precision`; where bfloat16 is emulated, a step takes several
    times as long.

    Of CPUs only AVX-512 was found to be; others, ARM's among them, were not measured and count as
    slow.
    """
    if precision == "float32":
        return True
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.backends.cpu.get_cpu_capability() == "AVX512")
