"""The demo's base classifier: a small scikit-learn network trained on ablated digits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.six_channel import SixChannel
from topcert.modalities.registered_modalities import to_planes
from topcert.randomization.masks import TRAIN, draw_masks

MASKS_PER_IMAGE: Final = 30


def train_digits(
    images: NDArray[np.float32], labels: NDArray[np.int64], *, num_kept: int, seed: int = 0
) -> Any:
    """An MLPClassifier fitted to `MASKS_PER_IMAGE` ablations of each image `(inputs, 8, 8, 1)`,
    six-channel encoding.
    """
    from sklearn.neural_network import MLPClassifier  # imported here: it takes a second

    per_image = []
    encoder = SixChannel(shape=(2, 8, 8), width=1, batch_size=MASKS_PER_IMAGE, dtype=images.dtype)
    masks = draw_masks(
        seed=seed,
        start=0,
        stop=MASKS_PER_IMAGE * len(images),
        num_features=64,
        num_kept=num_kept,
        domain=TRAIN,
    ).reshape(len(images), MASKS_PER_IMAGE, num_kept)
    for image, kept in zip(images, masks, strict=True):
        per_image.append(
            encoder(to_planes(image, "pixel"), kept).reshape(MASKS_PER_IMAGE, -1).copy()
        )
    network = MLPClassifier(
        hidden_layer_sizes=(192,),
        batch_size=256,
        learning_rate_init=2e-3,
        max_iter=8,
        tol=0.0,
        random_state=seed,
    )
    import warnings

    with warnings.catch_warnings():
        # it warns that eight epochs are not convergence, which is meant
        warnings.simplefilter("ignore")
        return network.fit(np.concatenate(per_image), np.repeat(labels, MASKS_PER_IMAGE))
