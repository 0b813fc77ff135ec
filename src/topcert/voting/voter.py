"""Votes: masks, encoder and classifier brought together, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier
from topcert.randomization.encodings import Encoder, Unit, to_planes
from topcert.randomization.masks import draw_masks

BATCH_CELLS: Final = 1 << 21  # values in a default batch on a CPU: 8 MiB of float32, near the cache
MAX_BATCH: Final = 256
_MASK_CACHE_BYTES: Final = 1 << 29


def default_batch_size(*, num_samples: int, cells_per_input: int, classifier: Classifier) -> int:
    """Masks a batch: what the model fixes, else about `BATCH_CELLS` values (16 times that on a GPU), evenly cut.

    Cutting n evenly leaves next to no padding in an input's last batch.
    """
    if classifier.batch_size is not None:
        return classifier.batch_size
    factor = 1 if classifier.runtime.endswith("cpu") else 16
    most = max(8, min(factor * MAX_BATCH, factor * BATCH_CELLS // cells_per_input))
    return -(-num_samples // -(-num_samples // most))


@final
class Voter:
    """Votes of any (input, masks) of a run; a vote depends on nothing else, so any part can be computed alone.

    `read(i)` gives input i in the shape that `to_planes` knows for `unit`.
    """

    def __init__(
        self,
        *,
        read: Callable[[int], NDArray[np.floating]],
        unit: Unit,
        encoder: Encoder,
        classifier: Classifier,
        seed: int,
        num_samples: int,
        num_features: int,
        num_kept: int,
        batch_size: int,
    ) -> None:
        self._read, self._unit, self._encoder, self._classifier = read, unit, encoder, classifier
        self._seed, self._num_features, self._num_kept = seed, num_features, num_kept
        self.batch_size = batch_size
        self._planes: tuple[int, NDArray[np.floating]] = (-1, np.empty(0))
        padded = -(-num_samples // batch_size) * batch_size
        self._cached: dict[int, NDArray[np.int32]] | None = {} if 4 * padded * num_kept <= _MASK_CACHE_BYTES else None

    def votes(self, position: int, start: int, stop: int) -> NDArray[np.int64]:
        """Labels of masks `start .. stop - 1` of one input; one batch at most.

        A short batch is filled up with the masks that follow: the classifier always sees the recorded shape.
        """
        batch = self._encoder(self._input(position), self._masks(start))
        return self._classifier(batch)[: stop - start]

    def _input(self, position: int) -> NDArray[np.floating]:
        if self._planes[0] != position:
            self._planes = (position, to_planes(self._read(position), self._unit))
        return self._planes[1]

    def _masks(self, start: int) -> NDArray[np.int32]:
        if self._cached is not None and start in self._cached:
            return self._cached[start]
        kept = draw_masks(
            seed=self._seed,
            start=start,
            stop=start + self.batch_size,
            num_features=self._num_features,
            num_kept=self._num_kept,
        )
        if self._cached is not None:
            self._cached[start] = kept
        return kept


def count_all(
    voter: Voter,
    *,
    num_inputs: int,
    num_samples: int,
    num_classes: int,
    on_progress: Callable[[int, int, str], None],
) -> NDArray[np.int64]:
    """Votes of each class over masks 0 .. num_samples - 1, int64 `(num_inputs, num_classes)`; nothing is stored."""
    counts = np.zeros((num_inputs, num_classes), np.int64)
    for position in range(num_inputs):
        for start in range(0, num_samples, voter.batch_size):
            stop = min(start + voter.batch_size, num_samples)
            counts[position] += np.bincount(voter.votes(position, start, stop), minlength=num_classes)
            on_progress(position * num_samples + stop, num_inputs * num_samples, "")
    return counts
