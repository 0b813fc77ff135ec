"""Fill a ledger: masks, encoder and classifier in, votes out, block by block.

Rule 4 of a true certificate: the classifier must be deterministic in the recorded batch shape. The first batch is run
twice before anything is stored, some stored batches are run again on every resume and at the end, and one differing vote
stops the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier
from topcert.datasets.dataset import Dataset
from topcert.randomization.encodings import Encoder, Unit, to_planes
from topcert.randomization.masks import draw_masks
from topcert.voting.ledger import Ledger

SECONDS_PER_BLOCK: Final = 2.0  # of work that a kill can cost
REPLAYED_BATCHES: Final = 4
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
    """Votes of any (input, masks) of a run; a vote depends on nothing else, so any part can be computed alone."""

    def __init__(
        self,
        *,
        dataset: Dataset,
        unit: Unit,
        encoder: Encoder,
        classifier: Classifier,
        seed: int,
        num_samples: int,
        num_features: int,
        num_kept: int,
        batch_size: int,
    ) -> None:
        self._dataset, self._unit, self._encoder, self._classifier = dataset, unit, encoder, classifier
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
            self._planes = (position, to_planes(self._dataset.read(position), self._unit))
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


def calibrate(voter: Voter, *, batch_size: int) -> int:
    """Run the first batch twice, stop if the votes differ, and say how many batches make a block."""
    first = voter.votes(0, 0, batch_size)
    began = time.perf_counter()
    again = voter.votes(0, 0, batch_size)
    seconds = max(time.perf_counter() - began, 1e-6)
    if not np.array_equal(first, again):
        raise ValueError(_not_deterministic(int((first != again).sum()), batch_size))
    return max(1, min(int(SECONDS_PER_BLOCK / seconds), (1 << 20) // batch_size))


def fill(ledger: Ledger, voter: Voter, *, on_progress: Callable[[int, int, str], None]) -> None:
    """Compute what the ledger lacks; then replay some of it. Raises ValueError where a replay differs."""
    manifest = ledger.manifest
    missing = ledger.missing_blocks()
    present = sorted(set(range(ledger.num_blocks)) - set(missing))
    chooser = np.random.default_rng()
    if present and missing:
        batches = [batch for block in present for batch in ledger.batches_of(block)]
        replay(ledger, voter, chooser.choice(batches, min(REPLAYED_BATCHES, len(batches)), replace=False).tolist())
    total = manifest.num_inputs * manifest.num_samples
    done = sum(ledger.offset(part.stop) - ledger.offset(part.start) for part in map(ledger.batches_of, present))
    on_progress(done, total, "")
    for block in missing:
        parts = []
        for batch in ledger.batches_of(block):
            position, start, stop = ledger.place(batch)
            parts.append(voter.votes(position, start, stop))
            done += stop - start
            on_progress(done, total, f"input {position + 1} of {manifest.num_inputs}")
        ledger.write_block(block, np.concatenate(parts))
    if missing:
        count = min(REPLAYED_BATCHES, ledger.num_batches)
        replay(ledger, voter, chooser.choice(ledger.num_batches, count, replace=False).tolist())


@final
@dataclass(frozen=True, kw_only=True)
class Replay:
    """How many stored votes were computed again, and how many came out otherwise."""

    votes: int
    flips: int


def compare(ledger: Ledger, voter: Voter, batches: Iterable[int]) -> Replay:
    """Compute the votes of `batches` again, in the voter's own batch size, and count those that differ."""
    votes = flips = 0
    for batch in sorted(batches):
        block = batch // ledger.manifest.batches_per_block
        base = ledger.offset(ledger.batches_of(block).start)
        position, start, stop = ledger.place(batch)
        offset = ledger.offset(batch) - base
        stored = ledger.read_block(block)[offset : offset + stop - start]
        for part in range(start, stop, voter.batch_size):
            end = min(part + voter.batch_size, stop)
            flips += int((voter.votes(position, part, end) != stored[part - start : end - start]).sum())
        votes += stop - start
    return Replay(votes=votes, flips=flips)


def replay(ledger: Ledger, voter: Voter, batches: Iterable[int]) -> Replay:
    """`compare`, and raise ValueError where one vote differs."""
    found = compare(ledger, voter, batches)
    if found.flips:
        raise ValueError(_not_deterministic(found.flips, found.votes))
    return found


def _not_deterministic(flips: int, votes: int) -> str:
    return (
        f"{flips} of {votes} votes came out otherwise when run again on the same masks in the same batch shape; the "
        "classifier must be deterministic: switch off dropout, sampling and non-deterministic kernels"
    )


def flip_rate(ledger: Ledger, voter: Voter) -> Replay:
    """How many votes of the ledger's first and last batch differ in the voter's own, other batch size: rounding alone."""
    return compare(ledger, voter, {0, ledger.num_batches - 1})
