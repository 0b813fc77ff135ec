"""`topcert.torch.Smoothed`: a module whose forward gives vote shares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import topcert
from topcert.torch import Smoothed

torch.manual_seed(0)
BASE = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6 * 16, 4), torch.nn.Dropout(0.5))


def test_its_shares_are_those_of_the_votes_under_the_same_seed() -> None:
    images = torch.rand(3, 3, 4, 4)
    noise = topcert.Ablation(num_kept=4)
    module = Smoothed(BASE.train(), noise=noise, num_samples=130, seed=2, batch_size=50)
    shares = module(images)
    assert BASE.training  # as it was
    counts = topcert.count_votes(
        BASE,
        images.numpy(),
        noise=noise,
        num_samples=130,
        seed=2,
        reading=topcert.Reading(channels="first"),
    )
    assert np.allclose(shares.numpy() * 130, counts)
    assert not shares.requires_grad


def test_what_has_no_place_is_refused() -> None:
    module = Smoothed(BASE, noise=topcert.Gaussian(sigma=0.5), num_samples=10)
    with pytest.raises(ValueError, match="images in"):
        module(torch.rand(3, 12))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Smoothed(BASE, noise=topcert.Ablation(num_kept=4), num_samples=0)
