"""Plain functions: a batch in, scores or labels out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import failure, labels_of
from topcert.classifiers.processor import this_cpu


@final
class FunctionClassifier:
    """Any callable from a float batch to scores `(B, num_classes)` or integer labels `(B,)`."""

    def __init__(self, function: Callable[[NDArray[np.floating]], Any], *, num_classes: int, fingerprint: str = "") -> None:
        self._function = function
        self.num_classes = num_classes
        self.fingerprint = fingerprint
        self.runtime = f"numpy {np.__version__}, {this_cpu()}"
        self.batch_size: int | None = None

    def __call__(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        try:
            output = self._function(batch.copy())  # it may work in place
        except (Exception, SystemExit) as error:  # a person's function can raise anything
            raise ValueError(failure(batch.shape, error)) from error
        return labels_of(output, batch_size=len(batch), num_classes=self.num_classes)
