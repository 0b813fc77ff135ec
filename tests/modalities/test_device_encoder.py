"""Encodings on a device: the rows of the host to the bit, in the same layout, new at every call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.modalities.test_encodings import (
    COMBINATIONS,
    IMAGE,
    count_features,
    draw_kept,
    encoder_of,
    make_fill,
)
from topcert.modalities.encodings.encoding import Encoder
from topcert.modalities.image import IMAGE as IMAGES
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.randomization.lattices import Lattice

torch.set_num_threads(1)

CPU = torch.device("cpu")


def assert_same(encoder: Encoder, planes: np.ndarray, kept: np.ndarray) -> None:
    """The device gives what the host gives, bits and strides."""
    made = encoder.on_device(CPU)
    assert made is not None
    before = kept.copy(), planes.copy()
    there = made(torch.from_numpy(planes), torch.from_numpy(kept).long())
    here = torch.from_numpy(encoder(planes, kept))
    assert there.dtype == here.dtype
    assert there.shape == here.shape
    assert there.stride() == here.stride()
    assert there.numpy().tobytes() == here.numpy().tobytes()
    kept_rows = there.clone()
    # new at every call, whatever a module does with it
    there.zero_()
    again = made(torch.from_numpy(planes), torch.from_numpy(kept).long())
    assert torch.equal(again, kept_rows)
    assert (kept == before[0]).all()
    assert (planes == before[1]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "unit", "shape"), COMBINATIONS)
def test_rows_are_those_of_the_host(
    name: str, unit: str, shape: tuple[int, ...], dtype: Any
) -> None:
    generator = np.random.default_rng(5)
    x = generator.random(shape).astype(dtype)
    x.reshape(-1)[:3] = [-0.0, 1e-41, 1 / 3]
    encoder = encoder_of(name, unit, shape, 4, make_fill(name, shape, generator), dtype)
    num_features = count_features(unit, shape)
    for num_kept in (1, 3, num_features):
        kept = draw_kept(generator, 4, num_features, num_kept)
        assert_same(encoder, to_planes(x, unit), kept)


@pytest.mark.parametrize("name", ["six-channel", "constant", "mean"])
def test_a_mask_may_repeat_its_last_feature(name: str) -> None:
    generator = np.random.default_rng(6)
    x = generator.random(IMAGE)
    encoder = encoder_of(name, "pixel", IMAGE, 2, make_fill(name, IMAGE, generator), np.float64)
    kept = np.array([[0, 5, 5, 5], [1, 2, 3, 11]], np.int32)
    assert_same(encoder, to_planes(x, "pixel"), kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("strides", [(5, 6), (7, 7), (1, 3), (4, 4)])
def test_pictures_of_a_lattice_are_those_of_the_host(strides: tuple[int, int], dtype: Any) -> None:
    generator = np.random.default_rng(7)
    shape = (13, 17, 3)
    grids = Lattice(grid=(13, 17), rows=strides[0], columns=strides[1], slopes=(0, 1))
    count = 2 * grids.round_size
    encoder = make_encoder(
        "lattice", shape=shape, unit="pixel", batch_size=count, dtype=dtype, stride=strides
    )
    planes = to_planes(generator.random(shape).astype(dtype), "pixel")
    assert_same(encoder, planes, grids.masks(0, count))


def test_what_a_device_may_round_otherwise_is_left_to_the_host() -> None:
    """All but `infill`, which is made of products of matrices."""
    made = {}
    ours = ["keep-only", *(one.name for one in IMAGES.encodings)]
    for name in ours:
        unit, shape = ("point", (9, 3)) if name == "keep-only" else ("pixel", IMAGE)
        made[name] = make_encoder(
            name,
            shape=shape,
            unit=unit,
            batch_size=2,
            fill=0.5 if name in ("mean", "median") else None,
            stride=(2, 2) if name == "lattice" else None,
        )
    left = [name for name, encoder in made.items() if encoder.on_device(CPU) is None]
    assert left == ["infill"]
