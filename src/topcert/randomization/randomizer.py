"""How a batch for the classifier is made of an input and the numbers of its noise.

`prepare` turns an input into what `batch` works on, once; `batch` then gives the randomized inputs
`start .. start + batch_size - 1`, valid until its next call. Noise is the same for every input, so
what fits is kept: sampling costs next to nothing beside the classifier.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.encoding import Encoder
from topcert.modalities.image import IMAGE
from topcert.modalities.input_form import Form
from topcert.randomization import grid_noise, masks
from topcert.randomization.designs import Design
from topcert.randomization.discrete_shifts import draw_shifts
from topcert.randomization.float_noise import draw_normals
from topcert.randomization.grid_noise import draw_steps, steps_of
from topcert.randomization.mask_streams import STREAMS
from topcert.theory.attacker import REWRITE
from topcert.theory.discrete_radius import NUM_VALUES

if TYPE_CHECKING:
    from topcert.randomization.on_device import DeviceRandomizer

_CACHE_BYTES: Final = 1 << 29
_LENGTHS: Final = 16  # numbers of features whose masks are kept, where inputs differ in them
_NEAR: Final = 1e-3  # of a step between 8-bit values: what scaling in float32 leaves


class Randomizer(ABC):
    """Randomized inputs of one law, in batches."""

    batch_size: int

    @abstractmethod
    def prepare(self, x: NDArray[np.floating]) -> NDArray[Any]:
        """One input as `batch` wants it; raises ValueError where the law has no place for it."""

    def check(self, prepared: NDArray[Any]) -> None:  # noqa: B027
        """Raise ValueError where what `batch` shows of an input is not as the law has it."""

    @abstractmethod
    def batch(self, prepared: NDArray[Any], start: int) -> NDArray[np.floating]:
        """Randomized inputs `start .. start + batch_size - 1`, `(batch_size, ...)`."""

    def on_device(self, device: Any) -> DeviceRandomizer | None:  # noqa: ARG002
        """The same on a torch device, to the bit; None where there is none."""
        return None


@final
class Masking(Randomizer):
    """Masks that keep `num_kept` features, or those of a design, shown by an encoder of the same
    batch size.
    """

    def __init__(
        self,
        *,
        unit: str,
        encoder: Encoder,
        seed: int,
        num_features: int,
        num_kept: int,
        num_masks: int,
        batch_size: int,
        stream: str = masks.ALGORITHM,
        design: Design | None = None,
    ) -> None:
        self.batch_size = batch_size
        self._unit, self._encoder = unit, encoder
        self._form: Form | None = None  # of the input that was prepared last
        draw_masks = STREAMS[stream]

        def draw(start: int) -> NDArray[np.int32]:
            stop = start + batch_size
            if design is not None:
                return design.masks(start, stop)
            return draw_masks(
                seed=seed, start=start, stop=stop, num_features=num_features, num_kept=num_kept
            )

        self._masks = _Cache(
            draw,
            bytes_in_all=4 * _padded(num_masks, batch_size) * num_kept,
        )

    def prepare(self, x: NDArray[np.floating]) -> NDArray[Any]:
        if self._form is None or self._form.shape != x.shape:
            self._form = Form(shape=x.shape, unit=self._unit)
        planes = self._form.planes(x)
        if planes.shape != self._form.split:
            raise ValueError(
                f"the modality {self._form.kind} cuts an input of shape {x.shape} into planes of"
                f" shape {planes.shape}, and says {self._form.split}; mend its `split` or `planes`"
            )
        return planes

    def check(self, prepared: NDArray[Any]) -> None:
        """Try one mask on an input, and on one that differs wherever it hides.

        Raises ValueError where the encoder shows a difference: no certificate would hold.
        """
        kept = np.repeat(self._masks(0)[:1], self.batch_size, axis=0)
        other = prepared + 1
        other[:, kept[0]] = prepared[:, kept[0]]
        shown = self._encoder(prepared, kept).copy()
        if not np.array_equal(shown, self._encoder(other, kept), equal_nan=True):
            raise ValueError(
                f"the encoder {type(self._encoder).__name__} shows features that a mask hides, so"
                " nothing can be certified; it may look at kept features alone"
            )
        if self._form is not None and set(self._form.modality.moves) - {REWRITE}:
            self._check_places(prepared, kept)

    def _check_places(self, prepared: NDArray[Any], kept: NDArray[np.int32]) -> None:
        """Try the mask once more on the input with one more feature before all others.

        Raises ValueError where that shows: a certificate against insertions would not hold.
        """
        longer = np.concatenate([prepared[:, :1], prepared], axis=1)
        shown = self._encoder(prepared, kept).copy()
        if not np.array_equal(shown, self._encoder(longer, kept + 1), equal_nan=True):
            raise ValueError(
                f"the encoder {type(self._encoder).__name__} shows where features stood or how many"
                " there were, so nothing can be certified against insertions and deletions; it may"
                " show the kept features alone, in their order"
            )

    def batch(self, prepared: NDArray[Any], start: int) -> NDArray[np.floating]:
        return self._encoder(prepared, self._masks(start))

    def on_device(self, device: Any) -> DeviceRandomizer | None:
        from topcert.randomization.on_device import MaskingOnDevice

        encoder = self._encoder.on_device(device)
        return None if encoder is None else MaskingOnDevice(self._masks, encoder, device)


@final
class MaskingAnyLength(Randomizer):
    """Masks of inputs with any number of features: for each number those that a run of such inputs
    alone would have.
    """

    def __init__(self, make: Callable[[int], Masking], *, batch_size: int) -> None:
        """`make` gives the masks of inputs with so many features."""
        self.batch_size = batch_size
        self._make = lru_cache(maxsize=_LENGTHS)(make)

    def prepare(self, x: NDArray[np.floating]) -> NDArray[Any]:
        return self._make(len(x)).prepare(x)

    def check(self, prepared: NDArray[Any]) -> None:
        self._make(prepared.shape[1]).check(prepared)

    def batch(self, prepared: NDArray[Any], start: int) -> NDArray[np.floating]:
        return self._make(prepared.shape[1]).batch(prepared, start)


@final
class GaussianNoise(Randomizer):
    """Images `(H, W, C)` in [0, 1] as `(C, H, W)` plus N(0, sigma^2) in every value, rounded to
    whole steps of 1 / (255 M), M = `grid_noise.steps_of(sigma)`; float32.

    Image and noise are added as integers. What the classifier is given is a function of the sums
    alone, each divided by 255 M in float32; so it tells no more of the image than the sum of image
    and real Gaussian noise does.
    """

    def __init__(
        self, *, shape: tuple[int, ...], sigma: float, seed: int, num_noises: int, batch_size: int
    ) -> None:
        self.batch_size = batch_size
        self._shape = (batch_size, shape[2], shape[0], shape[1])
        self._steps = steps_of(sigma)
        width = int(np.prod(shape))
        self._sums = np.empty((batch_size, width), np.int32)
        self._batch = np.empty((batch_size, width), np.float32)
        self._noise = _Cache(
            lambda start: draw_steps(
                seed=seed, start=start, stop=start + batch_size, width=width, sigma=sigma
            ),
            bytes_in_all=4 * _padded(num_noises, batch_size) * width,
        )

    def prepare(self, x: NDArray[np.floating]) -> NDArray[Any]:
        """Each value in steps, by itself: an 8-bit one (within `_NEAR`) exactly, any other to the
        nearest step.
        """
        _check_range(x)
        scaled = IMAGE.planes(x, "feature")[0].astype(np.float64) * grid_noise.TOP
        values = np.rint(scaled)
        prepared = np.where(
            np.abs(scaled - values) <= _NEAR, values * self._steps, np.rint(scaled * self._steps)
        )
        return np.asarray(prepared, np.int32)

    def batch(self, prepared: NDArray[Any], start: int) -> NDArray[np.floating]:
        np.add(self._noise(start), prepared, out=self._sums)
        np.divide(
            self._sums, np.float32(grid_noise.TOP * self._steps), out=self._batch, dtype=np.float32
        )
        return self._batch.reshape(self._shape)

    def on_device(self, device: Any) -> DeviceRandomizer | None:
        from topcert.randomization.on_device import GaussianOnDevice

        step = np.float32(grid_noise.TOP * self._steps)
        return GaussianOnDevice(self._noise, step=step, shape=self._shape, device=device)


@final
class FloatGaussianNoise(Randomizer):
    """Images `(H, W, C)` in [0, 1] as `(C, H, W)` plus N(0, sigma^2) in every value, added in
    float32.

    The noise of older runs, so that their votes can be computed again. Rounding after the addition
    leaves traces of the image that Gaussian noise would not: no certificate covers them.
    """

    def __init__(
        self, *, shape: tuple[int, ...], sigma: float, seed: int, num_noises: int, batch_size: int
    ) -> None:
        self.batch_size = batch_size
        self._shape = (batch_size, shape[2], shape[0], shape[1])
        width = int(np.prod(shape))
        self._batch = np.empty((batch_size, width), np.float32)
        self._noise = _Cache(
            lambda start: _scaled(
                draw_normals(seed=seed, start=start, stop=start + batch_size, width=width), sigma
            ),
            bytes_in_all=4 * _padded(num_noises, batch_size) * width,
        )

    def prepare(self, x: NDArray[np.floating]) -> NDArray[Any]:
        _check_range(x)
        return np.asarray(IMAGE.planes(x, "feature")[0], np.float32)

    def batch(self, prepared: NDArray[Any], start: int) -> NDArray[np.floating]:
        np.add(self._noise(start), prepared, out=self._batch)
        return self._batch.reshape(self._shape)


@final
class DiscreteNoise(Randomizer):
    """Images `(H, W, C)` of values v / 255 as `(C, H, W)`, each v kept or replaced by another of 0
    .. 255, float32.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        keep_probability: Fraction,
        seed: int,
        num_noises: int,
        batch_size: int,
    ) -> None:
        self.batch_size = batch_size
        self._shape = (batch_size, shape[2], shape[0], shape[1])
        width = int(np.prod(shape))
        self._batch = np.empty((batch_size, width), np.float32)
        self._values = np.empty((batch_size, width), np.uint8)
        self._shifts = _Cache(
            lambda start: draw_shifts(
                seed=seed,
                start=start,
                stop=start + batch_size,
                width=width,
                keep_probability=keep_probability,
                num_values=NUM_VALUES,
            ),
            bytes_in_all=_padded(num_noises, batch_size) * width,
        )

    def prepare(self, x: NDArray[np.floating]) -> NDArray[Any]:
        _check_range(x)
        scaled = IMAGE.planes(x, "feature")[0].astype(np.float64) * (NUM_VALUES - 1)
        values = np.rint(scaled)
        off = np.abs(scaled - values).max()
        if off > _NEAR:
            raise ValueError(
                f"discrete noise is for 8-bit images, values v / {NUM_VALUES - 1}; one lies"
                f" {off:.3f} of a step off; store the images as 8 bits, or choose a method of"
                " another noise"
            )
        return np.asarray(values, np.uint8)

    def batch(self, prepared: NDArray[Any], start: int) -> NDArray[np.floating]:
        np.add(self._shifts(start), prepared, out=self._values)  # uint8 wraps around at 256 values
        np.divide(self._values, np.float32(NUM_VALUES - 1), out=self._batch, dtype=np.float32)
        return self._batch.reshape(self._shape)

    def on_device(self, device: Any) -> DeviceRandomizer | None:
        from topcert.randomization.on_device import DiscreteOnDevice

        values = np.arange(NUM_VALUES, dtype=np.float32) / np.float32(NUM_VALUES - 1)
        return DiscreteOnDevice(self._shifts, values=values, shape=self._shape, device=device)


@final
class _Cache:
    """Remembers what `draw(start)` gave, where all of it fits."""

    def __init__(self, draw: Callable[[int], NDArray[Any]], *, bytes_in_all: int) -> None:
        self._draw = draw
        self._kept: dict[int, NDArray[Any]] | None = {} if bytes_in_all <= _CACHE_BYTES else None

    def __call__(self, start: int) -> NDArray[Any]:
        if self._kept is None:
            return self._draw(start)
        if start not in self._kept:
            self._kept[start] = self._draw(start)
        return self._kept[start]


def _scaled(normals: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """In double precision: sigma itself, not its float32, is what the radius is made of."""
    return np.asarray(normals.astype(np.float64) * sigma, np.float32)


def _padded(count: int, batch_size: int) -> int:
    return -(-count // batch_size) * batch_size


def _check_range(x: NDArray[np.floating]) -> None:
    low, high = float(x.min()), float(x.max())
    if x.ndim != IMAGE.axes or not (low >= 0 and high <= 1):  # NaN too
        raise ValueError(
            f"this noise is for images with values in [0, 1]; the input has shape {x.shape} and"
            f" values from {low:g} to {high:g}; scale the data, or choose the noise ablation"
        )
