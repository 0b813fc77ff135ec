"""Whether answers depend on how many threads compute them; where they do, it is one from then on.

Sums over rows of a matrix come out the same however many threads share the rows. A sum that itself
is shared does not: each thread rounds its part. A run may be gone on with on another machine, or by
workers that divide the cores. So the number of threads is part of the record wherever it can be
seen, and then it is the one number that every machine has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import AnswerError
from topcert.classifiers.classifier import Classifier
from topcert.voting.prepared_run import Prepared
from topcert.voting.rows import quiet


def pin_threads(prepared: Prepared) -> Prepared:
    """The run with one thread for its model, where the first batch comes out otherwise in several.

    A model that gives other answers to the same batch in the same threads is for the replays.
    """
    classifier = prepared.classifier
    if prepared.request.threads is not None or "cpu" not in classifier.runtime:
        return prepared
    batch = prepared.voter().batch(0, 0)
    with quiet():
        if not depends_on_threads(classifier, batch):
            return prepared
    classifier.limit_threads(1)
    return replace(prepared, request=replace(prepared.request, threads=1))


def depends_on_threads(classifier: Classifier, batch: NDArray[np.floating]) -> bool:
    """Whether a bit of the answer to a batch differs between one thread, several, and as many as
    the model takes by itself.
    """
    usual = _bits(classifier, batch)
    for threads in classifier.other_threads():
        with classifier.in_threads(threads):
            other = _bits(classifier, batch)
        if other != usual:
            return _bits(classifier, batch) == usual
    return False


def _bits(classifier: Classifier, batch: NDArray[np.floating]) -> bytes:
    try:
        answer: NDArray[Any] = classifier.answer(batch)
    except AnswerError:
        return b""
    return answer.tobytes()
