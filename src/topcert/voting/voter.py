"""Votes: inputs, noise and classifier brought together, a batch at a time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError, ReadAnswer
from topcert.classifiers.classifier import Classifier
from topcert.classifiers.undefined import UnansweredVotes
from topcert.randomization.randomizer import Randomizer
from topcert.voting.device_path import DevicePath

BATCH_CELLS: Final = 1 << 21  # values in a default batch on a CPU: 8 MiB of float32, near the cache
MAX_BATCH: Final = 256
GPU_FACTOR: Final = 16
TRIAL_ROWS: Final = 16  # ablated inputs that a model is tried on before a run
# Batches that are begun before the ballots of one are waited for. They take no memory of a GPU: it
# makes the rows of each when it comes to it. While they run, the host can write a block.
AHEAD: Final = 8

Batch = tuple[int, int, int]  # an input, the first draw of the noise and the draw after the last


def default_batch_size(*, num_samples: int, cells_per_input: int, classifier: Classifier) -> int:
    """Masks a batch: what the model fixes, else about `BATCH_CELLS` values (`GPU_FACTOR` times that
    on a GPU), evenly cut.

    Cutting n evenly leaves next to no padding in an input's last batch.
    """
    if classifier.batch_size is not None:
        return classifier.batch_size
    factor = work_factor(classifier)
    most = max(8, min(factor * MAX_BATCH, factor * BATCH_CELLS // cells_per_input))
    return -(-num_samples // -(-num_samples // most))


def work_factor(classifier: Classifier) -> int:
    """How many times as much is done at a time as on a CPU: 1 there, `GPU_FACTOR` on a GPU."""
    return 1 if "cpu" in classifier.runtime else GPU_FACTOR


def trial_size(cells_per_input: int) -> int:
    """How many ablated inputs a model is tried on: `TRIAL_ROWS`, or fewer large ones, but two at
    least.
    """
    return max(2, min(TRIAL_ROWS, 2 * BATCH_CELLS // cells_per_input))


@final
class Voter:
    """Votes of any (input, noise numbers) of a run; a vote depends on nothing else, so any part can
    be computed alone.

    `read(i)` gives input i of `num_inputs` as the data set holds it, `in_words(i)` what messages
    call it. `on_device`: whether `votes_in_turn` has rows made where the network runs, where that
    can be; None for unless that is a CPU.
    """

    def __init__(
        self,
        *,
        read: Callable[[int], NDArray[np.floating]],
        randomizer: Randomizer,
        classifier: Classifier,
        num_inputs: int,
        in_words: Callable[[int], str] = "input {}".format,
        on_device: bool | None = None,
    ) -> None:
        self._read, self._randomizer, self.classifier = read, randomizer, classifier
        self.num_inputs = num_inputs
        self._in_words = in_words
        self.batch_size = randomizer.batch_size
        self._current: tuple[int, NDArray[Any]] = (-1, np.empty(0))
        self._path = DevicePath.of(randomizer, classifier, on_device=on_device)

    def check_input(self, position: int) -> None:
        """Raise ValueError, naming the input, where the noise has no place for it."""
        try:
            self._randomizer.prepare(self._read(position))
        except ValueError as error:
            raise ValueError(f"{self._in_words(position)}: {error}") from error

    def votes(
        self, position: int, start: int, stop: int, *, undefined: UnansweredVotes | None = None
    ) -> NDArray[np.int64]:
        """Ballots under noise `start .. stop - 1` of one input, int64 `(stop - start, depth)`; one
        batch at most.

        A short batch is filled up with the numbers that follow: the classifier always sees the
        recorded shape. `undefined` counts those without an answer, where they are votes of the run
        and none that are cast again.
        """
        size = stop - start
        return self.classifier(
            self._batch(position, start),
            num_votes=0 if undefined is None else size,
            undefined=undefined,
        )[:size]

    def votes_in_turn(
        self, batches: Iterable[Batch]
    ) -> Iterator[tuple[NDArray[np.int64], UnansweredVotes]]:
        """The votes of each batch in turn, and how many of them had no answer; those of `votes`.

        Where rows are made beside the network, the next batches are begun before one is waited for.
        """
        if self._path is None:
            for batch in batches:
                undefined = UnansweredVotes()
                yield self.votes(*batch, undefined=undefined), undefined
            return
        begun: deque[tuple[Batch, Callable[[], ReadAnswer] | None]] = deque()
        for batch in batches:
            begun.append((batch, self._begin(self._path, *batch[:2])))
            if len(begun) > AHEAD:
                yield self._end(*begun.popleft())
        while begun:
            yield self._end(*begun.popleft())

    def _begin(
        self, path: DevicePath, position: int, start: int
    ) -> Callable[[], ReadAnswer] | None:
        """A batch that is being asked beside this process; None where it is to be asked by rows of
        the host, which tells what is wrong with which of them.
        """
        try:
            return path.begin(
                position,
                self._prepared(position),
                start,
                on_host=lambda: self._batch(position, start),
            )
        except AnswerError:
            return None

    def _end(
        self, batch: Batch, wait: Callable[[], ReadAnswer] | None
    ) -> tuple[NDArray[np.int64], UnansweredVotes]:
        position, start, stop = batch
        undefined = UnansweredVotes()
        try:
            found = None if wait is None else wait()
        except AnswerError:
            found = None
        if found is None:
            return self.votes(position, start, stop, undefined=undefined), undefined
        size = stop - start
        ballots = self.classifier.counted(found, num_votes=size, undefined=undefined)
        return ballots[:size], undefined

    def batch(self, position: int, start: int, *, changed: bool = False) -> NDArray[np.floating]:
        """The rows that the classifier is asked under noise `start` and on of one input; the caller
        may keep them.

        `changed`: of an input that has other values x' = 1 - x in the place of x.
        """
        if changed:
            x = self._read(position)
            return self._randomizer.batch(
                self._randomizer.prepare((1 - x).astype(x.dtype)), start
            ).copy()
        return self._batch(position, start).copy()

    def _batch(self, position: int, start: int) -> NDArray[np.floating]:
        return self._randomizer.batch(self._prepared(position), start)

    def _prepared(self, position: int) -> NDArray[Any]:
        if self._current[0] != position:
            self._current = (position, self._randomizer.prepare(self._read(position)))
        return self._current[1]


def count_all(
    voter: Voter,
    *,
    num_inputs: int,
    num_samples: int,
    num_classes: int,
    num_named: int | None = None,
    on_progress: Callable[[int, int, str], None],
) -> NDArray[np.int64]:
    """How often each class is named under noise 0 .. num_samples - 1, int64 `(num_inputs,
    num_classes)`.

    `num_named`: only so many labels of each ballot count, the best; None for all.
    """
    counts = np.zeros((num_inputs, num_classes), np.int64)
    batches, asked = itertools.tee(
        (position, start, min(start + voter.batch_size, num_samples))
        for position in range(num_inputs)
        for start in range(0, num_samples, voter.batch_size)
    )
    for (position, _, stop), (ballots, undefined) in zip(
        batches, voter.votes_in_turn(asked), strict=True
    ):
        voter.classifier.undefined.add(undefined)
        counts[position] += np.bincount(ballots[:, :num_named].reshape(-1), minlength=num_classes)
        on_progress(position * num_samples + stop, num_inputs * num_samples, "")
    return counts


def not_deterministic(flips: int, votes: int) -> str:
    return (
        f"{flips} of {votes} votes came out otherwise when run again under the same noise in the"
        " same batch shape; the classifier must be deterministic: switch off dropout, sampling and"
        " non-deterministic kernels"
    )
