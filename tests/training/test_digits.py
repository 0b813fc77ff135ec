"""The demo's base classifier: it learns from ablated digits, from masks that no certificate
uses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from topcert.classifiers.sklearn_estimator import SklearnClassifier
from topcert.datasets.built_in_sets import digits_split
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.randomization import masks
from topcert.training import digits
from topcert.training.digits import MASKS_PER_IMAGE, train_digits

KEPT = 24


def test_it_is_far_better_than_chance_on_masks_that_are_new_to_it() -> None:
    images, labels, test = digits_split()
    network = train_digits(images[~test][:150], labels[~test][:150], num_kept=KEPT)
    classifier = SklearnClassifier(network)
    encoder = make_encoder("six-channel", shape=(8, 8, 1), unit="pixel", batch_size=10)
    kept = masks.draw_masks(seed=0, start=0, stop=10, num_features=64, num_kept=KEPT)
    hits = [
        (classifier(encoder(to_planes(x, "pixel"), kept))[:, 0] == label).mean()
        for x, label in zip(images[test][:60], labels[test][:60], strict=True)
    ]
    assert classifier.num_classes == 10
    assert np.mean(hits) > 0.6


def test_the_same_seed_gives_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "MASKS_PER_IMAGE", 2)
    images, labels, _ = digits_split()
    one, same, other = (
        train_digits(images[:40], labels[:40], num_kept=KEPT, seed=seed) for seed in (1, 1, 2)
    )
    for layer in range(2):
        np.testing.assert_array_equal(one.coefs_[layer], same.coefs_[layer])
        assert (one.coefs_[layer] != other.coefs_[layer]).any()


def test_every_image_has_masks_of_its_own_that_no_certificate_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[dict[str, Any]] = []

    def draw(**asked: Any) -> Any:
        drawn.append(asked)
        return masks.draw_masks(**asked)

    monkeypatch.setattr(digits, "draw_masks", draw)
    images, labels, _ = digits_split()
    train_digits(images[:20], labels[:20], num_kept=KEPT, seed=3)
    assert [(asked["domain"], asked["seed"], asked["start"]) for asked in drawn] == [
        (masks.TRAIN, 3, 0)
    ]
    assert drawn[0]["stop"] == 20 * MASKS_PER_IMAGE
