"""What certificates follow from: votes, or the weights of a network."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import final

from topcert.api.temporary_folder import TemporaryFolder
from topcert.evaluation.bounded_results import BoundedResults, write_bounded
from topcert.evaluation.results import Results
from topcert.evaluation.wording import noise_in_words, promise_in_words, votes_in_words
from topcert.methods.certificate_table import CertificateTable
from topcert.modalities.raw_input import RawInput
from topcert.modalities.registered_modalities import plural_of


class Origin(ABC):
    """Where certificates come from, and how they are kept."""

    @property
    @abstractmethod
    def setting(self) -> str:
        """The numbers that decide them beside the method, as a name of a curve has them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it was read, a line each."""
        return ()

    @abstractmethod
    def promise(self, table: CertificateTable) -> str:
        """What the radii mean, in words."""

    @abstractmethod
    def save(self, folder: Path | None) -> Path:
        """Write all that follows into a folder, or beside where it comes from; returns the folder.

        Raises ValueError where there is no such place, or the folder holds something already.
        """


@final
class FromVotes(Origin):
    """Certificates of votes."""

    def __init__(
        self, results: Results, *, raw: RawInput | None, keeper: TemporaryFolder | None
    ) -> None:
        self.results = results
        self.raw = raw
        self._keeper = keeper  # of votes in memory: their folder goes with it

    @property
    def setting(self) -> str:
        manifest = self.results.ledger.manifest
        return f"{noise_in_words(manifest)}, {votes_in_words(manifest)}"

    def promise(self, table: CertificateTable) -> str:
        return promise_in_words(table, self.results.ledger, raw=self.raw)

    def save(self, folder: Path | None) -> Path:
        from topcert.report.keep_results import keep_results  # matplotlib

        if folder is None:
            if self._keeper is not None:
                raise ValueError("the votes are in memory; name a folder to save into")
            keep_results(self.results)
            return self.results.ledger.folder
        check_new(folder)
        copy_votes(self.results.ledger.folder, folder)
        keep_results(self.results.moved(folder))
        return folder


@final
class FromWeights(Origin):
    """Certificates of a network's weights: no vote, and nothing left to chance."""

    def __init__(self, results: BoundedResults, *, raw: RawInput | None) -> None:
        self.results = results
        self.raw = raw

    @property
    def setting(self) -> str:
        return "interval bounds"

    def promise(self, table: CertificateTable) -> str:
        sentence = (
            "The certified input is the array itself, and the classifier the network itself: no"
            " vote, no sampling, no failure probability. Radius r (up to"
            f" {self.results.bounds.max_radius}): however an attacker rewrites up to r of its"
            f" {plural_of(table.unit)} within [0, 1], the label stays in the top k."
        )
        return sentence if self.raw is None else f"{sentence} {self.raw.sentence(unit=table.unit)}"

    def save(self, folder: Path | None) -> Path:
        from topcert.report.draw_results import draw_bounded  # matplotlib

        if folder is None:
            raise ValueError("these certificates lie in no folder; name one to save into")
        check_new(folder)
        write_bounded(self.results, folder)
        draw_bounded(self.results, folder / "accuracy")
        return folder


def check_new(folder: Path) -> None:
    """Raise ValueError where something lies at a folder already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} already holds something; name a folder that is new")


def copy_votes(source: Path, folder: Path) -> None:
    """Copy the record of a run, and nothing that was derived from it."""
    shutil.copytree(source / "ledger", folder / "ledger", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(source / "manifest.json", folder / "manifest.json")
