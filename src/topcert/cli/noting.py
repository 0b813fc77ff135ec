"""What a person should know of a model on this data, beside the result: one line each, on
stderr.
"""

from __future__ import annotations

import numpy as np

from topcert.classifiers.classifier import Classifier
from topcert.cli.progress import messages
from topcert.voting.request import Prepared


def note_model(prepared: Prepared) -> None:
    """Before a run: which of the model's outputs is taken, and a stand-in for hidden columns that
    lies among the data.
    """
    note_output(prepared.classifier)
    if prepared.encoding == "sentinel" and isinstance(prepared.fill, (int, float)):
        _note(sentinel_among(prepared, float(prepared.fill)))


def note_output(classifier: Classifier) -> None:
    """Which of the model's outputs is taken, where it has several."""
    _note(classifier.choice.told)


def note_undefined(classifier: Classifier) -> None:
    """After a run: how many of its votes the model had no answer to."""
    _note(classifier.undefined.in_words())


def sentinel_among(prepared: Prepared, sentinel: float) -> str:
    """What to say where the number that stands for a hidden column lies within the values of one;
    else nothing.
    """
    low, high = np.inf, -np.inf
    for position in range(len(prepared.dataset)):
        values = prepared.dataset.read(position)
        low, high = np.minimum(low, values), np.maximum(high, values)
    among = np.flatnonzero((low <= sentinel) & (sentinel <= high))
    if not among.size:
        return ""
    return (
        f"hidden columns are shown as {sentinel:g}, which lies within the values of {among.size} of"
        f" {np.size(low)} columns (column {among[0]}: {np.ravel(low)[among[0]]:g} .."
        f" {np.ravel(high)[among[0]]:g}), so the model cannot tell hidden from measured there;"
        " choose a --fill outside, as a model trained on such inputs has it, or --encoding mean"
    )


def _note(text: str) -> None:
    if text:
        messages.print(f"note: {text}", highlight=False, soft_wrap=True)
