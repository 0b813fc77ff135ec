"""A law of noise holds its own parameters, refuses what is none, and draws what runs drew."""

from __future__ import annotations

import doctest
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import topcert
from topcert.modalities.input_form import Form, fingerprint_fill
from topcert.noise import ablation, discrete, gaussian
from topcert.noise.law import Noise
from topcert.noise.registered_laws import all_noises, find_noise
from topcert.randomization import designs, grid_noise, masks
from topcert.randomization import discrete_shifts as circle
from topcert.randomization import float_noise as floating

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (6, 4, 5, 3)).astype(np.float32) / np.float32(255)


def form(**changes: Any) -> Form:
    usual: dict[str, Any] = {
        "name": "made",
        "shape": (4, 5, 3),
        "unit": "pixel",
        "dtype": np.dtype(np.float32),
    }
    return Form(**usual | changes)


TABLE = {"shape": (7,), "unit": "column"}


@pytest.mark.parametrize("module", [ablation, gaussian, discrete])
def test_the_examples_of_the_docstrings_run(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("law", "given", "message"),
    [
        (topcert.Ablation, {}, "num_kept must be given: how many features"),
        (topcert.Ablation, {"design": "partitions"}, "num_kept must be given: how many features"),
        (topcert.Ablation, {"num_kept": 0}, "num_kept must be at least 1, got 0"),
        (topcert.Ablation, {"num_kept": 5.0}, r"num_kept must be a whole number .*; write 5"),
        (topcert.Ablation, {"num_kept": True}, "num_kept must be a whole number"),
        (topcert.Ablation, {"num_kept": 5, "design": "grid"}, "unknown design 'grid'"),
        (topcert.Ablation, {"num_kept": 5, "design": "lattice:5"}, "say lattice:5x4"),
        (topcert.Ablation, {"num_kept": 5, "encoding": "grey"}, "encoding must be one of six-"),
        (topcert.Ablation, {"num_kept": 5, "fill": float("nan")}, "fill must be a finite number"),
        (topcert.Ablation, {"num_kept": 5, "fill": "a" * 64}, "fill must be a finite number"),
        (topcert.Ablation, {"num_kept": 5, "fill": True}, "fill must be a number, got True"),
        (
            topcert.Ablation,
            {"num_kept": 5, "encoding": "infill", "fill": 0.5},
            "fill is for the encodings constant and sentinel, not infill; leave it out",
        ),
        (topcert.Gaussian, {"sigma": 0}, r"sigma must lie in 1e-06 \.\. 128, got 0"),
        (topcert.Gaussian, {"sigma": 1e7}, r"sigma must lie in 1e-06 \.\. 128, got 1"),
        (topcert.Gaussian, {"sigma": float("nan")}, "sigma must lie in"),
        (topcert.Gaussian, {"sigma": "0.5"}, "sigma must be a number, got '0.5'"),
        (topcert.Discrete, {"keep_probability": "1"}, "strictly between 0 and 1 such as 0.2"),
        (topcert.Discrete, {"keep_probability": 0.0}, "strictly between 0 and 1 such as 0.2"),
        (topcert.Discrete, {"keep_probability": "1/0"}, "strictly between 0 and 1 such as 0.2"),
        (topcert.Discrete, {"keep_probability": 1 / 3}, "of at most nine decimals"),
    ],
)
def test_parameters_that_are_none_are_refused(
    law: type[Noise], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        law(**given)


def test_numbers_of_any_type_are_as_they_are_meant() -> None:
    five: Any = np.int64(5)
    half: Any = np.float32(0.5)
    assert topcert.Ablation(num_kept=five) == topcert.Ablation(num_kept=5)
    assert topcert.Gaussian(sigma=half) == topcert.Gaussian(sigma=0.5)
    assert topcert.Discrete(keep_probability=0.2) == topcert.Discrete(keep_probability="0.2")
    assert topcert.Discrete(keep_probability=Fraction(1, 3)).share == Fraction(1, 3)
    # each stream has a range of its own
    old = topcert.Gaussian(sigma=1000.0, algorithm=floating.ALGORITHM)
    assert old.stream == floating.ALGORITHM


def test_a_law_is_fitted_to_the_inputs() -> None:
    five = topcert.Ablation(num_kept=5)
    assert five.fitted(form(), num_samples=9).encoding == "six-channel"
    shown = five.fitted(form(**TABLE), num_samples=9)
    assert (shown.encoding, shown.fill) == ("sentinel", -1.0)
    grey = topcert.Ablation(num_kept=5, encoding="constant")
    assert grey.fitted(form(value_range=(-1.0, 3.0)), num_samples=9).fill == 1.0
    mean = topcert.Ablation(num_kept=5, encoding="mean")
    brought = form(read_reference=lambda: IMAGES)
    made = mean.fitted(brought, num_samples=9)
    assert made.fill == fingerprint_fill(IMAGES.mean(axis=0))
    assert made.fitted(brought, num_samples=9) == made
    strided = topcert.Ablation(design="lattice:2x2")
    assert strided.fitted(form(), num_samples=4).num_kept == 6
    with pytest.raises(ValueError, match="follows from the inputs"):
        _ = strided.kept


@pytest.mark.parametrize(
    ("law", "changes", "asked", "message"),
    [
        (topcert.Ablation(num_kept=21), {}, {}, r"--keep must lie in 1 \.\. 20, the pixels"),
        (topcert.Ablation(num_kept=5), {"unit": "point"}, {}, "has no points"),
        (
            topcert.Ablation(num_kept=5, design="partitions"),
            {},
            {"num_selection": 3},
            "draws masks beside the design partitions",
        ),
        (topcert.Ablation(num_kept=5, design="stratified"), TABLE, {}, "these 7 features are none"),
        (topcert.Ablation(design="lattice:2x2"), {}, {"num_samples": 5}, "--samples is 5"),
        (
            topcert.Ablation(num_kept=5, design="lattice:2x2"),
            {},
            {"num_samples": 4},
            "--keep is 5, and the widest mask of lattice:2x2 keeps 6 of 4 x 5 pixels",
        ),
        (topcert.Ablation(num_kept=5, encoding="mean"), {}, {}, "made does not bring"),
        (topcert.Gaussian(sigma=0.5), TABLE, {}, "images in .0, 1., and made holds none"),
        (topcert.Discrete(keep_probability=0.2), TABLE, {}, "and made holds none"),
        (topcert.Gaussian(sigma=129), {}, {}, r"sigma must lie in 1e-06 \.\. 128, got 129"),
        (topcert.Ablation(num_kept=5, fill=0.5), {}, {}, "--fill is for the encodings constant"),
        (topcert.Gaussian(sigma=0.5), {"value_range": (0.0, 2.0)}, {}, "--range belongs"),
    ],
)
def test_inputs_without_a_place_for_a_law_are_refused(
    law: Noise, changes: dict[str, Any], asked: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        law.fitted(form(**changes), **{"num_samples": 9} | asked)


def drawn(law: Noise, given: Form, x: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    made = law.fitted(given, num_samples=8)
    randomizer = made.randomizer(given, seed=7, num_samples=8, num_votes=8, batch_size=8)
    return randomizer.batch(randomizer.prepare(x), 0)


@pytest.mark.parametrize(
    ("design", "encoding", "unit"),
    [(None, "constant", "pixel"), ("partitions", "mean", "pixel"), ("random", None, "feature")],
)
def test_masks_are_those_of_the_stream(design: str | None, encoding: str | None, unit: str) -> None:
    given = form(unit=unit, read_reference=lambda: IMAGES)
    batch = drawn(topcert.Ablation(num_kept=5, design=design, encoding=encoding), given, IMAGES[0])
    if design is None:
        kept = masks.draw_masks(seed=7, start=0, stop=8, num_features=20, num_kept=5)
    else:
        kept = designs.Design(
            name=design, seed=7, num_features=given.num_features, num_kept=5
        ).masks(0, 8)
    for row, mask in zip(batch, kept, strict=True):
        hidden = np.ones(given.num_features, bool)
        hidden[mask] = False
        if encoding is None:
            assert np.array_equal(row[:3] != 0, ~hidden.reshape(3, 4, 5) & (row[:3] != 0))
            assert not (row[:3] + row[3:])[hidden.reshape(3, 4, 5)].any()
            assert (row[:3] + row[3:])[~hidden.reshape(3, 4, 5)].all()
            continue
        null = np.full_like(IMAGES[0], 0.5) if encoding == "constant" else IMAGES.mean(axis=0)
        expected = np.where(hidden.reshape(4, 5)[..., None], null, IMAGES[0])
        assert np.array_equal(row, expected.transpose(2, 0, 1))


def test_noise_is_that_of_the_stream() -> None:
    flat = np.ascontiguousarray(IMAGES[0].transpose(2, 0, 1)).reshape(-1)
    asked = {"seed": 7, "start": 0, "stop": 8, "width": 60}
    steps = grid_noise.steps_of(0.25)
    noise = grid_noise.draw_steps(**asked, sigma=0.25)
    expected = (np.rint(flat * 255).astype(np.int64) * steps + noise) / (255 * steps)
    found = drawn(topcert.Gaussian(sigma=0.25), form(), IMAGES[0]).reshape(8, -1)
    assert np.array_equal(found, expected.astype(np.float32))
    old = topcert.Gaussian(sigma=0.25, algorithm=floating.ALGORITHM)
    normals = (floating.draw_normals(**asked).astype(np.float64) * 0.25).astype(np.float32)
    assert np.array_equal(drawn(old, form(), IMAGES[0]).reshape(8, -1), flat + normals)
    assert not np.array_equal(found, flat + normals)
    shifts = circle.draw_shifts(**asked, keep_probability=Fraction(1, 5), num_values=256)
    values = (np.rint(flat * 255).astype(np.int64) + shifts) % 256
    found = drawn(topcert.Discrete(keep_probability=0.2), form(), IMAGES[0]).reshape(8, -1)
    assert np.array_equal(found, values.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(
    "law",
    [
        topcert.Ablation(num_kept=5, encoding="sentinel", fill=-1.0),
        topcert.Ablation(num_kept=6, design="lattice:p=4", encoding="mean", fill="0f" * 32),
        topcert.Ablation(num_kept=5, encoding="six-channel", algorithm="one of another release"),
        topcert.Gaussian(sigma=0.5),
        topcert.Gaussian(sigma=500.0, algorithm=floating.ALGORITHM),
        topcert.Gaussian(sigma=0.5, algorithm="one of another release"),
        topcert.Discrete(keep_probability="1/5"),
    ],
)
def test_a_law_is_read_back_from_what_it_says_of_itself(law: Noise) -> None:
    message = law.entries() | {
        "law": law.law,
        "algorithm": law.stream,
        "input_shape": [4, 5, 3],
        "unit": "pixel",
        "num_features": 20,
        "num_samples": 4,
        "num_selection": 0,
        "seed": 0,
    }
    assert find_noise(law.name).read(message) == law


def test_a_stream_of_another_release_is_read_and_not_drawn() -> None:
    other = topcert.Gaussian(sigma=0.5, algorithm="one of another release")
    with pytest.raises(ValueError, match="names the algorithm one of another release; this rel"):
        other.check_stream()
    with pytest.raises(ValueError, match="one of another release, whose law this release does not"):
        other.law_error(60)
    with pytest.raises(ValueError, match="names the algorithm one of another release; this rel"):
        topcert.Ablation(num_kept=5, algorithm="one of another release").check_stream()
    topcert.Ablation(num_kept=5, algorithm=masks.ALGORITHM).check_stream()


def test_the_error_of_the_law_is_that_of_the_stream() -> None:
    assert topcert.Ablation(num_kept=5).law_error(60) == 0.0
    assert (
        topcert.Gaussian(sigma=0.5).law_error(60) == grid_noise.law_error(sigma=0.5, width=60) > 0
    )
    assert topcert.Gaussian(sigma=0.5, algorithm=floating.ALGORITHM).law_error(60) == 0.0
    expected = circle.law_error(width=60, num_values=256)
    assert topcert.Discrete(keep_probability=0.2).law_error(60) == expected > 0


def test_all_laws_are_found_by_name() -> None:
    ours = {
        "ablation": topcert.Ablation,
        "discrete": topcert.Discrete,
        "gaussian": topcert.Gaussian,
    }
    assert all_noises().items() >= ours.items()
    with pytest.raises(ValueError, match="unknown noise 'laplace'; choose one of: ablation, "):
        find_noise("laplace")
