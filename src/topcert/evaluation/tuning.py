"""Which setting certifies most at a radius, by a small labelled sample."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

from topcert.evaluation.results import derive
from topcert.methods.registered_methods import find_sampled_method
from topcert.noise.ablation import Ablation
from topcert.noise.law import IID, of_law
from topcert.theory.confidence import lower_bound, upper_bound
from topcert.voting.ledger import Ledger

# of the intervals: of a hundred of them, five miss the accuracy over all inputs
INTERVAL_ERROR: Final = 0.05
_SAFE: Final = re.compile(r"[^a-z0-9]+")  # what a folder is not called


@final
@dataclass(frozen=True, kw_only=True)
class Trial:
    """`certified` of `total` inputs have the asked radius, by votes of `num_named` labels each from
    one ledger.
    """

    method: str
    law: str
    num_kept: int
    num_named: int
    passes: int
    certified: int
    total: int

    @property
    def interval(self) -> tuple[float, float]:
        """Where the certified accuracy over all such inputs lies, but for `INTERVAL_ERROR` (Clopper
        and Pearson 1934).
        """
        low = lower_bound(self.certified, self.total, INTERVAL_ERROR / 2)
        high = upper_bound(self.certified, self.total, INTERVAL_ERROR / 2)
        return float(low), float(high)


def setting_in_words(law: str, kept: int | None) -> str:
    """A setting in words: the masks, and how many features each keeps where that is asked."""
    masks = "independent masks" if law == IID else law
    return masks if kept is None else f"{masks}, e = {kept}"


def folder_of(law: str, kept: int | None) -> str:
    """What the folder of its votes is called, in Python and by the command alike."""
    return _SAFE.sub("-", setting_in_words(law, kept))


def try_ballots(
    ledger: Ledger,
    *,
    method: str,
    bounds: str | None,
    k: int,
    alpha: float,
    radius: int,
    ballots: Sequence[int],
) -> list[Trial]:
    """What each of `ballots` certifies of the true labels at `radius`, in features; no new passes.

    Raises ValueError as `derive` does, and where the inputs have no labels.
    """
    found = []
    for num_named in ballots:
        results = derive(
            ledger,
            method=method,
            bounds=bounds,
            ks=[k],
            alpha=alpha,
            label_choice="given",
            num_named=num_named,
        )
        (curve,) = results.curves
        certified = int(curve.certified[radius]) if radius < len(curve.certified) else 0
        found.append(
            Trial(
                method=find_sampled_method(method).name,
                law=ledger.manifest.law,
                num_kept=of_law(ledger.manifest.noise, Ablation).kept,
                num_named=num_named,
                passes=ledger.manifest.num_votes,
                certified=certified,
                total=curve.total,
            )
        )
    return found


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """The best first: by accuracy, then by fewer passes, then by fewer labels a vote."""
    return sorted(trials, key=lambda trial: (-trial.certified, trial.passes, trial.num_named))
