"""How a network is trained, where that differs from its own recipe, and what it learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from topcert.api.arguments import check_fields
from topcert.theory.scalars import switch


@final
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What differs from a network's own recipe; None leaves that as it is.

    Parameters
    ----------
    epochs
        Passes over the training inputs.
    batch_size, views
        Noisy inputs a step, and noises that each input of a batch is shown under.
    optimizer, schedule
        "sgd", "muon", "muon-float32" or "adam"; "one-cycle", or "steps" (a tenth after each third).
    learning_rate, weight_decay
        The peak of the schedule; that of SGD and Adam.
    label_smoothing
        Of the cross-entropy.
    average
        Decay a step of the average of weights, which is kept; 0 for none.
    precision
        "float32" or "bfloat16" (mixed).

    Examples
    --------
    >>> import topcert
    >>> topcert.Recipe(epochs=2).epochs
    2
    """

    epochs: int | None = None
    batch_size: int | None = None
    views: int | None = None
    optimizer: str | None = None
    schedule: str | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    average: float | None = None
    precision: str | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            whole=("epochs", "batch_size", "views"),
            real=("learning_rate", "weight_decay", "label_smoothing", "average"),
            texts=("optimizer", "schedule", "precision"),
        )


@final
@dataclass(frozen=True, kw_only=True)
class Teaching:
    """What a network learns from beside labels, and what it does not see.

    Parameters
    ----------
    start_from
        A checkpoint.pt whose weights to begin with.
    teacher, teacher_share
        A checkpoint.pt of the network "whole", whose soft labels of whole images join the loss,
        and its share of that; 0.7.
    hold_out
        Whether to leave out the images of the data set "cifar10-held-out", to choose by them.

    Examples
    --------
    >>> import topcert
    >>> topcert.Teaching(hold_out=True).teacher is None
    True
    """

    start_from: Path | None = None
    teacher: Path | None = None
    teacher_share: float | None = None
    hold_out: bool = False

    def __post_init__(self) -> None:
        check_fields(self, real=("teacher_share",), paths=("start_from", "teacher"))
        switch(self.hold_out, "hold_out")
