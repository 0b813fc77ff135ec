"""The stream for many kept features is what its description says, bit for bit, and uniform."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

import topcert
from tests.conftest import Outcome
from tests.randomization.test_masks import WORD, philox4x64_10
from topcert.noise.ablation import Ablation
from topcert.randomization import distinct_masks, masks
from topcert.randomization.distinct_masks import draw_distinct_masks
from topcert.randomization.mask_streams import MANY, STREAMS, usual_stream
from topcert.randomization.masks import CERTIFY, TRAIN


def mask_by_the_book(
    seed: int, domain: int, number: int, num_features: int, num_kept: int
) -> list[int]:
    """The documented algorithm over again, in Python integers and one draw after another."""
    wanted = min(num_kept, num_features - num_kept)
    found: set[int] = set()
    for block in itertools.count():
        if len(found) == wanted:
            break
        words = philox4x64_10((block, number & WORD, number >> 64, 0), (seed, domain))
        for half in (part for word in words for part in (word & 0xFFFFFFFF, word >> 32)):
            product = half * num_features
            if len(found) < wanted and product % 2**32 >= 2**32 % num_features:
                found.add(product // 2**32)
    return sorted(found if wanted == num_kept else set(range(num_features)) - found)


def drawn(
    seed: int, start: int, stop: int, num_features: int, num_kept: int, **domain: int
) -> list[list[int]]:
    found = draw_distinct_masks(
        seed=seed, start=start, stop=stop, num_features=num_features, num_kept=num_kept, **domain
    )
    assert found.dtype == np.int32
    return found.tolist()


@pytest.mark.parametrize(
    ("num_features", "num_kept"),
    [(1, 1), (2, 1), (7, 7), (9, 8), (30, 9), (1024, 512), (1025, 700), (3000, 40), (10**6, 7)],
)
def test_masks_are_those_of_the_documented_algorithm(num_features: int, num_kept: int) -> None:
    for seed, start, domain in ((0, 0, CERTIFY), (20240229, 4095, TRAIN), (WORD, 2**63, WORD)):
        for place, mask in enumerate(
            drawn(seed, start, start + 2, num_features, num_kept, domain=domain)
        ):
            assert mask == mask_by_the_book(seed, domain, start + place, num_features, num_kept)


def test_features_that_would_be_biased_are_passed_over() -> None:
    num_features = 2**31 - 1  # every second half or so draws none
    (mask,) = drawn(1, 0, 1, num_features, 40)
    assert mask == mask_by_the_book(1, CERTIFY, 0, num_features, 40)


def test_masks_are_pinned_for_good() -> None:
    assert distinct_masks.ALGORITHM == "philox4x64-lemire32-distinct-1"
    assert drawn(0, 0, 3, 6, 2) == [[3, 4], [3, 5], [0, 3]]
    assert drawn(42, 99_999, 100_000, 50176, 6) == [[7869, 8646, 20759, 23874, 27734, 39432]]


@pytest.mark.parametrize("num_features", [64 * 50, 64 * 50 + 1])
def test_marked_or_sorted_it_is_the_same_mask(
    monkeypatch: pytest.MonkeyPatch, num_features: int
) -> None:
    found = drawn(5, 7, 12, num_features, 50)
    for other in (0, 10**9):
        monkeypatch.setattr(distinct_masks, "_SPARSE", other)
        assert drawn(5, 7, 12, num_features, 50) == found


@pytest.mark.parametrize(("num_features", "num_kept"), [(6, 2), (6, 4), (5, 3)])
def test_every_set_is_as_likely(num_features: int, num_kept: int) -> None:
    found = Counter(map(tuple, drawn(3, 0, 6000, num_features, num_kept)))
    every = list(itertools.combinations(range(num_features), num_kept))
    assert set(found) == set(every)
    assert chisquare([found[one] for one in every]).pvalue > 1e-4


def test_a_mask_does_not_depend_on_what_is_drawn_with_it() -> None:
    whole = drawn(9, 0, 6, 5000, 2000)
    assert [drawn(9, i, i + 1, 5000, 2000)[0] for i in range(6)] == whole
    assert drawn(9, 2, 5, 5000, 2000) == whole[2:5]


def test_few_kept_features_are_drawn_as_ever() -> None:
    assert usual_stream(num_features=1024, num_kept=50) == masks.ALGORITHM
    assert usual_stream(num_features=50_176, num_kept=MANY) == masks.ALGORITHM
    assert usual_stream(num_features=50_176, num_kept=MANY + 1) == distinct_masks.ALGORITHM
    # a shuffle would draw every mask again and again
    assert usual_stream(num_features=10**8, num_kept=MANY) == distinct_masks.ALGORITHM
    assert set(STREAMS) <= Ablation.known


def test_a_run_names_its_stream_and_goes_on_by_it(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ["certify", "table.npz", "models_for_tests:linear", "--keep", 5, "--samples", 80]
    run += ["--k", 1, "--method", "located", "--batch-size", 40]
    with monkeypatch.context() as few:
        few.setattr("topcert.randomization.mask_streams.MANY", 4)
        assert topcert(*run, "--out", "new").code == 0
    assert algorithm("new") == distinct_masks.ALGORITHM
    assert topcert(*run, "--out", "old").code == 0
    assert algorithm("old") == masks.ALGORITHM
    assert topcert("verify", "new", "--model", "models_for_tests:linear", "--replay", 40).code == 0
    # each goes on by its own, whatever a new run would take
    for folder, many in (("new", MANY), ("old", 4)):
        monkeypatch.setattr("topcert.randomization.mask_streams.MANY", many)
        before = algorithm(folder)
        next(Path(folder, "ledger").glob("block-*")).unlink()
        again = topcert(*run, "--out", folder, "--resume")
        assert again.code == 0, again.err
        assert algorithm(folder) == before
        assert topcert("verify", folder).code == 0


def algorithm(folder: str) -> str:
    return str(json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))["algorithm"])


def test_a_person_may_name_the_stream() -> None:
    x = np.random.default_rng(0).random((2, 12))
    asked = topcert.Ablation(num_kept=5, algorithm=distinct_masks.ALGORITHM)
    votes = topcert.SmoothedClassifier(lambda batch: batch[:, :3], noise=asked).vote(
        x, num_samples=20, progress=False
    )
    assert votes.manifest.algorithm == distinct_masks.ALGORITHM
    with pytest.raises(ValueError, match="algorithm"):
        dataclasses.replace(asked, algorithm="another").check_stream()
