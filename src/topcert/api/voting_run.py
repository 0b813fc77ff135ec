"""A run of a smoothed classifier, in a folder of a person's or in a temporary one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import final

from topcert.api.python_words import in_python
from topcert.api.temporary_folder import TemporaryFolder
from topcert.api.votes import Votes
from topcert.datasets.class_order import IN_ORDER_OF_TEXT
from topcert.files import path_of
from topcert.methods.certificate_table import LabelChoice
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.progress.shown import Shown, stages
from topcert.voting.executors.executor import Executor
from topcert.voting.notices import notices
from topcert.voting.request import Request
from topcert.voting.run import Opened, collect_votes, open_run
from topcert.voting.share import Share
from topcert.voting.time_budget import TimeBudget


def open_for(
    method: SampledMethod | None, request: Request, folder: Path, *, resume: bool
) -> Opened:
    """The run in a folder, for certificates by `method` where that is known.

    Raises ValueError as `open_run`, and where a design has another number of masks than the method
    certifies.
    """
    opened = open_run(request, folder, resume=resume)
    made = opened.prepared.design
    if isinstance(method, DesignMethod) and made is not None:
        method.check_masks(request.num_samples, made.round_size)
    return opened


@final
class VotingRun:
    """A run in a folder of a person's, or in a temporary one that lives as long as its votes."""

    def __init__(
        self,
        request: Request,
        out: str | Path | None,
        *,
        resume: bool = True,
        method: SampledMethod | None = None,
    ) -> None:
        named = None if out is None else path_of(out, "out")
        self._keeper = TemporaryFolder() if named is None else None
        folder = named if self._keeper is None else self._keeper.path
        assert folder is not None
        self.opened = open_for(method, request, folder, resume=resume)

    @property
    def has_labels(self) -> bool:
        """Whether true labels are known."""
        return self.opened.prepared.dataset.labels is not None

    @property
    def num_classes(self) -> int:
        return self.opened.prepared.classifier.num_classes

    def votes(
        self,
        progress: Shown,
        *,
        choice: LabelChoice | None,
        executor: Executor | None = None,
        share: Share | None = None,
        budget: TimeBudget | None = None,
    ) -> Votes:
        """Fill the ledger, or its `share`, or what the `budget` allows."""
        prepared = self.opened.prepared
        for note in prepared.dataset.notes:
            if note.startswith(IN_ORDER_OF_TEXT):
                warnings.warn(in_python(note), stacklevel=3)
        with stages(progress) as stage:
            ledger = collect_votes(
                self.opened,
                on_progress=stage("votes", unit="passes"),
                on_inputs=stage("read", unit="inputs", ends=False),
                executor=executor,
                share=share,
                budget=budget,
            )
        unanswered = prepared.classifier.undefined.in_words()
        if unanswered:
            warnings.warn(unanswered, stacklevel=3)
        return Votes(
            ledger,
            raw=prepared.dataset.raw,
            notes=(*prepared.dataset.notes, *map(in_python, notices(prepared))),
            choice=choice,
            keeper=self._keeper,
        )
