"""ONNX Runtime on CUDA by I/O binding: rows are read where torch made them, and scores stay there.

It takes both onnxruntime-gpu and a CUDA build of torch; with one of them alone rows are copied.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

if TYPE_CHECKING:
    import torch

CUDA: Final = "CUDAExecutionProvider"


def bound_device(session: Any) -> torch.device | None:
    """The device on which rows for a session are made: that on which it runs, where torch has it
    too; None where it does not run on CUDA, or there is no such torch.
    """
    if CUDA not in session.get_providers() or find_spec("torch") is None:
        return None
    import torch

    number = int(session.get_provider_options()[CUDA].get("device_id", 0))
    there = torch.cuda.is_available() and number < torch.cuda.device_count()
    return torch.device("cuda", number) if there else None


@final
class Binding:
    """How sessions of one network are given rows on a device, and give scores there.

    `given` and `output` are the name and the type of its input and of the output that is taken.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        given: tuple[str, type[np.floating]],
        output: tuple[str, type[np.floating]],
        num_classes: int,
    ) -> None:
        self.device = device
        self._given, self._output, self._num_classes = given, output, num_classes

    def scores(self, session: Any, rows: torch.Tensor) -> torch.Tensor:
        """The scores `(B, num_classes)` of rows `(B, ...)`. Raises what the session raises, where
        its output has another shape, say.
        """
        import torch

        rows = _cast(rows, self._given[1])
        shape = (len(rows), self._num_classes)
        scores = torch.empty(shape, dtype=_dtype(self._output[1]), device=self.device)
        if self.device.type == "cuda":  # a session has a stream of its own
            torch.cuda.current_stream(self.device).synchronize()
        place = self.device.type, self.device.index or 0
        binding = session.io_binding()
        name, kind = self._given
        binding.bind_input(name, *place, kind, tuple(rows.shape), rows.data_ptr())
        name, kind = self._output
        binding.bind_output(name, *place, kind, shape, scores.data_ptr())
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return scores


def _cast(rows: torch.Tensor, kind: type[np.floating]) -> torch.Tensor:
    """Rows in the type of the input, rounded as the host rounds them."""
    if str(rows.dtype) == "torch.float64" and kind is np.float16:  # torch rounds twice
        import torch

        with np.errstate(over="ignore"):
            half = rows.cpu().numpy().astype(kind)
        return torch.from_numpy(half).to(rows.device)
    return rows.to(_dtype(kind)).contiguous()


def _dtype(kind: type[np.floating]) -> torch.dtype:
    import torch

    return torch.from_numpy(np.empty(0, kind)).dtype
