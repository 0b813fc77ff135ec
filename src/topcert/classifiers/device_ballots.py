"""Ballots made where the scores are: what comes back of a row is its labels, not its scores.

The total rule of `answers.read_answer` on scores, to the bit: a row with a score that is not finite
has the labels 0 .. depth - 1; of equal scores the lower label comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from topcert.classifiers.answers import ReadAnswer


def are_scores_there(output: Any, *, num_rows: int, num_classes: int) -> bool:
    """Whether an output is a tensor of a score for each row and class."""
    return (
        isinstance(output, torch.Tensor)
        and output.is_floating_point()
        and output.layout is torch.strided
        and output.shape == (num_rows, num_classes)
    )


def begin_ballots(scores: torch.Tensor, depth: int) -> Callable[[], ReadAnswer]:
    """Have the device make ballots of scores `(B, classes)`, and copy them to the host, beside
    whatever it is asked after that; the function that is returned waits for them.
    """
    wrong = ~torch.isfinite(scores).all(dim=1, keepdim=True)
    if depth == 1:
        named = scores.argmax(dim=1, keepdim=True)
    else:
        # 0 and -0 are equal, and stay so where a device sorts by bits
        ordered = (scores + 0.0).sort(dim=1, descending=True, stable=True)
        named = ordered.indices[:, :depth]
    fixed = torch.arange(depth, device=scores.device)
    both = torch.cat([torch.where(wrong, fixed, named), wrong.long()], dim=1)
    host = both.to("cpu", non_blocking=True)
    done = None
    if both.device.type == "cuda":
        done = torch.cuda.current_stream(both.device).record_event()

    def wait() -> ReadAnswer:
        if done is not None:
            done.synchronize()
        found = host.numpy()
        nowhere = np.zeros(len(found), np.bool_)
        return ReadAnswer(
            ballots=np.ascontiguousarray(found[:, :-1]),
            not_finite=found[:, -1].astype(np.bool_),
            raised=nowhere,
            out_of_range=nowhere,
            repeated=nowhere,
        )

    return wait
