"""What a classifier sees of an ablated input: the encodings of NULL.

An input is stored as planes, `(width, num_features)`: a pixel has one plane a colour channel, a
point one a coordinate, a column just one. An encoder turns planes and a batch of masks into a batch
of ablated inputs in the classifier's own layout: images channel first `(B, C, H, W)`, tables `(B,
columns)`, sets of points `(B, num_kept, coordinates)`; `lattice` shows the grids of the design
`lattice` as small pictures.

Only kept features are touched (`infill` is the exception: it computes every hidden one): the batch
is one buffer in which the last masks are undone and the next ones written, so a batch costs the
kept features, not all of them. The batch that is returned is overwritten by the next call.

Encoders work on the host. One whose work is exact on any device says so by `on_device`, which makes
its twin there; the rows of an encoder without one are made on the host and copied.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.device_encoder import DeviceEncoder

if TYPE_CHECKING:
    from topcert.modalities.input_form import Form

Null = Literal["nothing", "number", "statistic"]


class Encoder(ABC):
    """Planes and a batch of masks in, a batch of ablated inputs out.

    A mask may repeat its last feature (`Design.masks`): it is shown once, `keep-only` excepted.
    """

    @abstractmethod
    def __call__(
        self, planes: NDArray[np.floating], kept: NDArray[np.int32]
    ) -> NDArray[np.floating]:
        """`planes` `(width, num_features)`, `kept` int32 `(B, num_kept)`; the batch is valid until
        the next call.
        """

    def on_device(self, device: Any) -> DeviceEncoder | None:
        """The same encoding on a torch device, for batches of any size; None where there is none
        that gives the same rows to the bit.
        """
        return None


@final
@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """What an encoder is made for: inputs of a form, in batches of a size.

    `fill` are the planes of NULL, of encodings that have one; `stride` that of the rows and of the
    columns of a grid, where masks are regular grids.
    """

    form: Form
    batch_size: int
    fill: NDArray[np.floating] | None = None
    stride: tuple[int, int] | None = None


@final
@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A way to show hidden features.

    Parameters
    ----------
    name
        As manifests record it.
    make
        Makes an encoder.
    null
        What stands for a hidden value: nothing that could be chosen, a number, or a statistic of
        training inputs, which has the encoding's name.
    usual_fill
        The number where nobody names one, by the range of values (None for [0, 1]).
    on_grid
        Whether it is for features that lie in a grid.
    by_stride
        Whether it shows the grids of a design of regular ones, and no other masks.
    """

    name: str
    make: Callable[[EncoderSpec], Encoder]
    null: Null = "nothing"
    usual_fill: Callable[[tuple[float, float] | None], float] | None = None
    on_grid: bool = False
    by_stride: bool = False

    def fill_in(self, value_range: tuple[float, float] | None) -> float | None:
        """The number that stands for NULL where nobody names one; None where there is none."""
        return None if self.usual_fill is None else self.usual_fill(value_range)

    def shows(self, form: Form) -> bool:
        """Whether such inputs can be shown so."""
        return self in form.modality.encodings and not (self.on_grid and form.grid is None)

    def check(self, form: Form, *, stride: tuple[int, int] | None) -> None:
        """Raise ValueError where inputs of that form, or the masks of their law, are not shown so.

        `stride` is None where the masks are no regular grids.
        """
        if self.by_stride:
            if stride is None or not self.shows(form):
                raise ValueError(
                    f"encoding {self.name} shows regular grids of pixels, and only a method of"
                    " designs with --design lattice keeps these (or lattice:5x4, not lattice:p=23);"
                    " add it, or choose another --encoding"
                )
        elif self.on_grid and not self.shows(form):
            raise ValueError(
                f"encoding {self.name} is for the pixels of images, not for the"
                f" {form.units} of inputs of shape {form.shape}"
            )
        elif not self.shows(form):
            names = ", ".join(one.name for one in form.modality.encodings)
            raise ValueError(
                f"encoding {self.name} and unit {form.unit} do not go together;"
                f" {form.modality.called} use {names}"
            )
