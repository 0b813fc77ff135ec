"""Our own kinds of input: what is recorded names one, and only one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from topcert.modalities.image import IMAGE
from topcert.modalities.points import POINTS
from topcert.modalities.registered_modalities import (
    added_modalities,
    all_encodings,
    all_modalities,
    check_unit,
    count_in_words,
    find_encoding,
    modality_of,
    usual_modality,
)
from topcert.modalities.table import TABLE

SHAPES = {IMAGE: (4, 5, 3), TABLE: (7,), POINTS: (9, 3)}


def test_each_file_holds_one() -> None:
    assert added_modalities() == ([], [])
    assert {one.name for one in all_modalities()} >= {"image", "points", "table"}
    assert [usual_modality(axes) for axes in range(4)] == [None, TABLE, POINTS, IMAGE]


def test_a_shape_and_a_unit_name_one_kind() -> None:
    recorded = [(one.axes, unit.name) for one in all_modalities() for unit in one.units]
    assert len(set(recorded)) == len(recorded)
    for modality, shape in SHAPES.items():
        for unit in modality.units:
            assert modality_of(shape, unit.name) is modality
    assert modality_of((1, 2, 3), "feature") is IMAGE
    assert modality_of((3,), "feature") is TABLE


def test_an_encoding_of_one_name_is_one_encoding() -> None:
    for one, other in itertools.combinations(all_modalities(), 2):
        for encoding in one.encodings:
            assert other.find_encoding(encoding.name) in (None, encoding)
    assert set(all_encodings()) >= {
        *("six-channel", "constant", "mean", "median", "infill", "sentinel", "lattice"),
        "keep-only",
    }
    assert find_encoding("seven-channel") is None
    assert [one.encoding.name for one in SHAPES] == ["six-channel", "sentinel", "keep-only"]
    assert [one.unit for one in SHAPES] == ["pixel", "column", "point"]


def test_planes_are_as_many_as_they_say() -> None:
    for modality, shape in SHAPES.items():
        for unit in modality.units:
            planes = modality.planes(np.zeros(shape), unit.name)
            assert planes.shape == modality.split(shape, unit.name)


@pytest.mark.parametrize(
    ("modality", "grid", "array"),
    [(IMAGE, (4, 5), "4 x 5 x 3 array"), (TABLE, None, "array of 7 values"), (POINTS, None, "9 x")],
)
def test_what_a_kind_says_of_itself(
    modality: object, grid: tuple[int, int] | None, array: str
) -> None:
    (found,) = (one for one in SHAPES if one is modality)
    shape = SHAPES[found]
    assert found.grid(shape, found.unit) == grid
    assert found.array_in_words(shape).startswith(array)
    assert found.attack_in_words(found.unit) == f"rewrites up to r of its {found.unit}s"
    assert found.raw("x.npz", {}) is None


def test_units_are_counted_in_words() -> None:
    assert count_in_words(1, "pixel") == "1 pixel"
    assert count_in_words(0, "point") == "0 points"
    assert count_in_words(2, "something of a person's own") == "2 something of a person's owns"
    check_unit("feature")
    with pytest.raises(ValueError, match=r"'voxel'; choose one of: pixel, feature, point, "):
        check_unit("voxel")
