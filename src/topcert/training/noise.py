"""What a base classifier is trained on: the randomness that its certificate will use.

Each noise says how a batch of training images is shown to the network, and which loss follows.
Noise number `first + i` is a function of `(seed, first)` and, masks apart, of the batch; it never
comes from the streams of a certificate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from topcert.randomization.designs import Design
from topcert.randomization.lattices import laid_out
from topcert.randomization.masks import TRAIN, draw_masks
from topcert.randomization.words import draw_words
from topcert.theory.discrete_radius import NUM_VALUES


class Noise(ABC):
    """How images are shown in training, and the loss on what the network says of them.

    `law` is that of the certificate, or "none"; the network sees `planes` channels for each channel
    of an image.
    """

    law: str
    planes: int

    @property
    def any_size(self) -> bool:
        """Whether what it shows differs in height and width from batch to batch."""
        return False

    @abstractmethod
    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        """float32 `(B, planes * C, H, W)` from uint8 `(B, C, H, W)`; smaller pictures where the
        noise shows such.
        """

    def loss(
        self,
        network: nn.Module,
        shown: torch.Tensor,
        labels: torch.Tensor,
        *,
        smoothing: float,
        progress: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a batch and its scores `(B, classes)`; `progress` runs from 0 to 1 over the
        training.
        """
        scores = network(shown)
        return nn.functional.cross_entropy(scores, labels, label_smoothing=smoothing), scores


@final
@dataclass(frozen=True, kw_only=True)
class NoNoise(Noise):
    """Show whole images: for a teacher, which no certificate is about."""

    law: str = field(default="none", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        return images.float().div_(255.0).contiguous(memory_format=torch.channels_last)


@final
@dataclass(frozen=True, kw_only=True)
class AblationNoise(Noise):
    """Keep `num_kept` pixels, drawn afresh for each image; six-channel encoding (Levine & Feizi
    2019).
    """

    num_kept: int
    law: str = field(default="ablation", init=False)
    planes: int = field(default=2, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        kept = draw_masks(
            seed=seed,
            start=first,
            stop=first + len(images),
            num_features=images.shape[2] * images.shape[3],
            num_kept=self.num_kept,
            domain=TRAIN,
        )
        return ablate(images, torch.from_numpy(kept.astype(np.int64)).to(images.device))


@final
@dataclass(frozen=True, kw_only=True)
class DesignNoise(Noise):
    """Show each image under one of the first `num_masks` masks of a design, drawn afresh;
    six-channel encoding.

    A certificate of a design is about these very masks, so training on them gives nothing away.
    """

    design: Design
    num_masks: int
    law: str = field(default="ablation", init=False)
    planes: int = field(default=2, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        words = draw_words(seed=seed, start=first, stop=first + len(images), width=1, domain=TRAIN)[
            :, 0
        ]
        chosen = ((words >> np.uint64(32)) * np.uint64(self.num_masks)) >> np.uint64(32)
        kept = _masks_of(self.design, self.num_masks)[chosen.astype(np.int64)]
        return ablate(images, torch.from_numpy(kept).to(images.device))


@final
@dataclass(frozen=True, kw_only=True)
class LatticeNoise(Noise):
    """Show each image as one of its regular grids, drawn afresh: a small picture and its offset.

    `stride` is that of rows and columns, or of each. A certificate of the design `lattice` or
    `lattice:AxB` is about these very grids, so training on them gives nothing away.
    """

    stride: int | tuple[int, int]
    law: str = field(default="lattice", init=False)
    # of colour images, whose three channels become six planes
    planes: int = field(default=2, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        return _show_grids(images, self.stride, (0,), seed=seed, first=first)


@final
@dataclass(frozen=True, kw_only=True)
class LatticesNoise(Noise):
    """The same under several strides, for a network that takes pictures of any size: each batch is
    under one of them.

    The stride of a batch is drawn like its grids; that of number 0, for whose pictures a network is
    exported, is the first. `rounds` is how many rounds of `lattice:AxB` the classes are of.
    """

    strides: tuple[tuple[int, int], ...]
    rounds: int = 1
    law: str = field(default="lattice", init=False)
    planes: int = field(default=2, init=False)

    @property
    def any_size(self) -> bool:
        """Several strides make pictures of several sizes; one file takes them all."""
        return len(set(self.strides)) > 1

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        # A fourth word of number `first`: the first is that of its grid.
        word = int(draw_words(seed=seed, start=first, stop=first + 1, width=4, domain=TRAIN)[0, 3])
        rows, columns = self.strides[(word >> 32) * len(self.strides) >> 32 if first else 0]
        grid = (images.shape[2], images.shape[3])
        slopes = laid_out(f"lattice:{rows}x{columns}", grid, rounds=self.rounds).slopes
        return _show_grids(images, (rows, columns), slopes, seed=seed, first=first)


def _show_grids(
    images: torch.Tensor,
    stride: int | tuple[int, int],
    slopes: tuple[int, ...],
    *,
    seed: int,
    first: int,
) -> torch.Tensor:
    rows, columns = stride if isinstance(stride, tuple) else (stride, stride)
    words = draw_words(seed=seed, start=first, stop=first + len(images), width=1, domain=TRAIN)[
        :, 0
    ]
    chosen = ((words >> np.uint64(32)) * np.uint64(rows * columns * len(slopes))) >> np.uint64(32)
    return grids(
        images, torch.from_numpy(chosen.astype(np.int64)).to(images.device), (rows, columns), slopes
    )


def grids(
    images: torch.Tensor,
    chosen: torch.Tensor,
    stride: tuple[int, int],
    slopes: tuple[int, ...] = (0,),
) -> torch.Tensor:
    """Image i under mask `chosen[i]` of a lattice of those strides, with a round for each slope, as
    a small picture.

    float32 `(B, C + 3, ceil(H / rows), ceil(W / columns))`: colours in [0, 1], inside, offsets:
    what the encoding `lattice` shows, bit for bit.
    """
    size, channels, height, width = images.shape
    rows, columns = stride
    tall, wide = -(-height // rows), -(-width // columns)
    planes = images.new_zeros(
        (size, channels + 1, tall * rows, wide * columns), dtype=torch.float32
    )
    planes[:, :channels, :height, :width] = images.float() / 255.0
    planes[:, channels, :height, :width] = 1.0
    cells = planes.view(size, channels + 1, tall, rows, wide, columns)
    groups = torch.arange(tall, device=images.device)
    slope = torch.tensor(slopes, device=images.device)[chosen // (rows * columns)]
    row = chosen // columns % rows
    offset = (chosen[:, None] % columns - slope[:, None] * groups) % columns
    empty = row[:, None] + rows * groups >= height  # the last row of some: it goes by the one above
    offset = torch.where(empty, offset.roll(1, 1), offset)
    every = torch.arange(size, device=images.device)[:, None]
    shown = cells[every, :, groups, row[:, None], :, offset].transpose(1, 2)
    down = row[:, None].float().div(max(rows - 1, 1)).expand(-1, tall)
    right = offset.float().div(max(columns - 1, 1))
    offsets = torch.stack([down, right], 1)[:, :, :, None].expand(-1, -1, -1, wide)
    return torch.cat([shown, offsets], 1).contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=1)
def _masks_of(design: Design, count: int) -> NDArray[np.int64]:
    return design.masks(0, count).astype(np.int64)


@final
@dataclass(frozen=True, kw_only=True)
class GaussianNoise(Noise):
    """Add N(0, sigma^2) to every value in [0, 1] (Cohen et al. 2019)."""

    sigma: float
    law: str = field(default="gaussian", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        shown = images.float().div_(255.0)
        noise = torch.randn(
            shown.shape, generator=_generator(seed, first, images.device), device=images.device
        )
        return shown.add_(noise, alpha=self.sigma).contiguous(memory_format=torch.channels_last)


@final
@dataclass(frozen=True, kw_only=True)
class DiscreteNoise(Noise):
    """Keep each of 256 values with `keep_probability`, else take one of the others uniformly (Lee
    et al. 2019).
    """

    keep_probability: float
    law: str = field(default="discrete", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        generator = _generator(seed, first, images.device)
        lost = (
            torch.rand(images.shape, generator=generator, device=images.device)
            >= self.keep_probability
        )
        shift = torch.randint(
            1,
            NUM_VALUES,
            images.shape,
            generator=generator,
            device=images.device,
            dtype=torch.int32,
        )
        values = (images.int() + shift * lost) % NUM_VALUES
        return values.float().div_(NUM_VALUES - 1.0).contiguous(memory_format=torch.channels_last)


def ablate(images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Six-channel encoding of uint8 images `(B, C, H, W)`: `x * m`, then `(1 - x) * m`; float32
    `(B, 2 C, H, W)`.
    """
    batch, _, height, width = images.shape
    mask = torch.zeros(batch, height * width, device=images.device).scatter_(1, kept, 1.0)
    mask = mask.view(batch, 1, height, width)
    shown = images.float().div_(255.0).mul_(mask)
    return torch.cat([shown, mask - shown], dim=1).contiguous(memory_format=torch.channels_last)


def _generator(seed: int, first: int, device: torch.device) -> torch.Generator:
    state = int(np.random.SeedSequence([seed, first]).generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(state >> 1)
