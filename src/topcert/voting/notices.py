"""What a person should know of a model on this data before a run, a line each."""

from __future__ import annotations

import numpy as np

from topcert.modalities.registered_modalities import plural_of
from topcert.voting.prepared_run import Prepared


def notices(prepared: Prepared) -> list[str]:
    """Which of the model's outputs is taken, where it has several; and a stand-in for hidden
    columns that lies among the data.
    """
    lines = [prepared.classifier.choice.note]
    if prepared.noise.stand_in is not None:
        lines.append(sentinel_among(prepared, prepared.noise.stand_in))
    return [line for line in lines if line]


def sentinel_among(prepared: Prepared, sentinel: float) -> str:
    """What to say where the number that stands for a hidden column lies within the values of one;
    else nothing.
    """
    low, high = np.inf, -np.inf
    for position in range(len(prepared.dataset)):
        values = prepared.dataset.read(position)
        low, high = np.minimum(low, values), np.maximum(high, values)
    name = prepared.unit if prepared.form.split[0] == 1 else "value"
    several = plural_of(name)
    among = np.flatnonzero((low <= sentinel) & (sentinel <= high))
    if not among.size:
        return ""
    return (
        f"hidden {several} are shown as {sentinel:g}, which lies within the values of {among.size}"
        f" of {np.size(low)} {several} ({name} {among[0]}: {np.ravel(low)[among[0]]:g} .."
        f" {np.ravel(high)[among[0]]:g}), so the model cannot tell hidden from measured there;"
        " choose a --fill outside, as a model trained on such inputs has it, or --encoding mean"
    )
