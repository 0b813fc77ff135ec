"""What `topcert certify` decides: the votes that a certificate asks for, and what is made of them.

Python takes the same steps one by one: `SmoothedClassifier.vote`, `Votes.certify` and
`Certificates.save`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from topcert.api.certificates import Certificates
from topcert.api.certified_votes import USUAL_ALPHA
from topcert.api.request_of import request_of
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.api.votes import Votes
from topcert.api.voting_run import open_for
from topcert.datasets.reading import Reading
from topcert.evaluation.choices import (
    check_design,
    choose_alpha,
    choose_ks,
    choose_label,
    choose_samples,
    choose_selection,
    choose_stopping,
)
from topcert.evaluation.results import choose_attacker, smoothing_of
from topcert.methods.certificate_table import LabelChoice
from topcert.methods.certify import check_attacker, check_ballots
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.methods.registered_methods import find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.law import IID
from topcert.progress.shown import Shown
from topcert.theory.attacker import REWRITES, Attacker
from topcert.voting.manifest import Manifest
from topcert.voting.request import Request
from topcert.voting.run import Opened

WITHOUT_SIGHT: Final = ("predicted", "selected")  # labels that need no true ones


@final
@dataclass(frozen=True, kw_only=True)
class Certification:
    """Certificates that are asked for before there are votes; None leaves it to the method.

    Parameters
    ----------
    method
        The certificate, by its name.
    k
        One or several.
    alpha
        The chance that any certificate of an input is wrong; a design has none.
    label_choice
        "given", "predicted" or "selected".
    bounds
        As of `Votes.certify`.
    num_samples, num_selection
        Votes of each input, and those of a first sample that selects its label.
    stop, max_samples
        The question of a stopping rule, and the most votes that an input may then have.
    moves
        As of `Votes.certify`.

    Examples
    --------
    >>> import topcert
    >>> smoothed = topcert.SmoothedClassifier("compact", noise=topcert.Gaussian(sigma=0.5))
    >>> request = Certification(method="cohen").request(smoothed, "digits", seed=0, reading=None)
    >>> request.num_samples, request.num_selection
    (10000, 100)
    """

    method: str = "ablation"
    k: Sequence[int] | None = None
    alpha: float | None = None
    label_choice: str | None = None
    bounds: str | None = None
    num_samples: int | None = None
    num_selection: int | None = None
    stop: str | None = None
    max_samples: int | None = None
    moves: Sequence[str] | None = None

    @property
    def certifier(self) -> SampledMethod:
        """The method itself. Raises ValueError where none on votes is called so."""
        return find_sampled_method(self.method)

    @property
    def chance(self) -> float:
        """What is left to chance. Raises ValueError where the method has no such alpha."""
        return choose_alpha(self.alpha, self.certifier, usual=USUAL_ALPHA)

    def request(
        self,
        smoothed: SmoothedClassifier,
        x: Any,
        labels: Any = None,
        *,
        seed: int,
        reading: Reading | None,
        folder: Path | None = None,
    ) -> Request:
        """The votes that it takes; those of a run in `folder` which is gone on with.

        Raises ValueError where method, noise, labels and votes do not go together.
        """
        certifier = self.certifier
        law, named = smoothed.noise.law, smoothed.num_named
        check_rule(certifier, self.bounds)
        check_design(None if law == IID else law, certifier)
        check_ballots(certifier, named)
        selection = self._recorded_selection(folder)
        stopping, num_samples = choose_stopping(
            self.stop,
            samples=self.num_samples,
            max_samples=self.max_samples,
            method=certifier,
            bounds=self.bounds,
            ks=choose_ks(self.k, self.method),
            alpha=self.chance,
            label=self.label_choice,
            num_named=named,
            usual=choose_samples(None, law),
        )
        return request_of(
            smoothed,
            x,
            labels,
            num_samples=num_samples,
            num_selection=choose_selection(selection, certifier, self.label_choice),
            stopping=stopping,
            seed=seed,
            reading=reading,
            unmatched="leave out" if self.label_choice in WITHOUT_SIGHT else "refuse",
        )

    def _recorded_selection(self, folder: Path | None) -> int | None:
        """Votes of the first sample: as asked for, or as of the run that is gone on with."""
        path = None if folder is None else folder / "manifest.json"
        if self.num_selection is not None or path is None or not path.is_file():
            return self.num_selection
        recorded = Manifest.read(path).num_selection
        selects = self.label_choice == "selected"
        if not recorded and selects:
            raise ValueError(
                f"{folder} has no first sample that selects a label; leave --label out, or choose"
                " another --out"
            )
        return recorded if self.stop is None or selects else None

    def open(self, request: Request, folder: Path, *, resume: bool) -> CertifiedRun:
        """The run in a folder, with all that was left open chosen by its data and model.

        Raises ValueError where data, model, k and labels do not go together, or the folder holds
        another run.
        """
        certifier, stopping = self.certifier, request.stopping
        opened = open_for(certifier, request, folder, resume=resume)
        planned = opened.prepared.manifest("")
        attacker = choose_attacker(self.moves, planned)
        check_attacker(certifier, smoothing_of(planned, attacker=attacker))
        num_classes = opened.prepared.classifier.num_classes
        if self.k is None and stopping is not None and stopping.k >= num_classes:
            raise ValueError(
                f"there are {num_classes} classes, and without --k a rule of --stop asks about 3;"
                " say --k 1 with it"
            )
        return CertifiedRun(
            opened=opened,
            method=self.method,
            bounds=check_rule(certifier, self.bounds),
            k=tuple(choose_ks(self.k, self.method, num_classes)),
            alpha=self.chance,
            label_choice=choose_label(
                self.label_choice,
                certifier,
                num_selection=request.num_selection,
                has_labels=opened.prepared.dataset.labels is not None,
            ),
            attacker=attacker,
        )


@final
@dataclass(frozen=True, kw_only=True)
class CertifiedRun:
    """A run that is open, and which certificates are made of its votes once they are there."""

    opened: Opened
    method: str
    bounds: str | None
    k: tuple[int, ...]
    alpha: float
    label_choice: LabelChoice
    attacker: Attacker = REWRITES

    @property
    def certifier(self) -> SampledMethod:
        """The method itself."""
        return find_sampled_method(self.method)

    def save(self, votes: Votes, *, progress: Shown = None) -> Certificates:
        """The certificates of its votes, written into their folder."""
        found = votes.certify(
            self.method,
            k=self.k,
            alpha=None if isinstance(self.certifier, DesignMethod) else self.alpha,
            label_choice=self.label_choice,
            bounds=self.bounds,
            moves=self.attacker.moves,
            progress=progress,
        )
        found.save()
        return found
