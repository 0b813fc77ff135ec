"""What topcert asks of a classifier: a total function from a batch to ballots, made of the answer
of a model.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from topcert.classifiers.answers import (
    AnswerError,
    ReadAnswer,
    checked_answer,
    out_of_range,
    read_answer,
)
from topcert.classifiers.outputs import WHOLE, Choice
from topcert.classifiers.row_mixing import RowMixing
from topcert.classifiers.torch_options import TorchOptions
from topcert.classifiers.undefined import UnansweredVotes
from topcert.files import first_line


@dataclass(kw_only=True, eq=False)
class Classifier(ABC):
    """A deterministic function from one ablated input to a ballot, run on batches; total, whatever
    the input holds.

    `fingerprint` (SHA-256, hex) names the function that it computes, `runtime` the library and
    device that compute it ("LIBRARY VERSION, cpu KIND", or a GPU): together with the batch shape
    they decide every vote. `batch_size` is None unless only one size is possible. `class_names` are
    those that the model knows, in the order of its labels. `choice` is what is taken of what `run`
    gives. `row_mixing` is what in the model is known to mix the rows of a batch. `depth` is how
    many labels a ballot names, 1 .. num_classes - 1. `torch_options` is how a torch module is run,
    None where nobody said.

    The total rule. A row whose scores are all finite has the labels of its largest (the first of
    equal ones); different labels in 0 .. num_classes - 1 are taken as they are. A row with a score
    that is NaN, +inf or -inf, and one that the model raises on, has the labels 0 .. depth - 1 (of
    one label: `UNDEFINED_LABEL`). Of ranked labels those before the first that is out of range or
    stands there a second time are taken, and then the lowest that are not among them; so the first
    w labels of a ballot never depend on what was ranked below them. A model that
    raises on a batch is asked row by row, each row in a batch of the same shape filled with copies
    of it; so no row decides what another is given. These labels are fixed ones, not what argmax
    makes of a NaN, because a library may do that otherwise from one release to the next. What stops
    a run instead: memory that runs out, and a device or file that fails. That is nobody's row.

    `threads` is how many the model may run in; None for as many as it likes.

    `refuse_labels`: raise on a label out of range instead. A certified input is nobody's attack, so
    there it tells of another count of classes.
    """

    num_classes: int
    fingerprint: str
    runtime: str
    batch_size: int | None = None
    class_names: tuple[str, ...] | None = None
    choice: Choice = WHOLE
    row_mixing: RowMixing | None = None
    refuse_labels: bool = True
    depth: int = 1
    torch_options: TorchOptions | None = None
    undefined: UnansweredVotes = field(default_factory=UnansweredVotes)
    threads: int | None = field(default=None, init=False)
    _pools: ThreadpoolController | None = field(default=None, init=False, repr=False)

    def limit_threads(self, threads: int | None) -> None:
        """Have the model run in so many threads from now on; None for as many as it likes, as it
        does at first. What runs on a GPU does not mind.
        """
        self.threads = threads
        if threads is not None:  # pools that are there by now: a library may have come since
            self._pools = ThreadpoolController()

    def other_threads(self) -> tuple[int, ...]:
        """Numbers of threads that may differ from what the model takes by itself: one, several."""
        return (1, 2)

    @contextmanager
    def in_threads(self, threads: int) -> Iterator[None]:
        """Within it the model runs in so many threads, afterwards as it did before."""
        before = self.threads
        self.limit_threads(threads)
        try:
            yield
        finally:
            self.limit_threads(before)

    def _limited(self) -> AbstractContextManager[Any]:
        """Within it the model keeps to its threads: those of BLAS and OpenMP."""
        if self.threads is None or self._pools is None:
            return nullcontext()
        limited: AbstractContextManager[Any] = self._pools.limit(limits=self.threads)
        return limited

    @abstractmethod
    def run(self, batch: NDArray[np.floating]) -> Any:
        """What the model gives for a batch, in full; it may raise anything.

        The batch must not be written to: it is the encoder's buffer, and what is written there
        would show in the next.
        """

    def answer(self, batch: NDArray[np.floating]) -> NDArray[Any]:
        """Scores `(B, num_classes)`, integer labels `(B,)` or ranked ones `(B, depth)` as the model
        gives them, NaN and all.

        Raises AnswerError where the model raises or gives anything else, ValueError where it was
        the device or the memory.
        """
        with self._guarded(batch.shape):
            output = self.run(batch)
        # a copy: a model may give the same buffer at every call
        return checked_answer(
            self.choice.of(output),
            batch_size=len(batch),
            num_classes=self.num_classes,
            depth=self.depth,
        ).copy()

    @contextmanager
    def _guarded(self, shape: tuple[int, ...]) -> Iterator[None]:
        """Within it the model is asked about a batch of that shape, in its threads; what it raises
        becomes what `answer` raises.
        """
        try:
            with self._limited():
                yield
        except AnswerError:
            raise
        except (KeyboardInterrupt, GeneratorExit):
            raise
        # a person's model can raise anything; extensions have exceptions of their own
        except BaseException as error:
            if breaks(error):
                raise ValueError(
                    f"the model could not be run on a batch of shape {shape}:"
                    f" {type(error).__name__}: {first_line(error)}; free memory, lower"
                    " --batch-size, or mend the device"
                ) from error
            raise AnswerError(failure(shape, error)) from error

    def rows_device(self) -> Any:
        """The torch device on which `begin` is given rows; None where rows are made on the host."""
        return None

    def begin(
        self, make_rows: Callable[[], Any], shape: tuple[int, ...]
    ) -> Callable[[], ReadAnswer]:
        """Ask about the rows that `make_rows` makes on `rows_device`, a batch of that shape, and
        return before the answer is there; the function that is returned waits for it.

        Both raise as `answer` does.
        """
        raise NotImplementedError("rows for this model are made on the host")

    def _guarded_wait(
        self, wait: Callable[[], ReadAnswer], shape: tuple[int, ...]
    ) -> Callable[[], ReadAnswer]:
        """The same, and what it raises is as of `answer`."""

        def read() -> ReadAnswer:
            with self._guarded(shape):
                return wait()

        return read

    def read(self, batch: NDArray[np.floating]) -> ReadAnswer:
        """The ballots of a batch by the total rule; nothing is counted or refused.

        Raises ValueError where memory runs out or a device fails.
        """
        try:
            return read_answer(self.answer(batch), num_classes=self.num_classes, depth=self.depth)
        except AnswerError as error:
            return self._row_by_row(batch, str(error))

    def __call__(
        self,
        batch: NDArray[np.floating],
        *,
        num_votes: int | None = None,
        undefined: UnansweredVotes | None = None,
    ) -> NDArray[np.int64]:
        """Ballots int64 `(B, depth)`, of which the first `num_votes` count as votes of the run:
        None for all.

        Those without an answer are counted in `undefined`, or in the classifier's own.

        Raises ValueError as `read` does, and for a label out of range where `refuse_labels`.
        """
        size = len(batch) if num_votes is None else num_votes
        return self.counted(self.read(batch), num_votes=size, undefined=undefined)

    def counted(
        self, found: ReadAnswer, *, num_votes: int, undefined: UnansweredVotes | None
    ) -> NDArray[np.int64]:
        """The ballots of what was read, of which the first `num_votes` are counted as by a call."""
        if self.refuse_labels and found.label is not None:
            raise ValueError(out_of_range(found.label, self.num_classes))
        counter = self.undefined if undefined is None else undefined
        counter.count(found, num_votes)
        return found.ballots

    def _row_by_row(self, batch: NDArray[np.floating], reason: str) -> ReadAnswer:
        """Each row in a batch of this shape that holds nothing else; it keeps its place."""
        size = len(batch)
        ballots = np.tile(np.arange(self.depth), (size, 1))
        wrong = {
            name: np.zeros(size, np.bool_)
            for name in ("not_finite", "raised", "out_of_range", "repeated")
        }
        label = None
        for row in range(size):
            try:
                answer = self.answer(np.repeat(batch[row : row + 1], size, axis=0))
            except AnswerError:
                wrong["raised"][row] = True
                continue
            one = read_answer(answer[row : row + 1], num_classes=self.num_classes, depth=self.depth)
            ballots[row] = one.ballots[0]
            for name in ("not_finite", "out_of_range", "repeated"):
                wrong[name][row] = getattr(one, name)[0]
            label = one.label if label is None else label
        given = reason if wrong["raised"].any() else ""
        return ReadAnswer(ballots=ballots, reason=given, label=label, **wrong)


def check_device(name: object) -> None:
    """Raises ValueError for a name that is not of a device."""
    if isinstance(name, str) and re.fullmatch("auto|cpu|cuda(:[0-9]+)?", name) is not None:
        return
    text = f"cuda:{name}" if isinstance(name, int) and name >= 0 else str(name)
    fix = "" if isinstance(name, str) else f"; write {text!r}"
    raise ValueError(f"--device must be auto, cpu, cuda or cuda:N, got {name!r}{fix}")


_BROKEN: Final = re.compile(
    r"out of memory|can't allocate|bad_?\s?alloc|failed to allocate|cuda error|cuda"
    r" failure|cudnn|cublas",
    re.IGNORECASE,
)


def breaks(error: BaseException) -> bool:
    """Whether it was the memory, the device or a file that failed, and not the model on what it was
    given.
    """
    if isinstance(error, (MemoryError, OSError)):  # files and connections: no row holds one
        return True
    return _BROKEN.search(str(error)) is not None


@final
class ShapeError(ValueError):
    """A model takes inputs of another shape; `wanted` is that shape, None where any size will
    do.
    """

    def __init__(self, text: str, *, wanted: tuple[int | None, ...]) -> None:
        super().__init__(text)
        self.wanted = wanted


def failure(shape: tuple[int, ...], error: BaseException) -> str:
    """What to tell a person whose model failed on a batch of `shape`, and the usual reason."""
    size = ""
    if len(shape) == 4:
        size = (
            f" and for images of {shape[3]} x {shape[2]} pixels (--resize N --crop N change a"
            " folder's)"
        )
    return (
        f"the model failed on a batch of shape {shape}: {type(error).__name__}:"
        f" {first_line(error)}; is it made for this encoding{size}? six-channel gives twice the"
        " channels of an image (constant and infill as many as it has), channel first"
    )
