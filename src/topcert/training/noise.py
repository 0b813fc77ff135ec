"""What a base classifier is trained on: the randomness that its certificate will use.

Each noise says how a batch of training images is shown to the network, and which loss follows. Noise number `first + i`
is a function of `(seed, first)` and, masks apart, of the batch; it never comes from the streams of a certificate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from topcert.randomization.designs import Design
from topcert.randomization.masks import TRAIN, draw_masks
from topcert.randomization.words import draw_words
from topcert.theory.discrete import NUM_VALUES


class Noise(Protocol):
    """How images are shown in training, and the loss on what the network says of them."""

    @property
    def law(self) -> str: ...

    @property
    def planes(self) -> int:
        """Channels that the network sees for each channel of an image."""

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        """float32 `(B, planes * C, H, W)` from uint8 `(B, C, H, W)`; smaller pictures where the noise shows such."""

    def loss(
        self, network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, *, smoothing: float, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a batch and its scores `(B, classes)`; `progress` runs from 0 to 1 over the training."""


@final
@dataclass(frozen=True, kw_only=True)
class NoNoise:
    """Show whole images: for a teacher, which no certificate is about."""

    law: str = field(default="none", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        return images.float().div_(255.0).contiguous(memory_format=torch.channels_last)

    def loss(
        self, network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, *, smoothing: float, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return _cross_entropy(network, shown, labels, smoothing)


@final
@dataclass(frozen=True, kw_only=True)
class AblationNoise:
    """Keep `num_kept` pixels, drawn afresh for each image; six-channel encoding (Levine & Feizi 2019)."""

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

    def loss(
        self, network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, *, smoothing: float, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return _cross_entropy(network, shown, labels, smoothing)


@final
@dataclass(frozen=True, kw_only=True)
class DesignNoise:
    """Show each image under one of the first `num_masks` masks of a design, drawn afresh; six-channel encoding.

    A certificate of a design is about these very masks, so training on them gives nothing away.
    """

    design: Design
    num_masks: int
    law: str = field(default="ablation", init=False)
    planes: int = field(default=2, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        words = draw_words(seed=seed, start=first, stop=first + len(images), width=1, domain=TRAIN)[:, 0]
        chosen = ((words >> np.uint64(32)) * np.uint64(self.num_masks)) >> np.uint64(32)
        kept = _masks_of(self.design, self.num_masks)[chosen.astype(np.int64)]
        return ablate(images, torch.from_numpy(kept).to(images.device))

    def loss(
        self, network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, *, smoothing: float, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return _cross_entropy(network, shown, labels, smoothing)


@final
@dataclass(frozen=True, kw_only=True)
class LatticeNoise:
    """Show each image as one of its `stride * stride` regular grids, drawn afresh: a small picture and its offset.

    A certificate of the design `lattice` is about these very grids, so training on them gives nothing away.
    """

    stride: int
    law: str = field(default="lattice", init=False)
    planes: int = field(default=2, init=False)  # of colour images, whose three channels become six planes

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        words = draw_words(seed=seed, start=first, stop=first + len(images), width=1, domain=TRAIN)[:, 0]
        chosen = ((words >> np.uint64(32)) * np.uint64(self.stride**2)) >> np.uint64(32)
        return grids(images, torch.from_numpy(chosen.astype(np.int64)).to(images.device), self.stride)

    def loss(
        self, network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, *, smoothing: float, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return _cross_entropy(network, shown, labels, smoothing)


def grids(images: torch.Tensor, chosen: torch.Tensor, stride: int) -> torch.Tensor:
    """Grid `chosen[i]` of image i: every `stride`-th pixel of every `stride`-th row, from row `chosen // stride` and column
    `chosen % stride` on; float32 `(B, C + 3, ceil(H / stride), ceil(W / stride))`: colours in [0, 1], inside, offsets."""
    size, channels, height, width = images.shape
    tall, wide = -(-height // stride), -(-width // stride)
    planes = images.new_zeros((size, channels + 1, tall * stride, wide * stride), dtype=torch.float32)
    planes[:, :channels, :height, :width] = images.float() / 255.0
    planes[:, channels, :height, :width] = 1.0
    cells = planes.view(size, channels + 1, tall, stride, wide, stride)
    row, column = chosen // stride, chosen % stride
    shown = cells[torch.arange(size, device=images.device), :, :, row, :, column]
    offsets = torch.stack([row, column], 1).float().div_(max(stride - 1, 1))[:, :, None, None].expand(-1, -1, tall, wide)
    return torch.cat([shown, offsets], 1).contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=1)
def _masks_of(design: Design, count: int) -> NDArray[np.int64]:
    return design.masks(0, count).astype(np.int64)


@final
@dataclass(frozen=True, kw_only=True)
class GaussianNoise:
    """Add N(0, sigma^2) to every value in [0, 1] (Cohen et al. 2019)."""

    sigma: float
    law: str = field(default="gaussian", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        shown = images.float().div_(255.0)
        noise = torch.randn(shown.shape, generator=_generator(seed, first, images.device), device=images.device)
        return shown.add_(noise, alpha=self.sigma).contiguous(memory_format=torch.channels_last)

    def loss(
        self, network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, *, smoothing: float, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return _cross_entropy(network, shown, labels, smoothing)


@final
@dataclass(frozen=True, kw_only=True)
class DiscreteNoise:
    """Keep each of 256 values with `keep_probability`, else take one of the others uniformly (Lee et al. 2019)."""

    keep_probability: float
    law: str = field(default="discrete", init=False)
    planes: int = field(default=1, init=False)

    def show(self, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        generator = _generator(seed, first, images.device)
        lost = torch.rand(images.shape, generator=generator, device=images.device) >= self.keep_probability
        shift = torch.randint(1, NUM_VALUES, images.shape, generator=generator, device=images.device, dtype=torch.int32)
        values = (images.int() + shift * lost) % NUM_VALUES
        return values.float().div_(NUM_VALUES - 1.0).contiguous(memory_format=torch.channels_last)

    def loss(
        self, network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, *, smoothing: float, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return _cross_entropy(network, shown, labels, smoothing)


def ablate(images: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Six-channel encoding of uint8 images `(B, C, H, W)`: `x * m`, then `(1 - x) * m`; float32 `(B, 2 C, H, W)`."""
    batch, _, height, width = images.shape
    mask = torch.zeros(batch, height * width, device=images.device).scatter_(1, kept, 1.0)
    mask = mask.view(batch, 1, height, width)
    shown = images.float().div_(255.0).mul_(mask)
    return torch.cat([shown, mask - shown], dim=1).contiguous(memory_format=torch.channels_last)


def _cross_entropy(
    network: nn.Module, shown: torch.Tensor, labels: torch.Tensor, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    scores = network(shown)
    return nn.functional.cross_entropy(scores, labels, label_smoothing=smoothing), scores


def _generator(seed: int, first: int, device: torch.device) -> torch.Generator:
    state = int(np.random.SeedSequence([seed, first]).generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(state >> 1)
