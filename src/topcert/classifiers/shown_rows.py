"""What a callable or an estimator is given of a batch: its numbers, or the texts that they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.packed_text import as_texts, holds_text

Show = Callable[[NDArray[np.floating]], Any]


def shown_rows(example: NDArray[np.floating]) -> Show:
    """How batches like `example` are given: texts as a list of strings, all else as a copy, which a
    model may work in.
    """
    return as_texts if holds_text(example) else np.copy
