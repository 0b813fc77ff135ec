"""Sets of points: arrays `(points, coordinates)`, whose order says nothing."""

from __future__ import annotations

from typing import Any, ClassVar, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.encodings.keep_only import KEEP_ONLY
from topcert.modalities.modality import Modality, Unit
from topcert.theory.attacker import DELETE, INSERT

MAX_COORDINATES: Final = 6  # of a point: its place, and perhaps a normal


@final
class Points(Modality):
    """Sets of points. A feature is a point; classifiers are shown the kept ones alone, `(B,
    num_kept, coordinates)`.
    """

    name: ClassVar[str] = "points"
    called: ClassVar[str] = "sets of points"
    noun: ClassVar[str] = "sets"
    axes: ClassVar[int] = 2
    axes_in_words: ClassVar[str] = "(inputs, points, coordinates)"
    units: ClassVar[tuple[Unit, ...]] = (Unit(name="point"),)
    encodings: ClassVar[tuple[Encoding, ...]] = (KEEP_ONLY,)
    usual: ClassVar[bool] = True
    kept_alone: ClassVar[bool] = True
    more_changes: ClassVar[tuple[str, ...]] = (INSERT, DELETE)

    def split(self, shape: tuple[int, ...], unit: str) -> tuple[int, int]:
        return shape[1], shape[0]

    def planes(self, x: NDArray[np.floating], unit: str) -> NDArray[np.floating]:
        return np.ascontiguousarray(x.T)

    def doubt(self, x: NDArray[Any], what: str, *, named: bool, labelled: bool) -> str | None:
        shape = x.shape
        # Bytes are no coordinates; clouds are seldom as many as their points, and have negative
        # coordinates where centred.
        clouds = 2 <= shape[2] <= MAX_COORDINATES and x.dtype.kind not in "ub"
        if not named and clouds and (labelled or (x.min() < 0 and shape[0] != shape[1])):
            return None
        return (
            f"{what} has three axes, {shape}, which is in doubt: grey images are x[..., None], one"
            f" image x[None]; for {shape[0]} sets of {shape[1]} points say --unit point (unit= in"
            " Python)"
        )


POINTS: Final = Points()
MODALITY: Final = POINTS
