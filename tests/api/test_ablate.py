"""Batches for training are ablated by masks that no certificate draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import topcert
from topcert.randomization.masks import CERTIFY, TRAIN, draw_masks


def test_each_input_has_a_mask_of_its_own_of_the_domain_of_training() -> None:
    batch = np.full((40, 30), 0.5)
    shown = topcert.ablate(batch, num_kept=5, seed=7, start=3)
    kept = [np.flatnonzero(row == 0.5) for row in shown]
    drawn = {"seed": 7, "start": 3, "stop": 43, "num_features": 30, "num_kept": 5}
    assert np.array_equal(kept, draw_masks(**drawn, domain=TRAIN))
    certified = {tuple(mask) for mask in draw_masks(**drawn, domain=CERTIFY).tolist()}
    assert not certified & {tuple(mask.tolist()) for mask in kept}
    assert len({tuple(mask.tolist()) for mask in kept}) == 40


def test_a_tensor_stays_a_tensor_and_holds_what_a_model_is_certified_on() -> None:
    images = torch.rand(3, 3, 8, 8)
    shown = topcert.ablate(images, num_kept=6, seed=0)
    assert isinstance(shown, torch.Tensor)
    assert shown.shape == (3, 6, 8, 8)
    assert shown.dtype == images.dtype
    kept = (shown.sum(dim=1) > 0).sum(dim=(1, 2))
    assert (kept == 6).all()
    assert torch.equal(shown[:, :3][shown[:, :3] > 0], images[shown[:, :3] > 0])


def test_what_does_not_fit_is_said_in_the_words_of_python() -> None:
    with pytest.raises(ValueError, match=r"num_kept must lie in 1 .. 12, the columns"):
        topcert.ablate(np.ones((2, 12)), num_kept=13, seed=0)
    with pytest.raises(ValueError, match="batch must hold floats"):
        topcert.ablate(np.ones((2, 12), np.uint8), num_kept=3, seed=0)
