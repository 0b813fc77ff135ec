"""The form of inputs, as far as a law of noise asks about it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.randomization.encodings import Unit, to_planes

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
    unit: Unit
    name: str = "the data"
    dtype: np.dtype[np.floating] = _FLOAT32
    value_range: tuple[float, float] | None = None
    read_reference: Callable[[], NDArray[np.floating]] | None = None

    @property
    def kind(self) -> str:
        """Whether an input is an image, a table or a set of points."""
        return {1: "table", 2: "points"}.get(len(self.shape), "image")

    @cached_property
    def num_features(self) -> int:
        """How many units an input has. Raises ValueError where it has none of that name."""
        return int(to_planes(np.zeros(self.shape), self.unit).shape[1])

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
