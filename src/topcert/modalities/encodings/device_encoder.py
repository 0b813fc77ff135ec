"""Encodings where the network runs: the rows that the host would make, to the bit.

Kept values and features of masks come as torch tensors, and rows leave as one; no more is asked of
a device than to copy, to index, to cast and to subtract. What a device may round otherwise (a
division by a number, a product of matrices) is looked up in a table of the host, or left to the
host: `Encoder.on_device` gives None then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class DeviceEncoder(ABC):
    """Planes and a batch of masks in, a batch of ablated inputs out, all of it on one device.

    The batch is new at every call: a module may work in place, and the next batch may be made while
    this one is being judged.
    """

    @abstractmethod
    def __call__(self, planes: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """`planes` `(width, num_features)`, `kept` int64 `(B, num_kept)`; rows of the dtype of the
        encoder, laid out in memory as the host has them.
        """


def shown_over(background: torch.Tensor, kept: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The background `(planes, num_features)` in every row, and over it `values` `(planes or fewer,
    B, num_kept)` of the first planes at the kept features.

    Returns a new `(B, planes, num_features)`. A feature that stands twice in a mask has the same
    value twice, so it does not matter which is written last.
    """
    rows = background.repeat(len(kept), 1, 1)
    width = len(values)
    places = kept[:, None].expand(-1, width, -1)
    rows[:, :width].scatter_(2, places, values.to(rows.dtype).transpose(0, 1))
    return rows
