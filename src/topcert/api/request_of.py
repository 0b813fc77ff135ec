"""From a smoothed classifier and inputs to a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topcert.api.arguments import check_object
from topcert.classifiers.model_in_memory import ModelInMemory
from topcert.datasets.class_order import Unmatched
from topcert.datasets.from_memory import in_memory_unless_named
from topcert.datasets.reading import Reading
from topcert.theory.scalars import whole_number
from topcert.theory.stopping_rules import Stopping
from topcert.voting.request import Request

if TYPE_CHECKING:
    from topcert.api.smoothed_classifier import SmoothedClassifier


def request_of(
    smoothed: SmoothedClassifier,
    x: Any,
    labels: Any,
    *,
    num_samples: int,
    num_selection: int = 0,
    stopping: Stopping | None = None,
    seed: int,
    reading: Reading | None,
    unmatched: Unmatched,
    refuse_labels: bool = True,
    second: bool = True,
) -> Request:
    """The run that a person asks for; `second`: another instance of the model is to be asked too.

    Raises ValueError where the inputs are in doubt.
    """
    if x is None:
        raise ValueError("x is None; give the inputs, as an array or what a command takes as DATA")
    check_columns(smoothed.model, x, labels)
    data = in_memory_unless_named(x, labels)
    named = isinstance(smoothed.model, (str, Path))
    in_memory = None if named else ModelInMemory(smoothed.model, second=second)
    reading = checked_reading(reading)
    if data is None:
        reading.check(str(x))
    if smoothed.class_names is not None:
        reading = replace(reading, class_names=smoothed.class_names)
    return Request(
        data=str(x) if data is None else data.name,
        model=str(smoothed.model) if in_memory is None else in_memory.name,
        data_in_memory=data,
        model_in_memory=in_memory,
        noise=smoothed.noise,
        num_samples=num_samples,
        num_selection=whole_number(num_selection, "num_selection"),
        stopping=stopping,
        seed=whole_number(seed, "seed"),
        unit=smoothed.unit,
        reading=reading,
        unmatched=unmatched,
        device=smoothed.device,
        num_classes=smoothed.num_classes,
        output=smoothed.output,
        num_named=smoothed.num_named,
        torch_options=smoothed.torch_options,
        batch_size=smoothed.batch_size,
        refuse_labels=refuse_labels,
    )


def checked_reading(reading: Reading | None) -> Reading:
    """How data is read. Raises ValueError for what says nothing of it."""
    if reading is None:
        return Reading()
    check_object(reading, Reading, "reading", such_as="topcert.Reading(limit=100)")
    return reading


def check_columns(model: Any, x: Any, labels: Any) -> None:
    """Refuse a DataFrame with other columns than the model was fitted on, or in another order."""
    columns, fitted = getattr(x, "columns", None), getattr(model, "feature_names_in_", None)
    if columns is None or fitted is None:
        return
    label = labels if isinstance(labels, str) else None
    names, wanted = [name for name in columns if name != label], list(fitted)
    if names != wanted:
        raise ValueError(
            f"the columns of x are {', '.join(map(str, names[:5]))} ({len(names)} in all), and the"
            f" model was fitted on {', '.join(map(str, wanted[:5]))} ({len(wanted)}), in this"
            " order; give x[list(model.feature_names_in_)]"
        )
