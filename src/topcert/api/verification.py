"""What an audit of a folder found, as an object."""

from __future__ import annotations

import csv
import html
from pathlib import Path
from typing import Any, final

from topcert.api.python_words import in_python
from topcert.audit.auditing import Verdict
from topcert.data_frames import to_frame
from topcert.files import path_of, replacing
from topcert.html_tables import html_table


@final
class Verification:
    """What an audit found: `bool()` of it is whether everything that was checked holds.

    Attributes
    ----------
    findings
        What does not hold, a line each.
    not_checked
        What nobody looked at, a line each.
    to_judge
        What only a reader can judge, such as who chose the seed, a line each.
    lines
        Everything that was said on the way.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=11))
    >>> votes = smoothed.vote(
    ...     np.eye(3, 12), [0, 1, 2], num_samples=100, out="eye", progress=False)
    >>> folder = votes.certify(k=1).save()
    >>> found = votes.verify(progress=False)
    >>> bool(found), found.findings
    (True, ())
    >>> found.rows()[-1]["kind"]
    'to judge'
    """

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.findings = tuple(map(in_python, verdict.findings))
        self.not_checked = tuple(map(in_python, verdict.log.not_checked))
        self.to_judge = tuple(map(in_python, verdict.log.to_judge))
        self.lines = tuple(map(in_python, verdict.log.lines))

    @property
    def good(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.findings

    @property
    def replayed_votes(self) -> int | None:
        """How many votes were computed again, None where none was asked for."""
        return self.verdict.replayed_votes

    def __bool__(self) -> bool:
        return self.good

    def _result(self) -> list[str]:
        if self.good:
            return [f"good: {in_python(self.verdict.good)}"]
        return [f"does not hold: {finding}" for finding in self.findings]

    def __repr__(self) -> str:
        text = "\n  ".join([*self.lines, *self._result()])
        return f"<Verification of {self.verdict.folder}\n  {text}>"

    def rows(self) -> list[dict[str, str]]:
        """One row a statement: its `kind` ("does not hold", "good", "not checked" or "to judge")
        and its `text`.
        """
        kinds = {"not checked": self.not_checked, "to judge": self.to_judge}
        judged = [text.partition(": ") for text in self._result()]
        return [
            *({"kind": kind, "text": text} for kind, _, text in judged),
            *({"kind": kind, "text": text} for kind, texts in kinds.items() for text in texts),
        ]

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = self.rows()
        return to_frame({name: [row[name] for row in rows] for name in ("kind", "text")})

    def save(self, path: str | Path) -> Path:
        """Write what was found.

        Parameters
        ----------
        path
            Ends in .csv for `rows`, in .txt for everything that was said on the way and the result.

        Returns
        -------
        Path
            The path.

        Raises
        ------
        ValueError
            For another suffix.
        """
        where = path_of(path, "path")
        if where.suffix not in (".csv", ".txt"):
            raise ValueError(f"{where} must end in .csv or .txt")
        with replacing(where) as aside, aside.open("w", newline="", encoding="utf-8") as file:
            if where.suffix == ".csv":
                writer = csv.DictWriter(file, fieldnames=["kind", "text"], lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.rows())
            else:
                file.writelines(f"{line}\n" for line in (*self.lines, *self._result()))
        return where

    def _repr_html_(self) -> str:
        rows = [list(row.values()) for row in self.rows()]
        caption = f"Verification of {self.verdict.folder}"
        made = html_table(["", ""], rows, caption=caption, most=len(rows))
        said = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines)
        return f"{made}<ul>{said}</ul>"
