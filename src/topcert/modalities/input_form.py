"""The form of the inputs of a run: what all of them have in common."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.modality import Modality
from topcert.modalities.registered_modalities import modality_of

_FLOAT32: Final = np.dtype(np.float32)
_STATISTICS: Final[dict[str, Callable[..., Any]]] = {"mean": np.mean, "median": np.median}


@final
@dataclass(frozen=True, kw_only=True)
class Form:
    """What all inputs of a run have in common.

    `shape` and `dtype` are those of one input, as a data set holds it: images `(H, W, C)`, sets of
    points `(points, coordinates)`, tables `(columns,)`. `name` is what messages call the data.
    Values of images lie in `value_range`, [0, 1] where that is None. `read_reference`, where there
    is one, gives training inputs, `(inputs, *shape)`.
    """

    shape: tuple[int, ...]
    unit: str
    name: str = "the data"
    dtype: np.dtype[np.floating] = _FLOAT32
    value_range: tuple[float, float] | None = None
    read_reference: Callable[[], NDArray[np.floating]] | None = None

    @cached_property
    def modality(self) -> Modality:
        """The kind of input. Raises ValueError where none of that shape has features so called."""
        return modality_of(self.shape, self.unit)

    @property
    def kind(self) -> str:
        """The name of the kind of input, such as "image"."""
        return self.modality.name

    @property
    def units(self) -> str:
        """The word for several features."""
        return self.modality.plural(self.unit)

    @cached_property
    def split(self) -> tuple[int, int]:
        """How many values a feature has, and how many features an input."""
        return self.modality.split(self.shape, self.unit)

    @property
    def num_features(self) -> int:
        """How many units an input has. Raises ValueError where it has none of that name."""
        return self.split[1]

    @property
    def any_length(self) -> bool:
        """Whether inputs may have fewer features: this is then the form of the longest."""
        return self.modality.any_length

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of the grid that features lie in, or None."""
        return self.modality.grid(self.shape, self.unit)

    def layout(self, *, copies: int) -> tuple[int, ...]:
        """The shape in which a classifier is shown all planes so many times."""
        return self.modality.layout(self.shape, copies)

    def planes(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """One input as `(values of a feature, num_features)`, contiguous."""
        return self.modality.planes(x, self.unit)

    @property
    def width(self) -> int:
        """How many values an input has."""
        return math.prod(self.shape)

    def statistic(self, name: str) -> NDArray[np.floating]:
        """The mean or median of the training inputs, an array of `shape`.

        Raises ValueError where there are no training inputs.
        """
        if self.read_reference is None:
            raise ValueError(
                f"encoding {name} needs training inputs, which {self.name} does not bring"
                f" (an .npz can, as x_train); the {name} of the certified inputs would let an"
                " attacker move NULL"
            )
        if name not in self._computed:
            found = _STATISTICS[name](self.read_reference(), axis=0)
            self._computed[name] = np.asarray(found, self.dtype)
        return self._computed[name]

    @cached_property
    def _computed(self) -> dict[str, NDArray[np.floating]]:
        return {}


def fingerprint_fill(values: NDArray[np.floating]) -> str:
    """SHA-256 of an array that stands for NULL: its shape, its dtype and its bytes."""
    return hashlib.sha256(
        f"{values.shape}{values.dtype.str}".encode() + values.tobytes()
    ).hexdigest()
