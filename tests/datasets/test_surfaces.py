"""The generated surfaces: the same everywhere and alone, in the unit sphere, of the shapes that
their names say.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from topcert.datasets import load_dataset, surfaces
from topcert.datasets.surfaces import (
    CLASS_NAMES,
    GRID,
    SPLIT_SIZES,
    SURFACES,
    Floats,
    Split,
    label_surfaces,
    load_surfaces,
    make_surfaces,
    rotations,
)

PINNED = "1475e8e80532ab6d3329414376fe5da316b1611d9c7933c35f4436c43937ff3e"
PINNED_TRAIN = "07ad44e88577aff1d0c8ad973257406f7426bc8e667cba36bc7f4a53c73d3d1c"


@pytest.fixture(scope="module")
def tested() -> np.ndarray:
    return load_surfaces("test")[0]


def test_the_test_split_is_pinned(tested: np.ndarray) -> None:
    """A change of one bit is another data set: numbers that were measured on this one would be of
    nothing.
    """
    assert hashlib.sha256(tested.astype("<f4").tobytes()).hexdigest() == PINNED
    assert (
        hashlib.sha256(make_surfaces("train", 0, 40).astype("<f4").tobytes()).hexdigest()
        == PINNED_TRAIN
    )


def test_an_input_is_the_same_alone_and_among_others(tested: np.ndarray) -> None:
    for index in (0, 1, 19, 20, 63, 64, 499):
        np.testing.assert_array_equal(make_surfaces("test", index, index + 1)[0], tested[index])
    np.testing.assert_array_equal(make_surfaces("test", 37, 52), tested[37:52])
    assert make_surfaces("test", 3, 3).shape == (0, 2048, 3)


def test_splits_and_inputs_differ(tested: np.ndarray) -> None:
    train = make_surfaces("train", 0, 60)
    distinct = {points.tobytes() for part in (tested, train) for points in part}
    assert len(distinct) == len(tested) + len(train)


def test_inputs_are_centred_in_the_unit_sphere_on_a_grid(tested: np.ndarray) -> None:
    assert tested.dtype == np.float32
    assert tested.shape == (SPLIT_SIZES["test"], 2048, 3)
    exact = tested[::7].astype(np.float64)
    np.testing.assert_array_equal(np.rint(exact / GRID) * GRID, exact)
    np.testing.assert_allclose(np.sqrt((exact**2).sum(axis=2)).max(axis=1), 1, atol=2 * GRID)
    np.testing.assert_allclose(exact.mean(axis=1), 0, atol=GRID)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_class_is_as_frequent_as_any(split: Split) -> None:
    counts = np.bincount(label_surfaces(split))
    assert len(counts) == len(CLASS_NAMES) == len(set(CLASS_NAMES)) >= 12
    assert set(counts) == {SPLIT_SIZES[split] // len(CLASS_NAMES)}


def test_a_small_split_is_loaded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPLIT_SIZES, "train", 130)
    points, labels = load_surfaces("train")
    np.testing.assert_array_equal(points, make_surfaces("train", 0, 130))
    assert labels.tolist() == [index % 20 for index in range(130)]


def draws(seed: int = 0, size: int = 40_000) -> tuple[Floats, Floats, Floats]:
    u, v, w = np.random.default_rng(seed).random((3, size))
    return u, v, w


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_every_surface_is_a_surface_of_about_unit_size(name: str) -> None:
    points = SURFACES[name](*draws())
    assert points.shape == (40_000, 3)
    assert np.isfinite(points).all()
    assert 0.8 < np.sqrt((points**2).sum(axis=1)).max() < 1.8
    if name != "disc":
        assert points.std(axis=0).min() > 0.1


def test_points_lie_on_what_their_class_is_called() -> None:
    u, v, w = draws()
    x, y, z = SURFACES["ellipsoid"](u, v, w).T
    np.testing.assert_allclose(x**2 + y**2 + z**2, 1)
    x, y, z = SURFACES["torus"](u, v, w).T
    np.testing.assert_allclose((np.hypot(x, y) - 1) ** 2 + z**2, 0.16)
    x, y, z = SURFACES["cylinder"](u, v, w).T
    assert np.all(np.isclose(np.hypot(x, y), 1) | np.isclose(abs(z), 1))
    x, y, z = SURFACES["capsule"](u, v, w).T
    np.testing.assert_allclose(np.hypot(np.hypot(x, y), np.maximum(abs(z) - 0.5, 0)), 0.5)
    x, y, z = SURFACES["spindle"](u, v, w).T
    np.testing.assert_allclose(np.hypot(x, y) + abs(z), 1)
    np.testing.assert_allclose(abs(SURFACES["box"](u, v, w)).max(axis=1), 1)
    corners = np.array(
        [(-1, -1, -1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)]
    )  # faces lie opposite to them, at the same distance
    np.testing.assert_allclose((SURFACES["tetrahedron"](u, v, w) @ corners.T).min(axis=1), -1)


@pytest.mark.parametrize(
    ("name", "part", "share"),
    [
        ("ellipsoid", lambda p: p[:, 2] > 0.5, 1 / 4),
        ("disc", lambda p: np.hypot(p[:, 0], p[:, 1]) < 0.5, 1 / 4),
        ("cylinder", lambda p: np.isclose(p[:, 2], 1), 1 / 6),
        ("cone", lambda p: p[:, 2] == -1, 1 / (1 + np.sqrt(5))),
        ("box", lambda p: p[:, 0] == 1, 1 / 6),
        (
            "prism",
            lambda p: p[:, 2] == 1,
            np.sqrt(27 / 16) / (2 * np.sqrt(27 / 16) + 6 * np.sqrt(3)),
        ),
        ("torus", lambda p: np.hypot(p[:, 0], p[:, 1]) > 1, 1 / 2 + 0.4 / np.pi),
        ("dome", lambda p: p[:, 2] == 0, 1 / 3),
    ],
)
def test_sampling_is_uniform_in_area(name: str, part: object, share: float) -> None:
    inside = part(SURFACES[name](*draws(1)))  # type: ignore[operator]
    assert abs(inside.mean() - share) < 5 * np.sqrt(share * (1 - share) / inside.size)


def test_turns_are_rotations_in_all_directions() -> None:
    turns = surfaces._turns(np.random.default_rng(0).random((20_000, 3)))
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    np.testing.assert_allclose(turns.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose((turns**2).mean(axis=0), 1 / 3, atol=0.02)
    quarter = np.full(1, np.sqrt(0.5))
    np.testing.assert_allclose(
        rotations(quarter, 0 * quarter, quarter, 0 * quarter)[0],
        [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
        atol=1e-15,
    )


def test_they_are_a_data_set_that_needs_no_folder(tested: np.ndarray) -> None:
    dataset = load_dataset("surfaces")
    assert (dataset.kind, dataset.shape, dataset.dtype, len(dataset)) == (
        "points",
        (2048, 3),
        np.float32,
        500,
    )
    assert dataset.class_names == CLASS_NAMES
    assert dataset.labels is not None
    assert dataset.labels.tolist() == label_surfaces("test").tolist()
    part = load_dataset("surfaces", stride=7, limit=3)
    assert part.indices.tolist() == [0, 7, 14]
    np.testing.assert_array_equal(part.read(2), tested[14])
