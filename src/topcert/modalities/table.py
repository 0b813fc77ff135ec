"""Tables: arrays `(columns,)`, one number a column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.encodings.filled import CONSTANT, MEAN, MEDIAN, SENTINEL
from topcert.modalities.encodings.six_channel import SIX_CHANNEL
from topcert.modalities.modality import Modality, Unit
from topcert.modalities.raw_input import RawInput

DATA_FRAME: Final = "a DataFrame in memory"  # as manifests call rows that were cast, each by itself
ROW: Final = RawInput(
    what="a row of a DataFrame",
    part="column",
    spread=1,
    outside="a cell that its column cannot cast (text for a number, an unnamed category, a gap)",
)
MIN_SIDE: Final = 8  # of one grey image that could be meant where a table is given


@final
class Table(Modality):
    """Rows of a table. A feature is a column; classifiers are shown `(B, columns)`."""

    name: ClassVar[str] = "table"
    called: ClassVar[str] = "a table"
    noun: ClassVar[str] = "tables"
    axes: ClassVar[int] = 1
    axes_in_words: ClassVar[str] = "(inputs, features)"
    units: ClassVar[tuple[Unit, ...]] = (Unit(name="column"), Unit(name="feature"))
    encodings: ClassVar[tuple[Encoding, ...]] = (SENTINEL, SIX_CHANNEL, CONSTANT, MEAN, MEDIAN)
    usual: ClassVar[bool] = True

    def split(self, shape: tuple[int, ...], unit: str) -> tuple[int, int]:
        return 1, shape[0]

    def planes(self, x: NDArray[np.floating], unit: str) -> NDArray[np.floating]:
        return np.ascontiguousarray(x)[None]

    def raw(self, data: str, options: Mapping[str, Any]) -> RawInput | None:
        return ROW if data == DATA_FRAME else None

    def doubt(self, x: NDArray[Any], what: str, *, named: bool, labelled: bool) -> str | None:
        shape = x.shape
        image = not labelled and shape[0] == shape[1] >= MIN_SIDE and x.min() >= 0
        if named or not image:
            return None
        return (
            f"{what} has shape {shape}, which could be one grey image: then give x[None, :, :,"
            f" None]; for a table of {shape[0]} rows say --unit column (unit= in Python)"
        )


TABLE: Final = Table()
MODALITY: Final = TABLE
