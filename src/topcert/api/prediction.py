"""What `predict` decides, in Python and on the command line: by which method, under which masks,
when sampling stops, and what is kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self, final

from topcert.api.certified_votes import USUAL_ALPHA
from topcert.api.votes import Votes
from topcert.evaluation.choices import (
    SELECTION,
    USUAL_K,
    check_design,
    choose_alpha,
    choose_ks,
)
from topcert.evaluation.other_certificates import has_other_certificates
from topcert.evaluation.predicting import find_predictor, predict_labels
from topcert.evaluation.predictions import Predictions
from topcert.evaluation.predictions_file import keep_predictions
from topcert.evaluation.stopped_predictions import predict_stopped
from topcert.methods.ablation import METHOD
from topcert.methods.certify import check_ballots
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.methods.registered_methods import find_sampled_method
from topcert.theory.scalars import text, whole_number
from topcert.theory.stopping_rules import RULES, Stopping, check_question
from topcert.voting.manifest import Manifest
from topcert.voting.time_budget import TimeBudget


@final
@dataclass(frozen=True, kw_only=True)
class Prediction:
    """By which method labels are shown, with which chance of an error, and when sampling stops: at
    the answer to a `question`, or when the `budget` is spent; None where the number of votes is set
    beforehand.
    """

    method: SampledMethod
    alpha: float
    question: str | None = None
    budget: TimeBudget | None = None

    @classmethod
    def of(
        cls,
        method: str | None,
        *,
        design: str | None,
        alpha: float | None,
        num_named: int,
        stop: str | None = None,
        max_seconds: float | None = None,
    ) -> Self:
        """What is asked for, or usual of independent masks and of a design.

        A time budget without a question asks for the radius itself. Raises ValueError where these
        do not go together.
        """
        if stop is not None or max_seconds is not None:
            return cls._stopping(
                method,
                design=design,
                alpha=alpha,
                question="exact" if stop is None else text(stop, "--stop", such_as="radius=5"),
                budget=None if max_seconds is None else TimeBudget(max_seconds),
            )
        certifier = find_predictor(method or (METHOD.name if design is None else "design"))
        chance = choose_alpha(alpha, certifier, usual=USUAL_ALPHA)
        check_design(design, certifier)
        check_ballots(certifier, num_named)
        return cls(method=certifier, alpha=chance)

    @classmethod
    def _stopping(
        cls,
        method: str | None,
        *,
        design: str | None,
        alpha: float | None,
        question: str,
        budget: TimeBudget | None,
    ) -> Self:
        if design is not None:
            raise ValueError(
                "--stop and --max-seconds are for independent masks: all masks of a design are the"
                " classifier; leave them out"
            )
        check_question(question)
        certifier = find_sampled_method(method or METHOD.name)
        if certifier.name not in RULES:
            raise ValueError(
                f"--method {certifier.name} needs a number of votes set beforehand; with --stop and"
                f" --max-seconds use {' or '.join(RULES)}"
            )
        chance = choose_alpha(alpha, certifier, usual=USUAL_ALPHA)
        return cls(method=certifier, alpha=chance, question=question, budget=budget)

    def rule(self, k: int | None, num_named: int) -> Stopping | None:
        """The stopping rule, where there is one; 3 labels are shown where k is left open."""
        if self.question is None:
            return None
        return Stopping(
            question=self.question,
            k=USUAL_K if k is None else whole_number(k, "k"),
            alpha=self.alpha,
            method=self.method.name,
            label="shown",
            num_named=num_named,
        )

    @property
    def num_selection(self) -> int:
        """Votes of the first sample that chooses the labels; 0 where the same votes do."""
        return 0 if self.question is None else SELECTION

    def check_folder(self, folder: Path | None) -> None:
        """Refuse to keep what stops early: its folder would be no record of a number of votes."""
        if folder is not None and self.question is not None:
            raise ValueError(
                "--out keeps a number of votes set beforehand, and --stop and --max-seconds end"
                " earlier; leave --out out, or certify labels that are selected, with --stop"
            )

    def seed(self, asked: int | None, folder: Path | None) -> int:
        """The seed that is asked for; that of the run in a folder which is gone on with; 0 for
        masks that are published; or a fresh one, which no attacker could know.
        """
        if asked is not None:
            return asked
        if folder is not None and (folder / "manifest.json").exists():
            return Manifest.read(folder / "manifest.json").seed
        return 0 if isinstance(self.method, DesignMethod) else secrets.randbits(63)

    def k(self, asked: int | None, num_classes: int) -> int:
        """How many labels are shown."""
        one = None if asked is None else [whole_number(asked, "k")]
        if asked is None and self.question is not None and num_classes <= USUAL_K:
            raise ValueError(
                f"there are {num_classes} classes, and without --k a rule of --stop asks about"
                f" {USUAL_K}; say --k 1 with it"
            )
        (k,) = choose_ks(one, self.method.name, num_classes)
        return k

    def show(self, votes: Votes, k: int, *, keep: bool) -> Predictions:
        """What the votes say of an attacker who may do what is usual for such inputs.

        `keep` finishes their folder, as that of certify, with predictions; certificates of another
        method in it stay.
        """
        if self.question is not None:
            return predict_stopped(votes.ledger)
        made = predict_labels(votes.ledger, k=k, alpha=self.alpha, method=self.method)
        if keep:
            if not has_other_certificates(votes.ledger, self.method.name):
                alpha = None if isinstance(self.method, DesignMethod) else self.alpha
                votes.certify(
                    self.method.name,
                    k=k,
                    alpha=alpha,
                    label_choice="predicted",
                    progress=False,
                ).save()
            keep_predictions(made, votes.folder)
        return made
