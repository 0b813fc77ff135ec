"""The picture of a run's curves, as `certify` draws it and `verify` draws it again: what it says follows from the folder."""

from __future__ import annotations

from pathlib import Path

from topcert.cli.printing import chance_in_words, noise_in_words
from topcert.cli.stopping import votes_in_words
from topcert.evaluation.bounded import BoundedResults
from topcert.evaluation.results import Results
from topcert.report.figures import draw_curves


def draw_results(results: Results, stem: Path) -> list[Path]:
    """Writes `stem`.png and .svg."""
    manifest, made = results.ledger.manifest, results.certificates
    setting = f"{noise_in_words(manifest)}, {votes_in_words(manifest)}, {chance_in_words(made.alpha)}"
    title = f"{Path(manifest.data).name}, {setting}"
    return draw_curves(results.curves, unit=made.unit, title=title, stem=stem, stamped=True)


def draw_bounded(results: BoundedResults, stem: Path) -> list[Path]:
    """Writes `stem`.png and .svg."""
    title = f"{Path(results.bounds.data).name}, interval bounds, no failure probability"
    return draw_curves(results.curves, unit=results.certificates.unit, title=title, stem=stem, stamped=True)
