"""The Gaussian stream on a grid is what its description says, bit for bit, and its certificates
hold.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import stats

from tests.randomization.test_masks import WORD, philox4x64_10
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.gaussian import Gaussian
from topcert.randomization import grid_noise
from topcert.randomization.grid_noise import (
    DOMAIN,
    MAX_SIGMA,
    MIN_SIGMA,
    draw_steps,
    law_error,
    steps_of,
)
from topcert.randomization.masks import CERTIFY, TRAIN
from topcert.randomization.randomizer import GaussianNoise
from topcert.randomization.words import draw_words
from topcert.theory.rounded_gaussian import rounded_thresholds

PLACES = [(0, 0), (0, 1), (WORD, 0), (42, 99_999), (WORD, 10**12), (2022, 2**63)]
SIGMAS = [0.1, 0.3, 20.0]

# What is pinned for good: other numbers need another name.
STEPS: dict[tuple[int, int], list[list[int]]] = {
    (0, 0): [[3537, -22, 28, 5197, 2321], [2653, -16, 21, 3898, 1740], [5526, -34, 44, 8120, 3626]],
    (0, 1): [
        [4671, 8072, 1869, 651, 1265],
        [3503, 6054, 1402, 488, 949],
        [7299, 12612, 2920, 1018, 1977],
    ],
    (WORD, 0): [
        [1368, 1383, -3635, -3356, -1418],
        [1026, 1038, -2726, -2517, -1063],
        [2138, 2162, -5679, -5244, -2215],
    ],
    (42, 99_999): [
        [1146, -832, -4822, -186, 1291],
        [859, -624, -3617, -140, 968],
        [1790, -1300, -7535, -291, 2018],
    ],
    (WORD, 10**12): [
        [-3189, -475, 2310, 5657, 2779],
        [-2391, -356, 1732, 4242, 2084],
        [-4982, -742, 3609, 8838, 4343],
    ],
    (2022, 2**63): [
        [-2519, -3525, -2722, -1550, -543],
        [-1889, -2644, -2041, -1162, -407],
        [-3936, -5508, -4252, -2422, -848],
    ],
}


def deviation(sigma: float) -> Fraction:
    return 255 * steps_of(sigma) * Fraction(sigma)


def threshold(n: int, s: Fraction) -> int:
    with mpmath.workdps(50):
        chance = mpmath.erf(
            (2 * n - 1) / (2 * mpmath.sqrt(2) * mpmath.mpf(s.numerator) / s.denominator)
        )
        return int(mpmath.floor(chance * 2**63 + mpmath.mpf("0.5")))


def steps_by_the_book(word: int, s: Fraction) -> int:
    """The documented rule, by bisection in high precision."""
    number = word % 2**63
    low, high = 0, math.ceil(10 * s)  # t_low <= number < t_high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if threshold(middle, s) <= number else (low, middle)
    return -low if word >> 63 else low


def word_by_the_book(seed: int, number: int, place: int, width: int) -> int:
    block = number * -(-width // 4) + place // 4
    counter = (block & WORD, block >> 64 & WORD, block >> 128 & WORD, block >> 192)
    return int(philox4x64_10(counter, (seed, DOMAIN))[place % 4])


@pytest.mark.parametrize("place", PLACES)
def test_steps_are_pinned_for_good(place: tuple[int, int]) -> None:
    assert grid_noise.ALGORITHM == "philox4x64-rounded63-1"
    seed, start = place
    for sigma, wanted in zip(SIGMAS, STEPS[place], strict=True):
        found = draw_steps(seed=seed, start=start, stop=start + 1, width=5, sigma=sigma)
        assert found.dtype == np.int32
        assert found.tolist() == [wanted]


@pytest.mark.parametrize("sigma", SIGMAS)
def test_steps_are_those_of_the_documented_algorithm(sigma: float) -> None:
    found = draw_steps(seed=7, start=3, stop=5, width=6, sigma=sigma).tolist()
    for row, number in enumerate((3, 4)):
        words = [word_by_the_book(7, number, place, 6) for place in range(6)]
        assert found[row] == [steps_by_the_book(word, deviation(sigma)) for word in words]


@pytest.mark.parametrize("sigma", [MIN_SIGMA, 0.12, 1.0, 20.0])
def test_every_threshold_is_met_to_the_word(monkeypatch: pytest.MonkeyPatch, sigma: float) -> None:
    thresholds = [int(t) for t in rounded_thresholds(deviation(sigma))]
    low = {t + shift for t in thresholds for shift in (-1, 0, 1)} | {0, 2**63 - 1}
    numbers = sorted(number for number in low if number < 2**63)
    wanted = np.array([bisect_right(thresholds, number) for number in numbers])
    assert wanted[0] == 0
    assert wanted[-1] == len(thresholds)
    words = np.array([*numbers, *(number + 2**63 for number in numbers)], np.uint64)
    monkeypatch.setattr(grid_noise, "draw_words", lambda **_: words[None])
    found = draw_steps(seed=0, start=0, stop=1, width=len(words), sigma=sigma)[0]
    np.testing.assert_array_equal(found, np.concatenate([wanted, -wanted]))


def test_the_stream_has_words_of_its_own() -> None:
    assert len({DOMAIN, CERTIFY, TRAIN}) == 3
    where = {"seed": 1, "start": 0, "stop": 1, "width": 8}
    assert not np.isin(draw_words(**where, domain=DOMAIN), draw_words(**where)).any()
    words = draw_words(**where, domain=DOMAIN)
    np.testing.assert_array_equal(draw_steps(**where, sigma=1.0) < 0, words >> np.uint64(63) == 1)


@pytest.mark.parametrize(
    ("sigma", "steps"),
    [
        (MIN_SIGMA, 2**23),
        (0.1, 128),
        (0.12, 128),
        (0.25, 64),
        (0.5, 32),
        (1.0, 16),
        (8.0, 2),
        (8.04, 1),
        (MAX_SIGMA, 1),
    ],
)
def test_the_grid_is_the_coarsest_with_2048_steps_in_sigma(sigma: float, steps: int) -> None:
    assert steps_of(sigma) == steps
    assert steps * 255 * Fraction(sigma) >= 2048
    assert steps == 1 or steps * 255 * Fraction(sigma) / 2 < 2048
    beyond = len(rounded_thresholds(deviation(sigma)))
    assert 255 * steps + beyond < 2**31  # of int32
    assert float(np.float32(255 * steps)) == 255 * steps


@pytest.mark.parametrize("sigma", [0.0, -1.0, 9e-7, 129.0, math.inf, math.nan])
def test_a_sigma_without_a_grid_is_refused(sigma: float) -> None:
    for call in (
        lambda: steps_of(sigma),
        lambda: draw_steps(seed=0, start=0, stop=1, width=1, sigma=sigma),
    ):
        with pytest.raises(ValueError, match=r"sigma must lie in 1e-06 \.\. 128, got"):
            call()


def test_the_law_error_of_an_image_is_small() -> None:
    assert law_error(sigma=0.5, width=3072) == pytest.approx(3072 * (10 * 4080 + 2) / 2**64)
    assert 0 < law_error(sigma=0.5, width=150_528) < 4e-10


@pytest.mark.parametrize("sigma", [0.1, 1.0, 20.0])
def test_steps_are_normal_and_independent(sigma: float) -> None:
    noise = draw_steps(seed=11, start=0, stop=400, width=101, sigma=sigma) / float(deviation(sigma))
    assert stats.kstest(noise.reshape(-1), "norm").pvalue > 0.001
    assert stats.kstest((noise**2).sum(axis=1), stats.chi2(101).cdf).pvalue > 0.001
    for one, other in ((noise[:, 1:], noise[:, :-1]), (noise[1:], noise[:-1])):
        assert abs(np.corrcoef(one.reshape(-1), other.reshape(-1))[0, 1]) < 0.02


@pytest.mark.parametrize("name", ["cohen", "jia-2020"])
def test_certificates_of_a_half_space_reach_beyond_it_no_more_often_than_alpha(name: str) -> None:
    """Votes of a threshold on one value, whose radius is the distance to it; all of it as a run
    does it.
    """
    sigma, alpha, runs, votes = 0.5, 0.1, 2000, 60
    steps, edge = steps_of(sigma), 3000
    grey = np.full((1, 1, 1), 100 / 255, np.float32)
    counts = np.zeros((runs, 2), np.int64)
    for seed in range(runs):
        noise = GaussianNoise(
            shape=(1, 1, 1), sigma=sigma, seed=seed, num_noises=votes, batch_size=votes
        )
        shown = noise.batch(noise.prepare(grey), 0)
        above = int((shown >= np.float32(edge + 100 * steps) / np.float32(255 * steps)).sum())
        counts[seed] = votes - above, above
    made = certify(
        find_vote_method(name),
        counts,
        smoothing=Smoothing(
            noise=Gaussian(sigma=sigma),
            unit="pixel",
            num_features=1,
            law_error=law_error(sigma=sigma, width=1),
        ),
        labels=np.zeros(runs, np.int64),
        label_choice="given",
        ks=[1],
        alpha=alpha,
    )
    assert made.l2_radius is not None
    distance = (edge - 0.5) / (255 * steps)
    wrong = int((made.l2_radius > distance).sum())
    assert 0 < wrong <= alpha * runs + 4 * math.sqrt(alpha * (1 - alpha) * runs)
    assert np.nanmax(made.l2_radius[made.l2_radius <= distance]) > 0.7 * distance
