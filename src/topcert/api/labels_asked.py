"""Of which labels votes are to be certified, as a person says before they are cast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, final

from topcert.api.arguments import check_object
from topcert.datasets.class_order import Unmatched
from topcert.evaluation.choices import SELECTION
from topcert.methods.certificate_table import LABEL_CHOICES, LabelChoice
from topcert.theory.scalars import whole_number
from topcert.theory.stopping_rules import Stopping


@final
@dataclass(frozen=True, kw_only=True)
class LabelsAsked:
    """The choice of labels, None where it is left open, and the votes of a first sample."""

    choice: LabelChoice | None
    num_selection: int

    @classmethod
    def of(
        cls, choice: LabelChoice | None, *, stop: Stopping | None, num_selection: int | None
    ) -> Self:
        """What is asked for. Raises ValueError where that is none, or contradicts itself."""
        if choice not in (None, *LABEL_CHOICES):
            raise ValueError(
                f"label_choice must be given, predicted or selected, or None, got {choice!r}"
            )
        if stop is not None:
            such_as = 'topcert.Stopping(question="exact", k=1, alpha=0.001)'
            check_object(stop, Stopping, "stop", such_as=such_as)
            if choice not in (None, stop.one_label):
                raise ValueError(
                    f"the stopping rule is for labels that are {stop.label}, and label_choice is"
                    f" {choice!r}; leave it out"
                )
        chosen = choice or (None if stop is None else stop.one_label)
        if num_selection is None:
            return cls(choice=chosen, num_selection=SELECTION if chosen == "selected" else 0)
        votes = whole_number(num_selection, "num_selection")
        if chosen == "selected" and votes < 1:
            raise ValueError(
                "num_selection must be at least 1 where a first sample selects the label, got"
                f" {votes}; leave it out for {SELECTION}"
            )
        return cls(choice=chosen, num_selection=votes)

    @property
    def unmatched(self) -> Unmatched:
        """What becomes of labels of classes that the model does not have."""
        return "leave out" if self.choice in ("predicted", "selected") else "refuse"

    def check(self, *, has_labels: bool) -> None:
        """Raise ValueError where given labels are to be certified, and there are none."""
        if self.choice == "given" and not has_labels:
            raise ValueError(
                "label_choice is 'given', and there are no labels; give labels=, or say predicted"
                " or selected"
            )
