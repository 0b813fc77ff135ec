"""Rounding tells the image under noise that was added in floating point, and no longer under noise
on a grid.

After Jin, Ohrimenko and Rubinstein, "Getting a-Round Guarantees: Floating-Point Attacks on
Certified Robustness" (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.gaussian import Gaussian
from topcert.randomization.grid_noise import law_error, steps_of
from topcert.randomization.randomizer import FloatGaussianNoise, GaussianNoise
from topcert.theory.rounded_gaussian import rounded_thresholds

SHAPE = (32, 32, 3)
SIGMA = 0.5
WIDTH = 3072
VOTES = 500
BLACK, NEARLY_BLACK = np.zeros(SHAPE, np.float32), np.full(SHAPE, 1 / 255, np.float32)
DISTANCE = WIDTH**0.5 / 255  # 0.22
NEAR = np.float32(2.0**-9)


def sees_fine_values(batch: np.ndarray) -> np.ndarray:
    """Label 1 where some value next to 0 is no multiple of 2^-32: three additions in float32, zero
    in real numbers.

    A float next to 0 has many more binary places. The sum of 1/255 and a noise near -1/255 never
    does.
    """
    near = np.clip(batch.reshape(len(batch), -1), 0, NEAR)
    left = ((near + NEAR) - NEAR) - near
    return (left != 0).any(axis=1).astype(np.int64)


def counts_of(kind: type[GaussianNoise | FloatGaussianNoise], image: np.ndarray) -> np.ndarray:
    noise = kind(shape=SHAPE, sigma=SIGMA, seed=3, num_noises=VOTES, batch_size=VOTES)
    return np.bincount(sees_fine_values(noise.batch(noise.prepare(image), 0)), minlength=2)


def radius_of(counts: np.ndarray, error: float) -> float:
    """The certified l2 radius of label 1; NaN for none."""
    smoothing = Smoothing(
        noise=Gaussian(sigma=SIGMA), unit="pixel", num_features=1024, channels=3, law_error=error
    )
    made = certify(
        find_vote_method("cohen"),
        counts[None],
        smoothing=smoothing,
        labels=np.ones(1, np.int64),
        label_choice="given",
        ks=[1],
        alpha=0.001,
    )
    assert made.l2_radius is not None
    return float(made.l2_radius[0])


def test_under_noise_in_floating_point_a_certificate_is_false() -> None:
    black, nearly = (counts_of(FloatGaussianNoise, image) for image in (BLACK, NEARLY_BLACK))
    assert radius_of(black, 0.0) > 2 * DISTANCE  # label 1 is certified for more than twice the way,
    assert nearly.tolist() == [VOTES, 0]  # and at its end there is not one vote left for it


def test_under_noise_on_the_grid_the_same_classifier_cannot_tell_the_images() -> None:
    black, nearly = (counts_of(GaussianNoise, image) for image in (BLACK, NEARLY_BLACK))
    assert radius_of(black, law_error(sigma=SIGMA, width=WIDTH)) > 2 * DISTANCE
    assert radius_of(nearly, law_error(sigma=SIGMA, width=WIDTH)) > 0
    assert abs(int(nearly[1]) - int(black[1])) < 0.1 * VOTES


# No classifier of one value at all can do better on the grid than the theorem says: the best one
# takes outcomes by their likelihood ratio (Neyman-Pearson), and the chance of each outcome is known
# exactly.


@pytest.fixture
def thirty_digits() -> Iterator[None]:
    with mpmath.workdps(30):
        yield


def masses(sigma: float) -> np.ndarray:
    """Numbers of the 2^64 words that give each noise, from the least to the largest, as Python
    integers.
    """
    thresholds = [int(t) for t in rounded_thresholds(255 * steps_of(sigma) * Fraction(sigma))]
    positive = np.diff(np.array([0, *thresholds, 2**63], object))
    return np.concatenate([positive[:0:-1], [2 * positive[0]], positive[1:]])


@pytest.mark.usefixtures("thirty_digits")
@pytest.mark.parametrize("sigma", [0.1, 0.5])
@pytest.mark.parametrize("moved", ["one step", 1, 25, 255])
def test_the_best_classifier_of_a_value_moves_no_further_than_the_theorem_allows(
    sigma: float, moved: str | int
) -> None:
    shift = 1 if moved == "one step" else int(moved) * steps_of(sigma)
    mass = masses(sigma)
    assert sum(mass) == 2**64
    nothing = np.zeros(shift, object)
    here, there = np.concatenate([mass, nothing]), np.concatenate([nothing, mass])
    ratio = here.astype(np.float64) / (here + there).astype(np.float64).clip(1)
    order = np.argsort(-ratio, kind="stable")
    won, lost = np.cumsum(here[order]), np.cumsum(there[order])
    delta = mpmath.mpf(shift) / (255 * steps_of(sigma)) / sigma
    error = mpmath.mpf(law_error(sigma=sigma, width=1))
    closest = mpmath.mpf(1)
    for place in np.unique(np.linspace(0, len(order) - 1, 300).astype(int)):
        p = mpmath.mpf(int(won[place])) / 2**64
        after = mpmath.mpf(int(lost[place])) / 2**64
        sure = p - error
        if sure <= 0:
            continue
        z = mpmath.sqrt(2) * mpmath.erfinv(2 * sure - 1)
        allowed = mpmath.ncdf(z - delta)
        assert after >= allowed - error
        closest = min(closest, abs(after - allowed))
    assert closest < 1e-10  # and that is not by a wide margin
