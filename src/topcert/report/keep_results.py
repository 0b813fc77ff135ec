"""All that follows from a full ledger, written into its folder."""

from __future__ import annotations

from topcert.evaluation.predictions_file import renew_predictions
from topcert.evaluation.results import Results, write_results
from topcert.report.draw_results import draw_results


def keep_results(results: Results) -> None:
    """Write counts.csv, certificates.parquet, accuracy.csv and its pictures, and predictions.csv
    again where it is there.
    """
    write_results(results)
    renew_predictions(results.ledger, results.counts)
    draw_results(results, results.ledger.folder / "accuracy")
