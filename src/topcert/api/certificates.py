"""Certificates as an object: which label of which input stays in the top k, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.api.accuracy_curves import Accuracy
from topcert.api.accuracy_tables import Line
from topcert.api.origins import Origin
from topcert.data_frames import to_frame
from topcert.evaluation.accuracy import AccuracyCurve
from topcert.evaluation.wording import (
    ballot_in_words,
    chance_in_words,
    counted_in_words,
    method_in_words,
    moves_in_words,
)
from topcert.files import path_of
from topcert.html_tables import html_table
from topcert.methods.certificate_table import CertificateTable
from topcert.theory.certified_radius import ABSTAIN


@final
class Certificates:
    """Label `label[i]` of input `index[i]` stays among the top `k` while at most `radius[i]`
    features are rewritten (or inserted or deleted, where `moves` says so).

    Made by `Votes.certify` or `certify_network`. All certificates of an input hold together with
    probability at least 1 - alpha over the noise; those of a design, and of a network's weights,
    hold without a chance of error.

    Attributes
    ----------
    table
        The certificates as columns: `index`, `label`, `k`, `radius` and more.
    origin
        What they follow from: votes, or the weights of a network.

    Examples
    --------
    >>> import topcert
    >>> found = topcert.certify_counts(
    ...     [[950, 30, 20], [500, 300, 200]], [0, 1], noise=topcert.Ablation(num_kept=10),
    ...     num_features=100, k=[1, 2])
    >>> found.radii(1), found.k
    (array([ 5, -1]), (1, 2))
    >>> found.rows()[0]
    {'index': 0, 'label': 0, 'k': 1, 'radius': 5}
    """

    def __init__(
        self, table: CertificateTable, *, curves: Sequence[AccuracyCurve], origin: Origin
    ) -> None:
        self.table = table
        self.origin = origin
        self._curves = tuple(curves)

    @property
    def method(self) -> str:
        """The name of the certificate."""
        return self.table.method

    @property
    def alpha(self) -> float:
        """The chance that any certificate of an input is wrong; 0 where nothing is left to it."""
        return self.table.alpha

    @property
    def unit(self) -> str:
        """What radii count: pixels, columns, ..."""
        return self.table.unit

    @property
    def moves(self) -> tuple[str, ...]:
        """What an attacker may do, r times in all."""
        return self.table.attacker.moves

    @property
    def label_choice(self) -> str:
        """Whether labels were "given", "predicted" or "selected"."""
        return self.table.label_choice

    @property
    def k(self) -> tuple[int, ...]:
        """Every k, ascending."""
        return tuple(np.unique(self.table.k).tolist())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of counts that these are of, a line each; `Votes.notes` tells
        it of votes.
        """
        return self.origin.notes

    def __len__(self) -> int:
        return len(self.table.index)

    def radii(self, k: int | None = None) -> NDArray[np.int64]:
        """Radii for one k, int64, `topcert.ABSTAIN` where nothing is certified.

        Parameters
        ----------
        k
            Which; None where there is one.

        Returns
        -------
        ndarray
            `(inputs,)` for given and selected labels, `(inputs, k)` for predicted ones, most voted
            first.

        Raises
        ------
        ValueError
            Where there are no certificates for that k, or several and none is named.
        """
        if k is None and len(self.k) > 1:
            raise ValueError(f"there are certificates for k = {self.k}; say which")
        chosen = self.k[0] if k is None else k
        if chosen not in self.k:
            raise ValueError(f"there are no certificates for k = {k}; there are for {self.k}")
        found = self.table.radius[self.table.k == chosen]
        shape = (-1, chosen) if self.label_choice == "predicted" else (-1,)
        return np.asarray(found.reshape(shape))

    def accuracy(self) -> Accuracy:
        """Certified top-k accuracy at every radius, a curve for each k.

        Without true labels it is the share of inputs whose prediction is certified, which is no
        accuracy, and says so.
        """
        name = f"{method_in_words(self.table)}{ballot_in_words(self.table.num_named)}"
        setting = f"{self.origin.setting}{moves_in_words(self.table)}"
        named = ", ".join(part for part in (name, setting) if part)
        return Accuracy([Line(name=named, curve=curve, unit=self.unit) for curve in self._curves])

    def rows(self) -> list[dict[str, Any]]:
        """One row a certificate: `index`, `name`, `label`, `class`, `k`, `radius` (None where it
        abstains), and what else the method tells.
        """
        made = self.table
        columns: dict[str, list[Any]] = {"index": made.index.tolist()}
        if made.names is not None:
            columns["name"] = list(made.names)
        columns["label"] = made.label.tolist()
        if made.class_names is not None:
            columns["class"] = list(made.class_names)
        columns["k"] = made.k.tolist()
        columns["radius"] = [None if r == ABSTAIN else r for r in made.radius.tolist()]
        if made.l2_radius is not None:
            columns["l2_radius"] = [None if np.isnan(r) else r for r in made.l2_radius.tolist()]
        if made.votes is not None and made.settled is not None:
            columns |= {"votes": made.votes.tolist(), "settled": made.settled.tolist()}
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame, the radius in pandas' Int64, <NA> where it abstains.

        Raises ImportError, saying what to do, where there is no pandas.
        """
        rows = self.rows()
        names = list(rows[0]) if rows else []
        frame = to_frame({name: [row[name] for row in rows] for name in names})
        return frame.astype({"radius": "Int64"})

    def plot(self, ax: Any = None, *, intervals: bool = True) -> Any:
        """Draw the accuracy curves.

        Parameters
        ----------
        ax, intervals
            As of `Accuracy.plot`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        return self.accuracy().plot(ax, intervals=intervals)

    def save(self, folder: str | Path | None = None) -> Path:
        """Write certificates.parquet, counts.csv, accuracy.csv and its pictures beside the votes.

        Parameters
        ----------
        folder
            Another folder, which must be new: the votes are copied there first, so that anyone can
            verify what lies there. Without one, that of the votes.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        ValueError
            Where the folder holds something already, or votes in memory are to be saved beside
            themselves.
        """
        return self.origin.save(None if folder is None else path_of(folder, "folder"))

    def promise(self) -> str:
        """What the radii mean, in words, and what an attacker of the raw input can do."""
        return self.origin.promise(self.table)

    def _title(self) -> str:
        choice = chance_in_words(self.alpha)
        certified = int((self.table.radius != ABSTAIN).sum())
        return (
            f"{len(self):,} certificates, {certified:,} with a radius: {self.label_choice} labels,"
            f" k = {', '.join(map(str, self.k))}, {method_in_words(self.table)}, {choice},"
            f" r in {counted_in_words(self.table)}"
        )

    def __repr__(self) -> str:
        shares = repr(self.accuracy()).splitlines()[1:]
        return "\n".join([f"<Certificates: {self._title()}", *shares])

    def _repr_html_(self) -> str:
        rows = self.rows()
        cells = [[_cell(value) for value in row.values()] for row in rows]
        made = html_table(list(rows[0] if rows else ()), cells, caption=self._title())
        return f"{made}{self.accuracy()._repr_html_()}"


def _cell(value: Any) -> str:
    return "abstains" if value is None else str(value)
