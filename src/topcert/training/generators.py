"""What an epoch draws beside its noise; its state can be stored in the middle of the epoch."""

from __future__ import annotations

from typing import final

import numpy as np
import torch


@final
class EpochGenerators:
    """NumPy's generator, for order and augmentation, and torch's own, which dropout draws from.

    Both begin as functions of `(seed, epoch)`. They may differ between releases of NumPy and torch;
    masks may not, and do not come from here.
    """

    def __init__(self, *, seed: int, epoch: int, device: torch.device) -> None:
        self._device = device
        self._philox = np.random.Philox(key=seed + (epoch << 64))
        self.numpy = np.random.Generator(self._philox)
        torch.manual_seed(
            int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)
        )

    def state(self) -> tuple[torch.Tensor, ...]:
        """NumPy's state as int64 `(13,)`, torch's as uint8; on a GPU that of its generator as
        well.
        """
        found = self._philox.state
        words = [*found["state"]["counter"], *found["state"]["key"], *found["buffer"]]
        words += [found[name] for name in ("buffer_pos", "has_uint32", "uinteger")]
        states = [
            torch.from_numpy(np.array(words, np.uint64).view(np.int64)),
            torch.get_rng_state(),
        ]
        if self._device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self._device))
        return tuple(states)

    def restore(self, state: tuple[torch.Tensor, ...]) -> None:
        """Go on where `state` was taken; on another kind of device dropout goes on elsewhere."""
        words = state[0].numpy().view(np.uint64)
        self._philox.state = {
            "bit_generator": "Philox",
            "state": {"counter": words[:4], "key": words[4:6]},
            "buffer": words[6:10],
            "buffer_pos": int(words[10]),
            "has_uint32": int(words[11]),
            "uinteger": int(words[12]),
        }
        torch.set_rng_state(state[1])
        if self._device.type == "cuda" and len(state) > 2:
            torch.cuda.set_rng_state(state[2], self._device)
