"""Plain functions: a batch in, scores or labels out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.class_names import names_of
from topcert.classifiers.classifier import Classifier
from topcert.classifiers.named_labels import numbered
from topcert.classifiers.outputs import WHOLE, Choice
from topcert.classifiers.processor import this_cpu
from topcert.classifiers.shown_rows import Show


@final
class FunctionClassifier(Classifier):
    """Any callable from a float batch, or from texts, to scores `(B, num_classes)`, integer labels
    `(B,)` or ranked ones `(B, depth)`, or names of labels where it tells those of all classes.

    `show` gives it what it takes of a batch, which it may keep and write to.
    """

    def __init__(
        self,
        function: Callable[[NDArray[np.floating]], Any],
        *,
        num_classes: int,
        fingerprint: str = "",
        choice: Choice = WHOLE,
        depth: int = 1,
        show: Show = np.copy,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            fingerprint=fingerprint,
            runtime=f"numpy {np.__version__}, {this_cpu()}",
            class_names=names_of(function, num_classes),
            choice=choice,
            depth=depth,
        )
        self._function, self._show = numbered(function), show

    def run(self, batch: NDArray[np.floating]) -> Any:
        return self._function(self._show(batch))
