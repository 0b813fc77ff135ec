"""Ballots that a device makes of scores: those of the total rule, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from topcert.classifiers.answers import as_array, read_answer
from topcert.classifiers.device_ballots import are_scores_there, begin_ballots

torch.set_num_threads(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("classes", [2, 40, 1000])
def test_ballots_of_scores_that_tie_and_fail(classes: int, dtype: torch.dtype) -> None:
    generator = np.random.default_rng(classes)
    given = generator.integers(-2, 3, (60, classes)).astype(np.float64)
    given[(given == 0) & (generator.random(given.shape) < 0.5)] = -0.0
    given[:20] -= 10  # so that zeros are the best of some, and not of others
    given[30:34, generator.integers(classes)] = [np.nan, np.inf, -np.inf, 1.0]
    given[40] = np.where(np.arange(classes) % 2, 0.0, -0.0)
    scores = torch.from_numpy(given).to(dtype)
    for depth in range(1, min(4, classes)):
        found = begin_ballots(scores, depth)()
        wanted = read_answer(as_array(scores), num_classes=classes, depth=depth)
        assert found.ballots.dtype == np.int64
        np.testing.assert_array_equal(found.ballots, wanted.ballots)
        for kind in ("not_finite", "raised", "out_of_range", "repeated"):
            np.testing.assert_array_equal(getattr(found, kind), getattr(wanted, kind))
        assert found.not_finite.sum() == 3


def test_what_is_ranked_there_are_scores_alone() -> None:
    scores = torch.zeros(3, 5)
    assert are_scores_there(scores, num_rows=3, num_classes=5)
    for other in (
        scores.numpy(),
        scores.int(),
        scores[:2],
        scores[:, :4],
        scores[None],
        scores.to_sparse(),
        scores.to(torch.complex64),
        {"logits": scores},
    ):
        assert not are_scores_there(other, num_rows=3, num_classes=5)
