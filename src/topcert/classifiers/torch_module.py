"""PyTorch modules, on a CPU or a CUDA device."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from topcert.classifiers.answers import ReadAnswer, checked_answer, read_answer
from topcert.classifiers.class_names import names_of
from topcert.classifiers.classifier import Classifier, check_device
from topcert.classifiers.device_ballots import are_scores_there, begin_ballots
from topcert.classifiers.processor import this_cpu
from topcert.classifiers.row_mixing import row_mixing_of_module
from topcert.classifiers.torch_options import TorchOptions
from topcert.classifiers.trial import try_model
from topcert.files import first_line


@final
class TorchClassifier(Classifier):
    """A module from a float32 batch to scores `(B, classes)`, labels `(B,)` or ranked ones `(B,
    depth)`.

    It is run in evaluation mode and without gradients.

    Of several outputs (a tuple, a dictionary, a record) `output` is taken, or what `choose_output`
    finds. `example` holds some ablated inputs `(rows, ...)`, on which it is tried. `device` is
    "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N"; `options` say how it is run. The
    fingerprint covers the weights, the buffers and the printed structure. Raises ValueError for a
    device that is not there, options that do not fit, a module that fails on all of `example`, or
    one whose answer is not certain.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        example: NDArray[np.floating],
        device: str = "auto",
        num_classes: int | None = None,
        output: str | None = None,
        depth: int = 1,
        options: TorchOptions | None = None,
    ) -> None:
        self._device, self._options = resolve_device(device), options or TorchOptions()
        self._module = _as_asked(module.eval().to(self._device), self._options, example)
        tried = try_model(
            self.run, example, model=module, output=output, num_classes=num_classes, depth=depth
        )
        name = (
            this_cpu() if self._device.type == "cpu" else torch.cuda.get_device_name(self._device)
        )
        super().__init__(
            num_classes=tried.num_classes,
            fingerprint=_hash(module),
            runtime=f"torch {torch.__version__}, {name}",
            class_names=names_of(module, tried.num_classes),
            choice=tried.choice,
            row_mixing=row_mixing_of_module(module),
            depth=depth,
            torch_options=options,
        )

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """PyTorch's own count of threads, which is one of the whole process, as it was before."""
        usual = torch.get_num_threads()
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            if self.threads is not None:
                torch.set_num_threads(usual)

    @torch.inference_mode()
    def run(self, batch: NDArray[np.floating]) -> Any:
        # what float32 cannot hold becomes infinite, as the total rule has it
        with np.errstate(over="ignore"):
            single = batch.astype(np.float32)  # a copy: a module may work in place
        return self._forward(torch.from_numpy(single).to(self._device))

    def _forward(self, rows: torch.Tensor) -> Any:
        """What the module gives for float32 rows on its device, which are its own to change."""
        output = self._module(_rows_as_asked(rows, self._options))
        return (
            output.float()
            if isinstance(output, torch.Tensor) and output.is_floating_point()
            else output
        )

    def rows_device(self) -> torch.device:
        return self._device

    @torch.inference_mode()
    def begin(
        self, make_rows: Callable[[], torch.Tensor], shape: tuple[int, ...]
    ) -> Callable[[], ReadAnswer]:
        with self._guarded(shape):
            # what float32 cannot hold becomes infinite there too
            output = self.choice.of(self._forward(make_rows().float()))
            classes = self.num_classes
            if not are_scores_there(output, num_rows=shape[0], num_classes=classes):
                found = self._read(output, shape)  # at once: a module may use its buffer again
                return lambda: found
            wait = begin_ballots(output, self.depth)
        return self._guarded_wait(wait, shape)

    def _read(self, output: Any, shape: tuple[int, ...]) -> ReadAnswer:
        answer = checked_answer(
            output, batch_size=shape[0], num_classes=self.num_classes, depth=self.depth
        )
        return read_answer(answer, num_classes=self.num_classes, depth=self.depth)


def resolve_device(name: str) -> torch.device:
    """The device that `name` means: auto, cpu, cuda or cuda:N. Raises ValueError where there is no
    such device.
    """
    check_device(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ValueError(f"--device {name}: PyTorch sees no CUDA device here; use --device cpu")
    device = torch.device(name)
    if (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"--device {name}: the last CUDA device here is cuda:{torch.cuda.device_count() - 1}"
        )
    return device


def _as_asked(
    module: torch.nn.Module, options: TorchOptions, example: NDArray[np.floating]
) -> torch.nn.Module:
    """The module, or a copy of it that runs as the options have it."""
    if options == TorchOptions():
        return module
    if options.channels_last and example.ndim != 4:
        raise ValueError(
            "--channels-last is for images, and the model is shown rows of shape"
            f" {example.shape[1:]}; leave it out"
        )
    try:
        made = copy.deepcopy(module)
    except Exception as error:  # a person's object can raise anything
        raise ValueError(
            f"--precision and --channels-last run a copy of the module, and {type(module).__name__}"
            f" cannot be copied ({type(error).__name__}: {first_line(error)}); leave them out"
        ) from error
    made = made.to(dtype=getattr(torch, options.precision))
    if options.channels_last:
        made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def _rows_as_asked(rows: torch.Tensor, options: TorchOptions) -> torch.Tensor:
    """Float32 rows as the options have them; what half precision cannot hold becomes infinite."""
    rows = rows.to(dtype=getattr(torch, options.precision))
    return rows.contiguous(memory_format=torch.channels_last) if options.channels_last else rows


def _hash(module: torch.nn.Module) -> str:
    digest = hashlib.sha256(str(module).encode())
    for name, tensor in chain(
        module.named_parameters(remove_duplicate=False),
        module.named_buffers(remove_duplicate=False),
    ):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name}{tuple(values.shape)}{values.dtype}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
