"""predictions.csv: the k labels that a smoothed classifier shows for each input, each with a
certificate of its own.

`index,name,rank,label,class,votes,radius,stay,unit,alpha,num_named,moves,method`, most voted first
(ties: lower index first); `name` and `class` where there are such names, `radius` "abstains" for a
label that the bounds do not put among the top k, `stay` the radius at which at least as many of the
k labels as the rank says stay, `num_named` where each ablated input names more than one label:
`votes` then says how many named this one. `moves` where an attacker does more than rewrite.
`method` where it is not `ablation`: of a design alpha is 0.0, and no label that is shown abstains.
Where sampling stopped early a last column `samples` says after how many votes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final, overload

import numpy as np
from numpy.typing import NDArray

from topcert.data_frames import to_frame
from topcert.evaluation.accuracy import curve_of, floored
from topcert.evaluation.plotting import SUFFIXES, bare_axes, plot_lines, save_figure
from topcert.evaluation.prediction_rows import ABSTAINS, objects, table_rows
from topcert.files import path_of, replacing
from topcert.html_tables import ROWS_SHOWN, html_table
from topcert.methods.ablation import METHOD
from topcert.methods.certify import certified_top_k
from topcert.modalities.registered_modalities import plural_of
from topcert.theory.attacker import REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.scalars import whole_number
from topcert.voting.given_names import Names

FILE: Final = "predictions.csv"
SHOWN_INPUTS: Final = 10
BY_RANK: Final = "share of inputs whose label of that rank is certified at r"


@final
@dataclass(frozen=True, kw_only=True)
class ShownLabel:
    """One label that a smoothed classifier shows for an input.

    `radius` is None where the votes do not put it among the top k; `name` where it has none.
    """

    label: int
    name: str | None
    votes: int
    radius: int | None


@final
@dataclass(frozen=True, kw_only=True, repr=False)
class Predictions:
    """The k labels that are shown for each input, most voted first, with their votes and radii.

    Made by `SmoothedClassifier.predict`. All radii of an input hold together with probability at
    least 1 - alpha over the masks; for certain, where the method is one of designs. One input's
    labels are `predictions[row]`.

    Attributes
    ----------
    k
        Labels shown for each input.
    alpha
        The chance that any radius of an input is wrong; 0 for a design.
    unit
        What radii count.
    names
        What inputs and classes are called.
    index
        The places of the inputs in the data, int64 `(inputs,)`.
    labels, votes, radii
        int64 `(inputs, k)`, most voted first; a radius is `topcert.ABSTAIN` where the votes do not
        put the label among the top k.
    stay
        int64 `(inputs, k)`: in column m - 1 the radius at which at least m of the shown labels
        stay among the top k, whichever they are.
    num_named
        How many labels each vote names.
    method
        The name of the certificate.
    attacker
        What an attacker may do, r times in all.
    num_samples
        Votes that certify each input, int64 `(inputs,)`, where sampling stopped early; else None.
    cut_short
        Whether time ran out before an input had all votes that it asked for, bool `(inputs,)`,
        where sampling stopped early; else None.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=11))
    >>> shown = smoothed.predict(np.eye(3, 12), k=1, num_samples=200, seed=0, progress=False)
    >>> shown.labels[:, 0], shown[2][0].radius
    (array([0, 1, 2]), 0)
    >>> shown[1:].index, shown[1:].save("shown.csv").name
    (array([1, 2]), 'shown.csv')
    >>> shown.num_staying(0), shown.num_staying(1)
    (array([1, 1, 1]), array([0, 0, 0]))
    """

    k: int
    alpha: float
    unit: str
    names: Names
    index: NDArray[np.int64]
    labels: NDArray[np.int64]
    votes: NDArray[np.int64]
    radii: NDArray[np.int64]
    stay: NDArray[np.int64]
    num_named: int = 1
    method: str = METHOD.name
    num_samples: NDArray[np.int64] | None = None
    cut_short: NDArray[np.bool_] | None = None
    attacker: Attacker = REWRITES

    @property
    def is_top_k(self) -> NDArray[np.bool_]:
        """Whether the shown labels are proven to be the top k of an input, in some order: bool
        `(inputs,)`.
        """
        return certified_top_k(self.radii, self.k)

    def num_staying(self, radius: int) -> NDArray[np.int64]:
        """How many of the k labels that an input is shown stay at least, whatever is changed within
        a radius.

        Parameters
        ----------
        radius
            r, at least 0.

        Returns
        -------
        ndarray
            0 .. k, int64 `(inputs,)`.

        Raises
        ------
        ValueError
            For what is no such radius.
        """
        r = whole_number(radius, "radius")
        if r < 0:
            raise ValueError(f"radius must be at least 0, got {r}")
        return np.asarray((self.stay >= r).sum(axis=1))

    def __len__(self) -> int:
        return len(self.index)

    @overload
    def __getitem__(self, row: int) -> tuple[ShownLabel, ...]: ...

    @overload
    def __getitem__(self, row: slice) -> Predictions: ...

    def __getitem__(self, row: int | slice) -> tuple[ShownLabel, ...] | Predictions:
        """The labels that are shown for one input, most voted first; or the predictions of some
        inputs, `shown[:10]`.

        Raises IndexError where there is no such input, ValueError for what is no place.
        """
        if isinstance(row, slice):
            return self._some(row)
        row = whole_number(row, "a place among the inputs")
        return tuple(
            ShownLabel(
                label=label,
                name=self.names.of_class(label),
                votes=int(self.votes[row, rank]),
                radius=None if self.radii[row, rank] == ABSTAIN else int(self.radii[row, rank]),
            )
            for rank, label in enumerate(self.labels[row].tolist())
        )

    def _some(self, rows: slice) -> Predictions:
        named = self.names.inputs
        return replace(
            self,
            names=Names(inputs=None if named is None else named[rows], classes=self.names.classes),
            index=self.index[rows],
            labels=self.labels[rows],
            votes=self.votes[rows],
            radii=self.radii[rows],
            stay=self.stay[rows],
            num_samples=None if self.num_samples is None else self.num_samples[rows],
            cut_short=None if self.cut_short is None else self.cut_short[rows],
        )

    def __iter__(self) -> Iterator[tuple[ShownLabel, ...]]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        lines = [
            f"<Predictions: {len(self)} inputs, the top {self.k}, alpha = {self.alpha:g}, radii in"
            f" {self._counted()}"
        ]
        for place, shown in list(zip(self.index.tolist(), self, strict=True))[:SHOWN_INPUTS]:
            shown_labels = ", ".join(
                f"{one.name or one.label} ({ABSTAINS if one.radius is None else one.radius})"
                for one in shown
            )
            lines.append(f"  input {place}: {shown_labels}")
        if len(self) > SHOWN_INPUTS:
            lines.append(f"  ... and {len(self) - SHOWN_INPUTS} more")
        lines.extend(f"  {line}" for line in self.stopped_in_words())
        return "\n".join(lines) + ">"

    def stopped_in_words(self) -> list[str]:
        """Where sampling stopped early: after how many votes, and whether time ran out."""
        if self.num_samples is None or self.cut_short is None or not len(self):
            return []
        spent = floored(int(self.num_samples.sum()), len(self), 1)
        lines = [f"sampling stopped after {spent} votes an input on average"]
        if self.cut_short.any():
            lines.append(
                f"time ran out before {self.cut_short.sum()} of {len(self)} inputs had all votes"
                " that they asked for: what is shown of them holds, and more votes might prove more"
            )
        return lines

    def _counted(self) -> str:
        """What radii count, in words."""
        plural = plural_of(self.unit)
        return plural if self.attacker.rewrites_alone else self.attacker.changed_in_words(plural)

    def _repr_html_(self) -> str:
        header, *rows = self.rows()
        caption = f"the top {self.k}, alpha = {self.alpha:g}, radii in {self._counted()}"
        return html_table(header, rows, caption=caption, most=ROWS_SHOWN * self.k)

    def to_pandas(self) -> Any:
        """One row an input and label: `index`, `rank`, `label`, `class`, `votes`, `radius`, and
        `stay`, the radius at which at least `rank` of the input's labels stay; `samples` where
        sampling stopped early.

        Raises ImportError, saying what to do, where there is no pandas.
        """
        k = self.radii.shape[1]
        shown = [
            (place, rank, one)
            for place, labels in zip(self.index.tolist(), self, strict=True)
            for rank, one in enumerate(labels, start=1)
        ]
        frame = to_frame(
            {
                "index": [place for place, _, _ in shown],
                "rank": [rank for _, rank, _ in shown],
                "label": [one.label for _, _, one in shown],
                "class": [one.name for _, _, one in shown],
                "votes": [one.votes for _, _, one in shown],
                "radius": [one.radius for _, _, one in shown],
                "stay": [None if r == ABSTAIN else r for r in self.stay.ravel().tolist()],
                **({} if self.num_samples is None else {"samples": np.repeat(self.num_samples, k)}),
            }
        )
        return frame.astype({"radius": "Int64", "stay": "Int64"})

    def rows(self) -> list[list[str]]:
        """The lines of predictions.csv, its header first."""
        return table_rows(self)

    def text(self) -> str:
        """predictions.csv."""
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(self.rows())
        return written.getvalue()

    def plot(self, ax: Any = None) -> Any:
        """Draw which share of the inputs has a certified label at each radius, a line for each
        rank.

        Parameters
        ----------
        ax
            Axes to draw on; without any a new figure is made (`ax.figure`).

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            Where there are no inputs, or `ax` are no axes.
        """
        if not len(self):
            raise ValueError("there are no predictions to draw; take at least one input")
        ranks = range(self.radii.shape[1])
        curves = [
            curve_of(rank + 1, BY_RANK, self.radii[:, rank], total=len(self)) for rank in ranks
        ]
        named = [(f"rank {curve.k}", curve) for curve in curves]
        return plot_lines(named, unit=self.unit, ax=ax, intervals=False)

    def save(self, path: str | Path) -> Path:
        """Write a table or a picture, by the suffix.

        Parameters
        ----------
        path
            Ends in .csv for the lines of `rows`, in .png, .svg or .pdf for the picture of `plot`.

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
        if where.suffix in SUFFIXES:
            save_figure(self.plot(bare_axes()).figure, where)
            return where
        if where.suffix != ".csv":
            raise ValueError(f"{where} must end in {', '.join(('.csv', *SUFFIXES))}")
        self._write(where)
        return where

    def write(self, folder: Path) -> None:
        """Write predictions.csv into a folder.

        Parameters
        ----------
        folder
            A folder that is there.
        """
        self._write(folder / FILE)

    def _write(self, path: Path) -> None:
        with replacing(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
            file.write(self.text())

    def as_objects(self) -> Iterator[dict[str, Any]]:
        """One object an input, for JSON; `radius` is None where a label abstains, and `stay` holds
        the radius of m = 1 .. k.
        """
        return objects(self)
