"""`count_votes` on arrays: the same votes as a dense program, for modules, estimators and
functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import topcert
from topcert.datasets.data_in_memory import ArraysInMemory
from topcert.randomization.masks import draw_masks

X = np.random.default_rng(0).random((3, 6, 5, 2)).astype(np.float32)
NOISE = topcert.Ablation(num_kept=7)


def scores(batch: np.ndarray) -> np.ndarray:
    flat = batch.reshape(len(batch), -1)
    return np.asarray(flat @ np.random.default_rng(1).normal(size=(flat.shape[1], 4)))


def dense(x: np.ndarray, num_samples: int, seed: int) -> np.ndarray:
    """Six-channel images, ablated the slow way: `(num_samples, 4, 6, 5)`."""
    kept = draw_masks(seed=seed, start=0, stop=num_samples, num_features=30, num_kept=7)
    mask = np.zeros((num_samples, 30), np.float32)
    for row, places in enumerate(kept):
        mask[row, places] = 1
    mask = mask.reshape(num_samples, 1, 6, 5)
    image = x.transpose(2, 0, 1)[None]
    return np.concatenate([image * mask, (1 - image) * mask], axis=1)


def test_counts_are_those_of_a_dense_program() -> None:
    counts = topcert.count_votes(scores, X, noise=NOISE, num_samples=123, seed=5, batch_size=50)
    expected = [np.bincount(scores(dense(x, 123, 5)).argmax(1), minlength=4) for x in X]
    assert np.array_equal(counts, expected)


def test_masks_are_fresh_at_every_call_unless_a_seed_is_named() -> None:
    options: dict[str, Any] = {"noise": NOISE, "num_samples": 500}
    one, other = (topcert.count_votes(scores, X, **options) for _ in range(2))
    assert (one != other).any()
    same, again = (topcert.count_votes(scores, X, seed=0, **options) for _ in range(2))
    assert (same == again).all()
    assert (same == [np.bincount(scores(dense(x, 500, 0)).argmax(1), minlength=4) for x in X]).all()


def test_a_module_a_function_and_labels_agree() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(120, 4))

    def run(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(batch.copy())))

    options: dict[str, Any] = {"noise": NOISE, "num_samples": 64, "batch_size": 64, "seed": 0}
    one = topcert.count_votes(module, X, **options)
    assert np.array_equal(one, topcert.count_votes(run, X, **options))
    labels = topcert.count_votes(lambda batch: run(batch).argmax(1), X, num_classes=4, **options)
    assert np.array_equal(one, labels)


def test_a_model_that_gives_other_labels_the_second_time_is_refused() -> None:
    calls = np.random.default_rng(3)
    with pytest.raises(ValueError, match="must be deterministic and remember nothing"):
        topcert.count_votes(
            lambda batch: calls.normal(size=(len(batch), 4)), X, noise=NOISE, num_samples=40
        )


def test_an_estimator_on_a_table_is_certified_in_five_lines() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, 60)
    x = generator.random((60, 9)) * 0.2 + 0.4 * y[:, None]
    estimator = LogisticRegression().fit(x, y)
    noise = topcert.Ablation(num_kept=6, encoding="mean")
    counts = topcert.count_votes(
        estimator, ArraysInMemory(x, reference=x), noise=noise, num_samples=200
    )
    lower, upper = topcert.simultaneous_bounds(counts, alpha=0.01, labels=y)
    radius = topcert.certified_radius(lower, upper, y, k=2, num_features=9, num_kept=6)
    assert counts.sum(axis=1).tolist() == [200] * 60
    assert (radius >= 0).mean() > 0.8


@pytest.mark.parametrize(
    ("noise", "num_samples"),
    [
        (topcert.Gaussian(sigma=0.3), 70),
        (topcert.Discrete(keep_probability=0.4), 70),
        (topcert.Ablation(num_kept=3, design="partitions"), 10),
    ],
    ids=["gaussian", "discrete", "design"],
)
def test_every_law_is_counted_as_it_votes(noise: Any, num_samples: int) -> None:
    x = (X[..., :1].repeat(3, axis=-1) * 255).astype(np.uint8)
    options: dict[str, Any] = {"num_samples": num_samples, "seed": 4}
    smoothed = topcert.SmoothedClassifier(scores, noise=noise)
    votes = smoothed.vote(x, progress=False, **options)
    counts = topcert.count_votes(scores, x, noise=noise, **options)
    assert np.array_equal(counts, votes.counts)
    assert (counts != counts[0]).any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x": X.astype(complex)}, "floats of 16, 32 or 64 bits, got complex128"),
        ({"x": X[0, 0, 0]}, r"got shape \(2,\)"),
        ({"x": np.full_like(X, np.nan)}, "nan at"),
        ({"noise": topcert.Ablation(num_kept=31)}, r"num_kept must lie in 1 \.\. 30"),
        ({"noise": 7}, "noise must be a topcert.Ablation"),
        ({"x": X[:, 0, :, 0], "noise": topcert.Gaussian(sigma=1)}, "images in"),
        ({"num_samples": 0}, "num_samples"),
        ({"model": 3}, "callable"),
        ({"unit": "point"}, "point"),
        ({"noise": topcert.Ablation(num_kept=7, encoding="mean")}, "needs training inputs"),
        ({"num_classes": 3}, "num_classes is 3, the model gives 4"),
        ({"device": "cuda"}, "cuda is for torch modules"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], says: str) -> None:
    options: dict[str, Any] = {"model": scores, "x": X, "noise": NOISE, "num_samples": 10, **change}
    with pytest.raises(ValueError, match=says):
        topcert.count_votes(options.pop("model"), options.pop("x"), **options)
