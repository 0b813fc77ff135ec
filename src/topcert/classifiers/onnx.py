"""ONNX files through ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from topcert.classifiers.answers import ReadAnswer
from topcert.classifiers.class_names import names_in_metadata
from topcert.classifiers.classifier import Classifier, ShapeError, check_device
from topcert.classifiers.onnx_binding import CUDA, Binding, bound_device
from topcert.classifiers.onnx_graph import external_path, parse_graph, read_graph
from topcert.classifiers.processor import this_cpu
from topcert.classifiers.row_mixing import row_mixing_of_graph
from topcert.classifiers.trial import in_batches, try_model
from topcert.files import first_line

_PART_BYTES: Final = 1 << 24  # of weights that are hashed at a time
_DTYPES: Final[dict[str, type[np.floating]]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
}


@final
class OnnxClassifier(Classifier):
    """A network with one float input `(B, ...)` and an output of scores `(B, classes)` or labels,
    `(B,)` or `(B, depth)`.

    Of several outputs `output` is taken, or the one that `choose_output` finds. `device` is "auto",
    "cpu", "cuda" or "cuda:N"; `example` holds some ablated inputs `(rows, ...)`, on which the
    network is tried. Raises ValueError for a file that does not load, has another kind of input,
    does not fit `example`, or a device that is not there.
    """

    def __init__(
        self,
        path: Path,
        *,
        example: NDArray[np.floating],
        device: str = "auto",
        num_classes: int | None = None,
        output: str | None = None,
        depth: int = 1,
    ) -> None:
        if not path.is_file():
            raise ValueError(f"{path} does not exist")
        self._path, self._providers = path, _providers(device)
        self._session = self._open()
        # it falls back to the CPU by itself
        on_cuda = CUDA in self._session.get_providers()
        if device.startswith("cuda") and not on_cuda:
            raise ValueError(
                f"--device {device}: ONNX Runtime finds no usable CUDA device; use --device cpu"
            )
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _DTYPES:
            kinds = ", ".join(f"{item.name}: {item.type}" for item in inputs)
            raise ValueError(f"{path} must take one float tensor, it takes {kinds}")
        self._name, self._dtype, wanted = inputs[0].name, _DTYPES[inputs[0].type], inputs[0].shape
        input_shape = example.shape[1:]
        fits = len(wanted) == 1 + len(input_shape) and all(
            not isinstance(size, int) or size == given
            for size, given in zip(wanted[1:], input_shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"{path} takes inputs of shape {tuple(wanted[1:])}, this data and encoding give"
                f" {tuple(input_shape)}; choose another --encoding (six-channel doubles the"
                " channels), --unit or model",
                wanted=tuple(size if isinstance(size, int) else None for size in wanted[1:]),
            )
        self._outputs = [item.name for item in self._session.get_outputs()]
        batch_size = wanted[0] if isinstance(wanted[0], int) else None
        tried = try_model(
            lambda rows: self._run_rows(rows, batch_size),
            np.concatenate(in_batches(example, batch_size)),
            model=None,
            output=output,
            num_classes=num_classes,
            depth=depth,
        )
        assert tried.choice.name is not None  # an ONNX output has a name
        self._outputs = [tried.choice.name]  # the others are not computed again
        super().__init__(
            num_classes=tried.num_classes,
            fingerprint=fingerprint_onnx(path),
            runtime=f"onnxruntime {onnxruntime.__version__}, {'cuda' if on_cuda else this_cpu()}",
            batch_size=batch_size,
            class_names=names_in_metadata(
                self._session.get_modelmeta().custom_metadata_map, tried.num_classes
            ),
            choice=tried.choice,
            row_mixing=row_mixing_of_graph(read_graph(path)),
            depth=depth,
        )
        self._binding = self._bound()

    def _bound(self) -> Binding | None:
        """How rows that torch made on CUDA are read there; None where rows are the host's, or the
        answer is no float scores.
        """
        device = bound_device(self._session)
        (output,) = (one for one in self._session.get_outputs() if one.name == self._outputs[0])
        if device is None or output.type not in _DTYPES or len(output.shape) != 2:
            return None
        return Binding(
            device,
            given=(self._name, self._dtype),
            output=(output.name, _DTYPES[output.type]),
            num_classes=self.num_classes,
        )

    def rows_device(self) -> Any:
        return None if self._binding is None else self._binding.device

    def begin(
        self, make_rows: Callable[[], Any], shape: tuple[int, ...]
    ) -> Callable[[], ReadAnswer]:
        from topcert.classifiers.device_ballots import begin_ballots  # torch

        assert self._binding is not None, "rows for this network are made on the host"
        with self._guarded(shape):
            scores = self._binding.scores(self._session, make_rows())
            wait = begin_ballots(scores, self.depth)
        return self._guarded_wait(wait, shape)

    def limit_threads(self, threads: int | None) -> None:
        self.threads = threads
        self._session = self._open(threads)

    def other_threads(self) -> tuple[int, ...]:
        return (1,) if (os.cpu_count() or 1) > 1 else (2,)  # by itself it takes one a core

    @contextmanager
    def in_threads(self, threads: int) -> Iterator[None]:
        before, session = self.threads, self._session
        self.limit_threads(threads)
        try:
            yield
        finally:
            self.threads, self._session = before, session

    def _limited(self) -> AbstractContextManager[None]:
        return nullcontext()  # threads are those of a session

    def _open(self, threads: int | None = None) -> onnxruntime.InferenceSession:
        """A session of so many threads, None for one a core."""
        options = onnxruntime.SessionOptions()
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0  # 0: one a core
        try:
            return onnxruntime.InferenceSession(str(self._path), options, providers=self._providers)
        # ONNX Runtime has no common base class for what a bad file raises
        except Exception as error:
            raise ValueError(
                f"{self._path} is not a network that ONNX Runtime can load: {first_line(error)}"
            ) from error

    def run(self, batch: NDArray[np.floating]) -> dict[str, Any]:
        # what float16 cannot hold becomes infinite, as the total rule has it
        with np.errstate(over="ignore"):
            given = batch.astype(self._dtype, copy=False)
        return dict(
            zip(self._outputs, self._session.run(self._outputs, {self._name: given}), strict=True)
        )

    def _run_rows(self, rows: NDArray[np.floating], batch_size: int | None) -> dict[str, Any]:
        """The outputs of whole batches put together: a rule that looks at one row alone sees
        little.
        """
        parts = [self.run(batch) for batch in in_batches(rows, batch_size)]
        return {name: _joined([part[name] for part in parts], batch_size) for name in parts[0]}


def _joined(values: list[Any], batch_size: int | None) -> Any:
    """Arrays or lists with an entry for each row, put together; the first of what is neither."""
    if len(values) > 1 and all(
        isinstance(value, np.ndarray) and value.shape[:1] == (batch_size,) for value in values
    ):
        return np.concatenate(values)
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        return [row for value in values for row in value]
    return values[0]


def _providers(device: str) -> list[Any]:
    check_device(device)
    cuda = CUDA in onnxruntime.get_available_providers()
    if device == "cpu" or (device == "auto" and not cuda):
        return ["CPUExecutionProvider"]
    if not cuda:
        raise ValueError(
            f"--device {device} needs onnxruntime-gpu and a CUDA device; install it or use"
            " --device cpu"
        )
    number = int(device.partition(":")[2] or 0)
    return [(CUDA, {"device_id": number}), "CPUExecutionProvider"]


def fingerprint_onnx(path: Path) -> str:
    """SHA-256 of the file, and of the weights in other files where the exporter put them there.

    Raises ValueError where the file is no ONNX network, or one that it keeps weights in is not
    there.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content)
    for location in parse_graph(content, path).external:
        with external_path(path, location).open("rb") as weights:
            while part := weights.read(_PART_BYTES):
                digest.update(part)
    return digest.hexdigest()


def read_metadata(path: Path) -> dict[str, str]:
    """What the file says of itself. Raises ValueError where it is no network that ONNX Runtime can
    load.
    """
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise ValueError(
            f"{path} is not a network that ONNX Runtime can load: {first_line(error)}"
        ) from error
    return dict(session.get_modelmeta().custom_metadata_map)
