"""What `predict` decides, in Python and on the command line: by which method, under which masks,
and what is kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self, final

from topcert.api.certified_votes import USUAL_ALPHA
from topcert.api.votes import Votes
from topcert.evaluation.choices import check_design, choose_alpha, choose_ks
from topcert.evaluation.other_certificates import has_other_certificates
from topcert.evaluation.predicting import find_predictor, predict_labels
from topcert.evaluation.predictions import Predictions
from topcert.evaluation.predictions_file import keep_predictions
from topcert.methods.ablation import METHOD
from topcert.methods.certify import check_ballots
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.theory.scalars import whole_number
from topcert.voting.manifest import Manifest


@final
@dataclass(frozen=True, kw_only=True)
class Prediction:
    """By which method labels are shown, and with which chance of an error."""

    method: SampledMethod
    alpha: float

    @classmethod
    def of(
        cls, method: str | None, *, design: str | None, alpha: float | None, num_named: int
    ) -> Self:
        """What is asked for, or usual of independent masks and of a design.

        Raises ValueError where these do not go together.
        """
        certifier = find_predictor(method or (METHOD.name if design is None else "design"))
        chance = choose_alpha(alpha, certifier, usual=USUAL_ALPHA)
        check_design(design, certifier)
        check_ballots(certifier, num_named)
        return cls(method=certifier, alpha=chance)

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
        (k,) = choose_ks(one, self.method.name, num_classes)
        return k

    def show(self, votes: Votes, k: int, *, keep: bool) -> Predictions:
        """What the votes say. `keep` finishes their folder, as that of certify, with predictions;
        certificates of another method in it stay.
        """
        made = predict_labels(votes.ledger, k=k, alpha=self.alpha, method=self.method)
        if keep:
            if not has_other_certificates(votes.ledger, self.method.name):
                alpha = None if isinstance(self.method, DesignMethod) else self.alpha
                votes.certify(
                    self.method.name, k=k, alpha=alpha, label_choice="predicted", progress=False
                ).save()
            keep_predictions(made, votes.folder)
        return made
