"""PyTorch modules, on a CPU or a CUDA device."""

from __future__ import annotations

import hashlib
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from topcert.classifiers.classifier import labels_of, width_of


@final
class TorchClassifier:
    """A module from a float32 batch to scores `(B, classes)`, in evaluation mode and without gradients.

    `device` is "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N". The fingerprint covers the weights, the
    buffers and the printed structure. Raises ValueError for a device that is not there, a module that fails on
    `input_shape` (one encoded input), or one that gives no scores.
    """

    def __init__(self, module: torch.nn.Module, *, input_shape: tuple[int, ...], device: str = "auto") -> None:
        self._device = _device(device)
        self._module = module.eval().to(self._device)
        self.batch_size: int | None = None
        name = "cpu" if self._device.type == "cpu" else torch.cuda.get_device_name(self._device)
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
        tensor = torch.from_numpy(batch.astype(np.float32, copy=False)).to(self._device)
        try:
            output = self._module(tensor)
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).strip().splitlines()[0][:300]
            raise ValueError(f"the model failed on a batch of shape {batch.shape}: {reason}") from error
        if not isinstance(output, torch.Tensor):
            raise ValueError(f"the module gave a {type(output).__name__}; expected one tensor of scores")
        return output.float().cpu().numpy() if output.is_floating_point() else output.cpu().numpy()


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"--device {name}: PyTorch sees no CUDA device here; use --device cpu")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"--device must be auto, cpu, cuda or cuda:N, got {name!r}") from error


def _hash(module: torch.nn.Module) -> str:
    digest = hashlib.sha256(str(module).encode())
    for name, tensor in module.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name}{tuple(values.shape)}{values.dtype}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
