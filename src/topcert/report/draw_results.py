"""The picture of a run's curves, as `certify` draws it and `verify` draws it again: what it says
follows from the folder.
"""

from __future__ import annotations

from pathlib import Path

from topcert.evaluation.bounded_results import BoundedResults
from topcert.evaluation.results import Results
from topcert.evaluation.wording import (
    ballot_in_words,
    chance_in_words,
    moves_in_words,
    noise_in_words,
    votes_in_words,
)
from topcert.report.figures import draw_curves


def draw_results(results: Results, stem: Path) -> list[Path]:
    """Writes `stem`.png and .svg."""
    manifest, made = results.ledger.manifest, results.certificates
    ballot = ballot_in_words(made.num_named)
    setting = (
        f"{noise_in_words(manifest)}, {votes_in_words(manifest)}{ballot},"
        f" {chance_in_words(made.alpha)}{moves_in_words(made)}"
    )
    title = f"{_measured(manifest.data, manifest.model, len(results.index))}\n{setting}"
    return draw_curves(results.curves, unit=made.unit, title=title, stem=stem, stamped=True)


def draw_bounded(results: BoundedResults, stem: Path) -> list[Path]:
    """Writes `stem`.png and .svg."""
    bounds = results.bounds
    measured = _measured(bounds.data, bounds.model, bounds.num_inputs)
    title = f"{measured}\ninterval bounds, no failure probability"
    return draw_curves(
        results.curves, unit=results.certificates.unit, title=title, stem=stem, stamped=True
    )


def _measured(data: str, model: str, num_inputs: int) -> str:
    """Data, network and the number of inputs, names without their folders and not too long for a
    title.
    """
    names = [
        name if len(name) <= 30 else f"{name[:29]}\u2026"
        for name in (Path(data).name, Path(model).name)
    ]
    return f"{names[0]}, network {names[1]}, {num_inputs:,} input{'' if num_inputs == 1 else 's'}"
