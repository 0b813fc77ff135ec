"""Batches whose rows are made where the network runs, and whose ballots are made there.

Only noise goes there and only labels come back. The host does not wait for a batch before it begins
the next, so a GPU has its next rows when it is through with these.

Everything that checks a vote asks by rows of the host instead: the trials of a model, the replays
of a run and those of an auditor. A row that a device made otherwise would show there; and the first
batch is compared before it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import ReadAnswer
from topcert.classifiers.classifier import Classifier
from topcert.randomization.randomizer import Randomizer

if TYPE_CHECKING:
    from topcert.randomization.on_device import DeviceRandomizer


def pays(device: Any) -> bool:
    """Whether rows are better made on a torch device: on a CPU numpy makes them as fast."""
    return bool(device.type != "cpu")


@final
class DevicePath:
    """The randomizer and the classifier of a voter, on the device of the latter."""

    def __init__(self, made: DeviceRandomizer, classifier: Classifier) -> None:
        self._made, self._classifier = made, classifier
        self._current: tuple[int, Any] = (-1, None)  # an input, there
        self._shape: tuple[int, ...] = ()  # of a batch; none before the first one was compared

    @staticmethod
    def of(
        randomizer: Randomizer, classifier: Classifier, *, on_device: bool | None = None
    ) -> DevicePath | None:
        """None where the model takes rows of the host; `on_device` as of `Voter`.

        Rows that only the host can make are copied, while the device works.
        """
        device = classifier.rows_device()
        if device is None or not (pays(device) if on_device is None else on_device):
            return None
        from topcert.randomization.on_device import CopiedRows  # torch

        made = randomizer.on_device(device) or CopiedRows(randomizer, device)
        return DevicePath(made, classifier)

    def begin(
        self,
        position: int,
        prepared: NDArray[Any],
        start: int,
        *,
        on_host: Callable[[], NDArray[np.floating]],
    ) -> Callable[[], ReadAnswer]:
        """Ask about the batch `start` of an input; the function that is returned waits for the
        ballots.

        `on_host` makes the same rows on the host. Raises AnswerError as `Classifier.answer`, as
        what is returned does; ValueError where memory runs out, a device fails, or its rows are
        others.
        """
        if self._current[0] != position:
            self._current = (position, self._made.prepare(prepared))
        there = self._current[1]
        if not self._shape:
            self._shape = self._compare(self._made.batch(there, start), on_host())
        return self._classifier.begin(lambda: self._made.batch(there, start), self._shape)

    def _compare(self, there: Any, here: NDArray[np.floating]) -> tuple[int, ...]:
        """The shape of a batch. Raises ValueError where a bit of the rows differs, their type or
        their layout in memory.
        """
        found = there.cpu().numpy()
        same = found.dtype == here.dtype and _layout(found) == _layout(here)
        if not same or found.tobytes() != here.tobytes():
            raise ValueError(
                f"{type(self._made).__name__} makes other rows on {there.device} than on the host;"
                " have its encoder or randomizer give None from on_device"
            )
        return here.shape


def _layout(rows: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Sizes and steps in memory of the axes that have more than one place."""
    return [(size, step) for size, step in zip(rows.shape, rows.strides, strict=True) if size > 1]
