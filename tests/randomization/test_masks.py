"""The mask stream is what its description says, bit for bit, and uniform."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2, chisquare

from topcert.randomization.masks import ALGORITHM, CERTIFY, TRAIN, draw_masks

# The documented algorithm over again, in Python integers alone.

WORD = 2**64 - 1
PHILOX_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
PHILOX_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


def philox4x64_10(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Philox-4x64-10 (Salmon, Moraes, Dror and Shaw 2011): ten rounds of two 64 x 64 bit
    multiplications.
    """
    (a, b, c, d), (left, right) = counter, key
    for _ in range(10):
        first, second = PHILOX_MULTIPLIERS[0] * a, PHILOX_MULTIPLIERS[1] * c
        a, b, c, d = (
            (second >> 64) ^ b ^ left,
            second & WORD,
            (first >> 64) ^ d ^ right,
            first & WORD,
        )
        left, right = (left + PHILOX_WEYL[0]) & WORD, (right + PHILOX_WEYL[1]) & WORD
    return a, b, c, d


def mask_by_the_book(
    seed: int, domain: int, number: int, num_features: int, num_kept: int
) -> tuple[list[int], int]:
    """Mask `number`, and how often it was drawn again."""
    blocks = (num_kept + 7) // 8
    attempt = 0
    while True:
        words: list[int] = []
        for block in range(number * blocks, (number + 1) * blocks):
            counter = (block & WORD, block >> 64 & WORD, block >> 128, attempt)
            for word in philox4x64_10(counter, (seed, domain)):
                words += [word & 0xFFFFFFFF, word >> 32]
        place: dict[int, int] = {}  # of the shuffle 0 .. d - 1, only what has moved
        biased = False
        for t in range(num_kept):
            product = words[t] * (num_features - t)
            biased = biased or product % 2**32 < 2**32 % (num_features - t)
            chosen = t + product // 2**32
            place[t], place[chosen] = place.get(chosen, chosen), place.get(t, t)
        if not biased:
            return sorted(place[t] for t in range(num_kept)), attempt
        attempt += 1


def drawn(
    seed: int, start: int, stop: int, num_features: int, num_kept: int, **domain: int
) -> list[list[int]]:
    masks = draw_masks(
        seed=seed, start=start, stop=stop, num_features=num_features, num_kept=num_kept, **domain
    )
    return masks.tolist()


@pytest.mark.parametrize(
    ("counter", "key", "output"),
    [
        (
            (0, 0, 0, 0),
            (0, 0),
            (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B),
        ),
        (
            (WORD, WORD, WORD, WORD),
            (WORD, WORD),
            (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
        ),
    ],
)
def test_the_reference_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, ...], output: tuple[int, ...]
) -> None:
    assert philox4x64_10(counter, key) == output


@pytest.mark.parametrize(
    ("seed", "start", "num_features", "num_kept", "masks"),
    [
        (0, 0, 6, 2, [[0, 4], [0, 5], [1, 3]]),
        (1, 5, 10, 3, [[2, 4, 9], [1, 2, 5], [1, 3, 8]]),
        (0, 0, 5, 5, [[0, 1, 2, 3, 4]]),
        (0, 0, 1, 1, [[0], [0]]),
        (2**64 - 1, 0, 16, 8, [[0, 2, 5, 6, 9, 11, 12, 13], [1, 2, 8, 9, 10, 11, 12, 15]]),
        (
            7,
            123_456_789,
            20,
            9,
            [[0, 1, 5, 8, 9, 11, 15, 16, 18], [3, 4, 6, 9, 10, 12, 15, 16, 19]],
        ),
        (42, 0, 1024, 10, [[98, 115, 328, 406, 482, 505, 712, 807, 963, 980]]),
        (42, 99_999, 1024, 10, [[98, 432, 436, 607, 690, 696, 712, 772, 849, 906]]),
        (2022, 2**63, 1024, 5, [[17, 366, 420, 578, 717], [357, 376, 385, 757, 984]]),
        (2**64 - 1, 10**12, 50176, 6, [[12539, 18336, 29583, 31863, 39918, 47747]]),
        (0, 236, 10**6, 4, [[68474, 615644, 707367, 821877]]),  # drawn twice
    ],
)
def test_masks_are_pinned_for_good(
    seed: int, start: int, num_features: int, num_kept: int, masks: list[list[int]]
) -> None:
    assert ALGORITHM == "philox4x64-lemire32-fisher-yates-1"  # other masks need another name
    assert drawn(seed, start, start + len(masks), num_features, num_kept) == masks


def test_training_masks_are_pinned_for_good() -> None:
    assert drawn(42, 0, 1, 1024, 10, domain=TRAIN) == [
        [139, 173, 196, 213, 293, 314, 432, 569, 641, 914]
    ]
    assert (CERTIFY, TRAIN) == (0x636572746966792E, 0x747261696E696E67)


@pytest.mark.parametrize(
    ("num_features", "num_kept"),
    [(1, 1), (2, 1), (7, 7), (9, 8), (30, 9), (100, 17), (1024, 50), (50176, 1000)],
)
@pytest.mark.parametrize("domain", [CERTIFY, TRAIN, 0, WORD])
def test_masks_are_those_of_the_documented_algorithm(
    num_features: int, num_kept: int, domain: int
) -> None:
    for seed, start in ((0, 0), (20240229, 4095), (WORD, 2**40)):
        masks = drawn(seed, start, start + 3, num_features, num_kept, domain=domain)
        for i, mask in enumerate(masks):
            assert mask == mask_by_the_book(seed, domain, start + i, num_features, num_kept)[0]


def test_a_mask_with_a_biased_draw_is_drawn_again() -> None:
    num_features, num_kept = 2_000_003, 2000
    again = 0
    for number, mask in enumerate(drawn(3, 0, 10, num_features, num_kept)):
        expected, attempts = mask_by_the_book(3, CERTIFY, number, num_features, num_kept)
        again += attempts > 0
        assert mask == expected
    assert again == 2


def test_a_mask_may_be_drawn_again_more_than_once() -> None:
    # 2^32 mod 10^7 is 4,967,296: about one draw in 865 is biased, so most masks of 1,000 are drawn
    # again.
    attempts = []
    for number in (0, 1, 4):
        expected, again = mask_by_the_book(3, CERTIFY, number, 10**7, 1000)
        attempts.append(again)
        assert drawn(3, number, number + 1, 10**7, 1000) == [expected]
    assert attempts == [0, 3, 6]


def test_the_least_unbiased_draw_is_accepted_and_the_one_below_it_is_not() -> None:
    # products are multiples of 2^20, and the limit 2^32 mod d is 2^20 itself
    num_features = 3 * 2**20
    for number, remainder, again in ((611, 2**20, 0), (4427, 0, 1)):
        word = philox4x64_10((number, 0, 0, 0), (0, CERTIFY))[0] & 0xFFFFFFFF
        assert word * num_features % 2**32 == remainder
        expected, attempts = mask_by_the_book(0, CERTIFY, number, num_features, 1)
        assert attempts == again
        assert drawn(0, number, number + 1, num_features, 1) == [expected]


def test_masks_are_sorted_distinct_features() -> None:
    masks = draw_masks(seed=9, start=0, stop=500, num_features=300, num_kept=40)
    assert masks.dtype == np.int32
    assert masks.shape == (500, 40)
    assert (np.diff(masks, axis=1) > 0).all()
    assert 0 <= masks.min() < masks.max() < 300


@pytest.mark.parametrize(("num_features", "num_kept", "stop"), [(1024, 50, 700), (50176, 20, 400)])
def test_any_block_of_the_stream_may_be_drawn_alone(
    num_features: int, num_kept: int, stop: int
) -> None:
    # 400 masks of 50,176 features are shuffled in several chunks.
    whole = draw_masks(seed=5, start=0, stop=stop, num_features=num_features, num_kept=num_kept)
    edges = [0, 1, 2, 166, 167, 168, 169, 340, stop]
    parts = [
        draw_masks(seed=5, start=start, stop=end, num_features=num_features, num_kept=num_kept)
        for start, end in itertools.pairwise(edges)
    ]
    assert np.array_equal(np.concatenate(parts), whole)
    for number in (0, 13, stop - 1):
        alone = draw_masks(
            seed=5, start=number, stop=number + 1, num_features=num_features, num_kept=num_kept
        )
        assert np.array_equal(alone[0], whole[number])


def test_no_masks_are_an_empty_array() -> None:
    assert draw_masks(seed=5, start=8, stop=8, num_features=10, num_kept=3).shape == (0, 3)


def test_seeds_and_domains_have_streams_of_their_own() -> None:
    shared = {"start": 0, "stop": 200, "num_features": 1024, "num_kept": 50}
    streams = [
        draw_masks(seed=1, **shared),
        draw_masks(seed=1, domain=TRAIN, **shared),
        draw_masks(seed=2, **shared),
        draw_masks(seed=2, domain=TRAIN, **shared),
    ]
    masks = {tuple(mask) for stream in streams for mask in stream.tolist()}
    assert len(masks) == 4 * 200
    assert np.array_equal(streams[0], draw_masks(seed=1, domain=CERTIFY, **shared))


# Uniformity. The p-values of right masks are uniform themselves; the seeds are fixed, so these
# never fail by chance.


def set_p_value(masks: np.ndarray) -> float:
    """Of the hypothesis that all C(6, 2) sets are equally likely."""
    counts = Counter(map(tuple, masks.tolist()))
    return float(chisquare([counts[pair] for pair in itertools.combinations(range(6), 2)]).pvalue)


def inclusion_p_value(masks: np.ndarray, num_features: int) -> float:
    """Of the hypothesis that every feature is kept equally often.

    The counts of features are drawn without replacement within a mask, so the statistic is scaled
    by (d - 1)/(d - e).
    """
    num_masks, num_kept = masks.shape
    counts = np.bincount(masks.ravel(), minlength=num_features)
    expected = num_masks * num_kept / num_features
    statistic = (
        ((counts - expected) ** 2 / expected).sum() * (num_features - 1) / (num_features - num_kept)
    )
    return float(chi2.sf(statistic, num_features - 1))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_kept_sets_are_equally_likely(seed: int) -> None:
    assert (
        0.001
        < set_p_value(draw_masks(seed=seed, start=0, stop=60_000, num_features=6, num_kept=2))
        < 0.999
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_features_are_kept_equally_often(seed: int) -> None:
    masks = draw_masks(seed=seed, start=0, stop=20_000, num_features=1024, num_kept=50)
    assert 0.001 < inclusion_p_value(masks, 1024) < 0.999


def test_the_uniformity_tests_would_notice_a_slight_bias() -> None:
    pairs = draw_masks(seed=0, start=0, stop=60_000, num_features=6, num_kept=2)
    pairs[:600] = [0, 1]  # one mask in a hundred
    assert set_p_value(pairs) < 1e-6
    masks = draw_masks(seed=0, start=0, stop=20_000, num_features=1024, num_kept=50)
    masks[:, 0] = np.where(masks[:, 0] < 3, 3, masks[:, 0])  # features 0 to 2 are hardly ever kept
    assert inclusion_p_value(masks, 1024) < 1e-6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_kept": 0}, r"num_kept must lie in 1 \.\. num_features = 6, got 0"),
        ({"num_kept": 7}, "num_kept must lie in"),
        ({"num_features": 0}, "num_kept must lie in"),
        ({"num_features": 2**31}, "num_kept must lie in"),
        ({"seed": -1}, r"seed must lie in 0 \.\. 2\^64 - 1, got -1"),
        ({"seed": 2**64}, "seed must lie in"),
        ({"start": -1}, "0 <= start <= stop, got -1 and 3"),
        ({"start": 4}, "0 <= start <= stop, got 4 and 3"),
    ],
)
def test_impossible_requests_are_refused(changes: dict[str, int], message: str) -> None:
    good = {"seed": 0, "start": 0, "stop": 3, "num_features": 6, "num_kept": 2}
    assert draw_masks(**good).shape == (3, 2)
    with pytest.raises(ValueError, match=message):
        draw_masks(**(good | changes))
