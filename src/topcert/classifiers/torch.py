"""PyTorch modules, on a CPU or a CUDA device."""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from topcert.classifiers.classifier import check_device, failure, labels_of, width_of
from topcert.classifiers.processor import this_cpu


@final
class TorchClassifier:
    """A module from a float32 batch to scores `(B, classes)`, in evaluation mode and without gradients.

    `device` is "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N". The fingerprint covers the weights, the
    buffers and the printed structure. Raises ValueError for a device that is not there, a module that fails on
    `input_shape` (one encoded input), or one that gives no scores.
    """

    def __init__(self, module: torch.nn.Module, *, input_shape: tuple[int, ...], device: str = "auto") -> None:
        self._device = resolve_device(device)
        self._module = module.eval().to(self._device)
        self.batch_size: int | None = None
        name = this_cpu() if self._device.type == "cpu" else torch.cuda.get_device_name(self._device)
        self.runtime = f"torch {torch.__version__}, {name}"
        self.fingerprint = _hash(module)
        output = self._run(np.zeros((2, *input_shape), np.float32))
        width = width_of(output)
        if width is None:
            raise ValueError(f"the module gave shape {output.shape} for 2 inputs; expected scores (2, classes)")
        self.num_classes = width

    def __call__(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        return labels_of(self._run(batch), batch_size=len(batch), num_classes=self.num_classes)

    @torch.inference_mode()
    def _run(self, batch: NDArray[np.floating]) -> NDArray[Any]:
        tensor = torch.from_numpy(batch.astype(np.float32)).to(self._device)  # a copy: a module may work in place
        try:
            output = self._module(tensor)
        except (Exception, SystemExit) as error:  # a person's module can raise anything
            raise ValueError(failure(batch.shape, error)) from error
        if not isinstance(output, torch.Tensor):
            raise ValueError(f"the module gave a {type(output).__name__}; expected one tensor of scores")
        return output.float().cpu().numpy() if output.is_floating_point() else output.cpu().numpy()


def resolve_device(name: str) -> torch.device:
    """The device that `name` means: auto, cpu, cuda or cuda:N. Raises ValueError where there is no such device."""
    check_device(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ValueError(f"--device {name}: PyTorch sees no CUDA device here; use --device cpu")
    device = torch.device(name)
    if (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"--device {name}: the last CUDA device here is cuda:{torch.cuda.device_count() - 1}")
    return device


def _hash(module: torch.nn.Module) -> str:
    digest = hashlib.sha256(str(module).encode())
    for name, tensor in chain(module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name}{tuple(values.shape)}{values.dtype}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
