"""What a classifier sees: each encoding against a dense reference, without residue, and blind to
features not kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from topcert.modalities.encodings.encoding import Encoder
from topcert.modalities.encodings.filled import GREY, SENTINEL_FILL
from topcert.modalities.image import IMAGE as PICTURES
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import all_encodings, to_planes
from topcert.modalities.table import TABLE as COLUMNS

IMAGE, TABLE, POINTS = (3, 4, 2), (7,), (9, 3)

# encoding, unit, shape: every pair that goes together; infill and lattice, of no dense mask, have
# their own tests
FIXED = [
    name
    for name, encoding in all_encodings().items()
    if encoding in (*PICTURES.encodings, *COLUMNS.encodings) and name not in ("infill", "lattice")
]
COMBINATIONS: list[tuple[str, str, tuple[int, ...]]] = [
    *((name, unit, IMAGE) for name in FIXED for unit in ("pixel", "feature")),
    *((name, unit, TABLE) for name in FIXED for unit in ("column", "feature")),
    ("keep-only", "point", POINTS),
]
every_combination = pytest.mark.parametrize(("name", "unit", "shape"), COMBINATIONS)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def count_features(unit: str, shape: tuple[int, ...]) -> int:
    if unit == "point":
        return shape[0]
    return int(np.prod(shape[:2] if unit == "pixel" else shape))


def make_fill(
    name: str, shape: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.floating] | float | None:
    """A number where the encoding has a default, an input where it needs one of training inputs."""
    if name in ("mean", "median"):
        return generator.random(shape)
    return {"constant": 0.25, "sentinel": -2.0}.get(name)


def draw_kept(
    generator: np.random.Generator, batch_size: int, num_features: int, num_kept: int
) -> NDArray[np.int32]:
    rows = [np.sort(generator.permutation(num_features)[:num_kept]) for _ in range(batch_size)]
    return np.array(rows, np.int32)


def naive(
    name: str, unit: str, x: NDArray[Any], kept: NDArray[np.int32], fill: Any
) -> NDArray[Any]:
    """The batch by the definition: one dense mask an input, multiplied out."""
    batch = []
    for features in kept:
        if name == "keep-only":
            batch.append(x[features])
            continue
        if unit == "pixel":
            mask = np.isin(np.arange(x.shape[0] * x.shape[1]), features).reshape(*x.shape[:2], 1)
        elif x.ndim == 3:  # features are numbered channel first
            mask = (
                np.isin(np.arange(x.size), features)
                .reshape(x.shape[2], *x.shape[:2])
                .transpose(1, 2, 0)
            )
        else:
            mask = np.isin(np.arange(x.size), features)
        if name == "six-channel":
            shown = np.concatenate([x * mask, (1 - x) * mask], axis=-1)
        else:
            shown = np.where(mask, x, np.asarray(fill, x.dtype))
        batch.append(shown.transpose(2, 0, 1) if x.ndim == 3 else shown)
    return np.array(batch)


def encoder_of(
    name: str, unit: str, shape: tuple[int, ...], batch_size: int, fill: Any, dtype: Any
) -> Encoder:
    return make_encoder(name, shape=shape, unit=unit, batch_size=batch_size, fill=fill, dtype=dtype)


@every_dtype
@every_combination
def test_batch_equals_the_dense_reference(
    name: str, unit: str, shape: tuple[int, ...], dtype: Any
) -> None:
    generator = np.random.default_rng(3)
    fill = make_fill(name, shape, generator)
    x = generator.random(shape).astype(dtype)
    num_features = count_features(unit, shape)
    for num_kept in (1, 2, num_features):
        kept = draw_kept(generator, 5, num_features, num_kept)
        batch = encoder_of(name, unit, shape, 5, fill, dtype)(to_planes(x, unit), kept)
        wanted = naive(name, unit, x, kept, fill)
        assert batch.shape == wanted.shape
        assert batch.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(batch, wanted)


@settings(max_examples=60, deadline=None)
@given(
    combination=st.sampled_from(COMBINATIONS),
    seed=st.integers(0, 2**32),
    batch_size=st.integers(1, 4),
    calls=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=2, max_size=8),
    share=st.floats(0, 1),
)
def test_calls_in_any_sequence_leave_no_residue(
    combination: tuple[str, str, tuple[int, ...]],
    seed: int,
    batch_size: int,
    calls: list[tuple[int, int]],
    share: float,
) -> None:
    name, unit, shape = combination
    generator = np.random.default_rng(seed)
    num_features = count_features(unit, shape)
    num_kept = 1 + round(share * (num_features - 1))
    fill = make_fill(name, shape, generator)
    inputs = [generator.random(shape) for _ in range(2)]
    # a call may bring the very mask object of the call before, an equal one never
    masks = [draw_kept(generator, batch_size, num_features, num_kept) for _ in range(3)]
    encoder = encoder_of(name, unit, shape, batch_size, fill, np.float64)
    for which, mask in calls:
        batch = encoder(to_planes(inputs[which], unit), masks[mask])
        np.testing.assert_array_equal(batch, naive(name, unit, inputs[which], masks[mask], fill))


def test_an_equal_but_different_mask_object_leaves_no_residue() -> None:
    generator = np.random.default_rng(0)
    kept = draw_kept(generator, 2, 12, 4)
    encoder = make_encoder("six-channel", shape=IMAGE, unit="pixel", batch_size=2)
    for mask in (kept, kept.copy(), kept):
        x = generator.random(IMAGE).astype(np.float32)
        np.testing.assert_array_equal(
            encoder(to_planes(x, "pixel"), mask), naive("six-channel", "pixel", x, mask, None)
        )


@settings(max_examples=80, deadline=None)
@given(
    combination=st.sampled_from(COMBINATIONS),
    seed=st.integers(0, 2**32),
    share=st.floats(0, 1),
    attack=st.sampled_from([0.0, 1.0, 0.5, -1.0, 1e30, np.inf, -np.inf, np.nan]),
)
def test_a_changed_feature_that_is_not_kept_never_shows(
    combination: tuple[str, str, tuple[int, ...]], seed: int, share: float, attack: float
) -> None:
    name, unit, shape = combination
    generator = np.random.default_rng(seed)
    num_features = count_features(unit, shape)
    num_kept = 1 + round(share * (num_features - 1))
    fill = make_fill(name, shape, generator)
    kept = draw_kept(generator, 1, num_features, num_kept)
    planes = to_planes(generator.random(shape), unit)
    attacked = planes.copy()
    attacked[:, np.setdiff1d(np.arange(num_features), kept)] = attack
    encoder = encoder_of(name, unit, shape, 1, fill, np.float64)
    clean = encoder(planes, kept).tobytes()
    assert encoder(attacked, kept).tobytes() == clean  # in the buffer that the clean input was in
    assert encoder_of(name, unit, shape, 1, fill, np.float64)(attacked, kept).tobytes() == clean


@pytest.mark.parametrize(
    ("unit", "shape"), [("pixel", IMAGE), ("feature", IMAGE), ("column", TABLE)]
)
def test_null_of_six_channel_is_zero_and_unlike_any_value(
    unit: str, shape: tuple[int, ...]
) -> None:
    num_features = count_features(unit, shape)
    kept = draw_kept(np.random.default_rng(1), 1, num_features, num_features // 2)
    encoder = make_encoder("six-channel", shape=shape, unit=unit, batch_size=1)
    for value in (0.0, 0.25, 0.5, 1.0):
        batch = encoder(to_planes(np.full(shape, value, np.float32), unit), kept)
        values, complements = batch.reshape(2, -1, num_features)
        hidden = np.isin(np.arange(num_features), kept, invert=True)
        assert not values[:, hidden].any()
        assert not complements[:, hidden].any()
        # a shown value and its complement sum to one, so at least one of them is not zero
        np.testing.assert_array_equal((values + complements)[:, ~hidden], 1)


@pytest.mark.parametrize(
    ("name", "fill", "null"),
    [("constant", None, GREY), ("sentinel", None, SENTINEL_FILL), ("constant", 0.1, 0.1)],
)
def test_null_of_a_fill_is_its_number(name: str, fill: float | None, null: float) -> None:
    encoder = make_encoder(name, shape=TABLE, unit="column", batch_size=1, fill=fill)
    batch = encoder(to_planes(np.ones(TABLE, np.float32), "column"), np.array([[2]], np.int32))
    wanted = np.full((1, *TABLE), null, np.float32)
    wanted[0, 2] = 1
    np.testing.assert_array_equal(batch, wanted)


def test_a_fill_may_differ_by_channel_or_by_feature() -> None:
    x = np.ones(IMAGE, np.float32)
    kept = np.array([[0]], np.int32)
    for fill in (np.array([0.1, 0.9]), np.linspace(0, 0.9, 24).reshape(IMAGE)):
        encoder = make_encoder("mean", shape=IMAGE, unit="pixel", batch_size=1, fill=fill)
        wanted = naive("mean", "pixel", x, kept, np.broadcast_to(fill, IMAGE))
        np.testing.assert_array_equal(encoder(to_planes(x, "pixel"), kept), wanted)


def test_the_sentinel_lies_outside_scaled_values() -> None:
    assert not 0 <= SENTINEL_FILL <= 1


def test_planes_follow_the_units() -> None:
    image = np.arange(24.0).reshape(IMAGE)
    np.testing.assert_array_equal(
        to_planes(image, "pixel"), [image[..., 0].ravel(), image[..., 1].ravel()]
    )
    np.testing.assert_array_equal(
        to_planes(image, "feature"),
        [np.concatenate([image[..., 0].ravel(), image[..., 1].ravel()])],
    )
    for unit in ("column", "feature"):
        np.testing.assert_array_equal(to_planes(np.arange(7.0), unit), [np.arange(7.0)])
    points = np.arange(27.0).reshape(POINTS)
    np.testing.assert_array_equal(to_planes(points, "point"), points.T)


@every_dtype
@every_combination
def test_planes_keep_the_dtype_and_are_contiguous(
    name: str, unit: str, shape: tuple[int, ...], dtype: Any
) -> None:
    planes = to_planes(np.zeros(shape, dtype), unit)
    assert planes.dtype == np.dtype(dtype), name
    assert planes.flags.c_contiguous
    assert planes.shape[1] == count_features(unit, shape)


@pytest.mark.parametrize(
    ("unit", "shape"),
    [
        ("pixel", TABLE),
        ("pixel", POINTS),
        ("column", IMAGE),
        ("column", POINTS),
        ("feature", POINTS),
        ("point", IMAGE),
        ("point", TABLE),
        ("pixel", (2, 3, 4, 5)),
        ("column", ()),
    ],
)
def test_a_unit_that_the_shape_has_not_is_refused(unit: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"has no {unit}s; images have pixels"):
        to_planes(np.zeros(shape), unit)


def test_an_unknown_name_is_refused_with_the_choices() -> None:
    with pytest.raises(
        ValueError, match="unknown encoding 'zero'; choose one of: six-channel, constant, mean"
    ):
        make_encoder("zero", shape=IMAGE, unit="pixel", batch_size=1)


@pytest.mark.parametrize(
    ("name", "unit", "shape"),
    [
        ("keep-only", "pixel", IMAGE),
        ("keep-only", "column", TABLE),
        ("six-channel", "point", POINTS),
        ("mean", "point", POINTS),
    ],
)
def test_keep_only_and_points_go_together_alone(
    name: str, unit: str, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=f"encoding {name} and unit {unit} do not go together"):
        make_encoder(name, shape=shape, unit=unit, batch_size=1, fill=0.5)


def test_an_encoder_is_not_made_for_a_unit_that_the_shape_has_not() -> None:
    with pytest.raises(ValueError, match="has no pixels"):
        make_encoder("six-channel", shape=TABLE, unit="pixel", batch_size=1)


@pytest.mark.parametrize("name", ["mean", "median"])
def test_mean_and_median_need_training_inputs(name: str) -> None:
    with pytest.raises(ValueError, match=f"encoding {name} needs the {name} of training inputs"):
        make_encoder(name, shape=IMAGE, unit="pixel", batch_size=1)


@pytest.mark.parametrize("name", ["constant", "sentinel", "mean", "median"])
@pytest.mark.parametrize(
    "fill", [np.nan, np.inf, -np.inf, np.where(np.arange(7) == 3, np.nan, 0.0)]
)
def test_a_fill_that_is_not_finite_is_refused(name: str, fill: Any) -> None:
    with pytest.raises(ValueError, match=f"the fill of encoding {name} must be finite"):
        make_encoder(name, shape=TABLE, unit="column", batch_size=1, fill=fill)


def test_a_fill_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        make_encoder("mean", shape=TABLE, unit="column", batch_size=1, fill=np.zeros(6))
