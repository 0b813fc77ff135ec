"""What each setting certifies, as an object."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

from topcert.data_frames import to_frame
from topcert.evaluation.accuracy import floored
from topcert.evaluation.tuning import Trial, ranked, setting_in_words
from topcert.files import path_of, replacing
from topcert.html_tables import html_table


@final
class Tuned:
    """What each setting certifies, the best first.

    They were chosen by these inputs: certify others, for a setting may do a little worse there.

    Attributes
    ----------
    trials
        The settings with what each certifies, the best first.
    k, radius
        What was asked.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> found = topcert.tune(
    ...     lambda batch: batch[:, :3], np.eye(3, 12), [0, 1, 2], k=1, radius=0, num_samples=100,
    ...     noises=[topcert.Ablation(num_kept=11)], progress=False)
    >>> found.best.certified, found.best.total
    (3, 3)
    """

    def __init__(self, trials: Sequence[Trial], *, k: int, radius: int) -> None:
        self.trials = tuple(ranked(trials))
        self.k = k
        self.radius = radius

    @property
    def best(self) -> Trial:
        """What certifies most; of equal ones that of fewer passes, then of smaller w."""
        return self.trials[0]

    def rows(self) -> list[dict[str, Any]]:
        """One row a setting, the best first, with the 95 % interval of its share."""
        return [
            {
                **asdict(trial),
                "share": trial.certified / trial.total,
                "share_lower": trial.interval[0],
                "share_upper": trial.interval[1],
            }
            for trial in self.trials
        ]

    def save(self, path: str | Path) -> Path:
        """Write `rows` as CSV.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Path
            The path.
        """
        where, rows = path_of(path, "path"), self.rows()
        with replacing(where) as aside, aside.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return where

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = self.rows()
        return to_frame({name: [row[name] for row in rows] for name in rows[0]})

    def _repr_html_(self) -> str:
        rows = self.rows()
        cells = [list(row.values()) for row in rows]
        return html_table(
            list(rows[0]), cells, caption=f"certified top-{self.k} accuracy at r = {self.radius}"
        )

    def __repr__(self) -> str:
        lines = [f"<Tuned: certified top-{self.k} accuracy at r = {self.radius}"]
        for trial in self.trials:
            named = "" if trial.num_named == 1 else f", w = {trial.num_named}"
            low, high = trial.interval
            lines.append(
                f"  {setting_in_words(trial.law, trial.num_kept)}{named}:"
                f" {floored(trial.certified, trial.total, 3)} ({low:.3f} to {high:.3f}),"
                f" {trial.passes:,} votes"
            )
        return "\n".join(lines) + ">"
