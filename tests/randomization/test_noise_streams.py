"""The noise streams are what their descriptions say, bit for bit, functions of (seed, number), and
of the right law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.randomization.test_masks import WORD, philox4x64_10
from topcert.randomization import discrete_shifts, float_noise
from topcert.randomization.discrete_shifts import draw_shifts, law_error
from topcert.randomization.float_noise import draw_normals
from topcert.randomization.masks import CERTIFY
from topcert.randomization.words import draw_words

FIFTH = Fraction(1, 5)
PLACES = [(0, 0), (0, 1), (WORD, 0), (42, 99_999), (WORD, 10**12), (2022, 2**63)]


def draw_discrete(**place: int) -> np.ndarray:
    return draw_shifts(keep_probability=FIFTH, num_values=256, **place)


STREAMS = pytest.mark.parametrize(
    "draw", [draw_words, draw_normals, draw_discrete], ids=["words", "normals", "shifts"]
)
Draw = Callable[..., Any]

# The documented algorithms over again, in Python integers and, for the normal quantile, in high
# precision.


def words_by_the_book(seed: int, number: int, width: int) -> list[int]:
    blocks = -(-width // 4)
    words: list[int] = []
    for block in range(number * blocks, (number + 1) * blocks):
        counter = (block & WORD, block >> 64 & WORD, block >> 128 & WORD, block >> 192)
        words += philox4x64_10(counter, (seed, CERTIFY))
    return words[:width]


def normal_by_the_book(word: int) -> np.float32:
    with mpmath.workprec(200):
        quantile = (mpmath.mpf(word // 2**11) + 0.5) / 2**53
        return np.float32(float(mpmath.sqrt(2) * mpmath.erfinv(2 * quantile - 1)))


def shift_by_the_book(word: int, keep: Fraction, num_values: int) -> int:
    limit, others = math.floor(keep * 2**64), num_values - 1
    if word < limit:
        return 0
    return 1 + min((word - limit) // max(1, (2**64 - limit) // others), others - 1)


# What is pinned for good: other numbers need another name.

WORDS = {
    (0, 0): [
        0xA133D005BB5471BA,
        0xEAE0881CACB3D2D3,
        0x4B16D029CA5E2808,
        0xA71A1E01FCD18BE6,
        0xDB0EBBF301C5BE20,
    ],
    (0, 1): [
        0x118817A398AA0F53,
        0x27657CAC3B3E7D67,
        0xC53C34C88F10CE48,
        0x0120C2EDB2081F0B,
        0x662A17E3ABD9ACBE,
    ],
    (WORD, 0): [0x169A11B8934CA050, 0xA02B114486C0FADE],
    (42, 99_999): [0x6D61E070D75B3C31, 0x4AFA4204BC3CCC81, 0x84F28AF0E1A64810, 0xAFEE3C7CF6035282],
    (WORD, 10**12): [0xA290F2A93FF9C382, 0xF39B732E96EE30DB, 0xCBA99F6E5D89E78F],
    (2022, 2**63): [0xB33BB4CE5BA6CC8C],
}
NORMALS = {
    (0, 0): [
        0.3310505449771881,
        1.388375163078308,
        -0.5437206625938416,
        0.39273467659950256,
        1.0611695051193237,
    ],
    (0, 1): [
        -1.4871859550476074,
        -1.0198816061019897,
        0.740329384803772,
        -2.619251251220703,
        -0.25572967529296875,
    ],
    (WORD, 0): [-1.3513703346252441, 0.32037287950515747],
    (42, 99_999): [
        -0.18331679701805115,
        -0.5449872612953186,
        0.048461832106113434,
        0.4880109131336212,
    ],
    (WORD, 10**12): [0.34518998861312866, 1.6604769229888916, 0.825855553150177],
    (2022, 2**63): [0.5247738361358643],
}
SHIFTS = {
    (0, 0): [137, 229, 30, 145, 210],
    (0, 1): [0, 0, 182, 0, 64],
    (WORD, 0): [0, 136],
    (42, 99_999): [73, 30, 102, 156],
    (WORD, 10**12): [139, 240, 190],
    (2022, 2**63): [160],
}


@pytest.mark.parametrize("place", PLACES)
def test_words_normals_and_shifts_are_pinned_for_good(place: tuple[int, int]) -> None:
    assert (float_noise.ALGORITHM, discrete_shifts.ALGORITHM) == (
        "philox4x64-quantile53-1",
        "philox4x64-circle64-1",
    )
    seed, start = place
    where = {"seed": seed, "start": start, "stop": start + 1, "width": len(WORDS[place])}
    for draw, pinned, dtype in (
        (draw_words, WORDS, np.uint64),
        (draw_normals, NORMALS, np.float32),
        (draw_discrete, SHIFTS, np.uint8),
    ):
        found = draw(**where)
        assert found.dtype == dtype
        assert found.tolist() == [pinned[place]]


@pytest.mark.parametrize(
    ("keep", "num_values", "shifts"),
    [("1/2", 2, [1, 1, 0, 1, 1]), ("0.1", 10, [6, 9, 2, 6, 8]), ("1/3", 3, [1, 2, 0, 1, 2])],
)
def test_shifts_of_other_laws_are_pinned_for_good(
    keep: str, num_values: int, shifts: list[int]
) -> None:
    found = draw_shifts(
        seed=0, start=0, stop=1, width=5, keep_probability=Fraction(keep), num_values=num_values
    )
    assert found.tolist() == [shifts]


@pytest.mark.parametrize("width", [1, 3, 4, 5, 108, 3072])
@pytest.mark.parametrize("place", PLACES)
def test_words_are_those_of_the_documented_algorithm(place: tuple[int, int], width: int) -> None:
    seed, start = place
    if width == 3072:
        start = 2**60 + start % 2  # its blocks lie beyond the 64 bits of the counter's first word
    found = draw_words(seed=seed, start=start, stop=start + 2, width=width)
    for row in range(2 if width < 3072 else 1):
        assert found[row].tolist() == words_by_the_book(seed, start + row, width)


def test_normals_are_the_quantiles_of_the_words() -> None:
    words = draw_words(seed=5, start=7, stop=9, width=30)
    wanted = [[normal_by_the_book(word) for word in row] for row in words.tolist()]
    np.testing.assert_array_equal(
        draw_normals(seed=5, start=7, stop=9, width=30), np.array(wanted, np.float32)
    )


def test_no_word_gives_an_infinite_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [0, 1, 2**11, 2**63 - 1, 2**63, 2**64 - 2**12, 2**64 - 2**11, 2**64 - 1]
    monkeypatch.setattr(float_noise, "draw_words", lambda **_: np.array([words], np.uint64))
    found = draw_normals(seed=0, start=0, stop=1, width=len(words))[0]
    assert (np.diff(found) >= 0).all()
    assert found[0] == np.float32(stats.norm.ppf(2.0**-54))
    assert found[-1] == np.float32(stats.norm.ppf(1 - 2.0**-53))
    assert 8.2 < found[-1] < -found[0] < 8.3
    assert np.abs(found[3:5]).max() < 1e-15


LAWS = [
    (Fraction(a), num_values)
    for a in ("1/5", "0.1", "1/2", "1/256", "0.999999")
    for num_values in (2, 3, 10, 256)
]
ODD_LAWS = [
    (Fraction(1, 2**70), 256),
    (1 - Fraction(1, 2**70), 256),
    (1 - Fraction(100, 2**64), 256),  # fewer words are left than there are other values
    (Fraction(1, 2**64), 2),
    (Fraction(12345678901234567, 10**17), 255),
]


@pytest.mark.parametrize(("keep", "num_values"), [*LAWS, *ODD_LAWS])
def test_shifts_are_those_of_the_documented_algorithm_at_every_edge(
    monkeypatch: pytest.MonkeyPatch, keep: Fraction, num_values: int
) -> None:
    limit = math.floor(keep * 2**64)
    share = max(1, (2**64 - limit) // (num_values - 1))
    edges = [0, limit, *(limit + j * share for j in range(1, num_values)), 2**64 - 1]
    words = sorted(
        {word for edge in edges for word in (edge - 1, edge, edge + 1) if 0 <= word < 2**64}
    )
    monkeypatch.setattr(discrete_shifts, "draw_words", lambda **_: np.array([words], np.uint64))
    found = draw_shifts(
        seed=0, start=0, stop=1, width=len(words), keep_probability=keep, num_values=num_values
    )
    assert found[0].tolist() == [shift_by_the_book(word, keep, num_values) for word in words]


def words_of_each_shift(keep: Fraction, num_values: int) -> list[int]:
    """How many of the 2^64 words give each shift, by the definition."""
    limit, others = math.floor(keep * 2**64), num_values - 1
    share = max(1, (2**64 - limit) // others)
    firsts = [limit + j * share for j in range(others)]
    edges = [0, *(min(first, 2**64) for first in firsts), 2**64]
    return [after - before for before, after in pairwise(edges)]


@pytest.mark.parametrize(("keep", "num_values"), [*LAWS, *ODD_LAWS])
def test_every_probability_is_met_and_law_error_bounds_the_total_variation(
    keep: Fraction, num_values: int
) -> None:
    words = words_of_each_shift(keep, num_values)
    assert len(words) == num_values
    assert sum(words) == 2**64
    exact = [keep, *[(1 - keep) / (num_values - 1)] * (num_values - 1)]
    off = [abs(Fraction(count, 2**64) - wanted) for count, wanted in zip(words, exact, strict=True)]
    assert max(off) <= Fraction(num_values, 2**64)
    # of one value; no event of `width` independent ones differs by more than width times that
    variation = sum(off) / 2
    for width in (1, 3, 108, 150_528):
        assert width * variation <= Fraction(law_error(width=width, num_values=num_values))
    assert law_error(width=3072, num_values=256) < 1e-12


def test_counting_words_agrees_with_the_definition_of_a_shift() -> None:
    for keep, num_values in [*LAWS, *ODD_LAWS]:
        edges = [0, *accumulate(words_of_each_shift(keep, num_values))]
        for shift, (first, end) in enumerate(pairwise(edges)):
            if first < end:
                assert shift_by_the_book(first, keep, num_values) == shift
                assert shift_by_the_book(end - 1, keep, num_values) == shift


@STREAMS
@settings(max_examples=25)
@given(
    seed=st.integers(0, WORD),
    start=st.integers(0, 2**70),
    width=st.integers(1, 40),
    sizes=st.tuples(*[st.integers(0, 6)] * 3),
)
def test_a_draw_is_a_function_of_seed_and_number_alone(
    draw: Draw, seed: int, start: int, width: int, sizes: tuple[int, int, int]
) -> None:
    whole = draw(seed=seed, start=start, stop=start + sum(sizes), width=width)
    assert whole.shape == (sum(sizes), width)
    edges = [start, start + sizes[0], start + sizes[0] + sizes[1], start + sum(sizes)]
    parts = [draw(seed=seed, start=a, stop=b, width=width) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    for row in range(sum(sizes)):
        np.testing.assert_array_equal(
            draw(seed=seed, start=start + row, stop=start + row + 1, width=width)[0], whole[row]
        )


def test_a_number_owns_whole_blocks_whatever_the_width() -> None:
    wide = draw_words(seed=3, start=0, stop=6, width=8)
    for width in (5, 6, 7):  # two blocks as well
        np.testing.assert_array_equal(
            draw_words(seed=3, start=0, stop=6, width=width), wide[:, :width]
        )
    # one block each
    np.testing.assert_array_equal(draw_words(seed=3, start=0, stop=12, width=4).reshape(6, 8), wide)
    narrow = draw_words(seed=3, start=0, stop=12, width=1)
    np.testing.assert_array_equal(narrow[:, 0], wide.reshape(12, 4)[:, 0])


@STREAMS
def test_seeds_and_numbers_have_noise_of_their_own(draw: Draw) -> None:
    rows = [draw(seed=seed, start=0, stop=40, width=40) for seed in (0, 1, 2**63, WORD)]
    seen = np.concatenate(rows)
    assert len({row.tobytes() for row in seen}) == len(seen)


def test_normals_are_normal_and_independent() -> None:
    noise = draw_normals(seed=11, start=0, stop=400, width=101)
    assert stats.kstest(noise.reshape(-1), "norm").pvalue > 0.001
    assert (
        stats.kstest((noise.astype(np.float64) ** 2).sum(axis=1), stats.chi2(101).cdf).pvalue
        > 0.001
    )
    for one, other in ((noise[:, 1:], noise[:, :-1]), (noise[1:], noise[:-1])):
        assert abs(np.corrcoef(one.reshape(-1), other.reshape(-1))[0, 1]) < 0.02
    # the test sees a small shift
    assert stats.kstest(noise.reshape(-1) + 0.03, "norm").pvalue < 0.001


@pytest.mark.parametrize("num_values", [2, 3, 10, 256])
@pytest.mark.parametrize("keep", ["0.05", "1/5", "1/2", "0.95"])
def test_shifts_have_the_probabilities_of_the_law(keep: str, num_values: int) -> None:
    share = Fraction(keep)
    shifts = draw_shifts(
        seed=3, start=50, stop=450, width=101, keep_probability=share, num_values=num_values
    )
    assert shifts.max() < num_values
    wanted = np.full(num_values, float(1 - share) / (num_values - 1)) * shifts.size
    wanted[0] = float(share) * shifts.size
    assert (
        stats.chisquare(np.bincount(shifts.reshape(-1), minlength=num_values), wanted).pvalue
        > 0.001
    )
    kept = (shifts == 0).sum(axis=1)  # of each draw: binomial, if its values are independent
    dispersion = kept.var(ddof=1) / (101 * float(share * (1 - share)))
    assert abs(dispersion - 1) < 5 * (2 / 400) ** 0.5


@STREAMS
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": -1}, "seed must lie in 0"),
        ({"seed": 2**64}, "seed must lie in 0"),
        ({"start": -1}, "0 <= start <= stop"),
        ({"start": 3}, "0 <= start <= stop"),
        ({"width": 0}, "width must be at least 1"),
    ],
)
def test_places_that_are_none_are_refused(draw: Draw, change: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        draw(**{"seed": 0, "start": 0, "stop": 2, "width": 4, **change})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"keep_probability": Fraction(0)}, "keep_probability"),
        ({"keep_probability": Fraction(1)}, "keep_probability"),
        ({"keep_probability": Fraction(-1, 2)}, "keep_probability"),
        ({"num_values": 1}, "num_values"),
        ({"num_values": 257}, "num_values"),
    ],
)
def test_laws_that_are_none_are_refused(change: dict[str, Any], says: str) -> None:
    options: dict[str, Any] = {"keep_probability": FIFTH, "num_values": 256, **change}
    with pytest.raises(ValueError, match=says):
        draw_shifts(seed=0, start=0, stop=1, width=4, **options)
