"""Certified accuracy against the radius, of one run or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

from topcert.api.accuracy_tables import (
    Line,
    as_csv,
    as_latex,
    as_markdown,
    cells_of,
    checked_radius,
    rows_of,
    share_at,
)
from topcert.data_frames import to_frame
from topcert.evaluation.accuracy import AccuracyCurve
from topcert.evaluation.accuracy_intervals import interval_of
from topcert.evaluation.plotting import SUFFIXES, bare_axes, plot_lines, save_figure
from topcert.evaluation.wording import shown_radii
from topcert.files import path_of, replacing
from topcert.html_tables import html_table
from topcert.modalities.registered_modalities import plural_of

TABLES: Final = (".csv", ".md", ".tex")


@final
class Accuracy:
    """Certified top-k accuracy of one run, or of several, at every radius.

    Made by `Certificates.accuracy` or `compare`. Shares are floored, never rounded up; intervals
    are those of Clopper and Pearson (1934) at 95 % over the choice of inputs, rounded outwards.

    Attributes
    ----------
    lines
        The curves, each with the name of its run and the unit of its radii.

    Examples
    --------
    >>> import topcert
    >>> found = topcert.certify_counts(
    ...     [[950, 30, 20], [500, 300, 200]], [0, 1], noise=topcert.Ablation(num_kept=10),
    ...     num_features=100, k=1)
    >>> curve = found.accuracy()
    >>> curve.at(0), curve.at(3)
    (0.5, 0.5)
    >>> print(curve.to_markdown(radii=[3, 9]).rstrip())
    | run | k | r = 3 | r = 9 |
    | --- | --- | ---: | ---: |
    | ablation, e = 10, n = 1000 | 1 | 0.500 [0.012, 0.988] | 0.000 [0.000, 0.842] |
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = tuple(lines)
        if not self.lines:
            raise ValueError("there is nothing to compare; give at least one run")
        for what in ("unit", "quantity"):
            values = {line.unit if what == "unit" else line.curve.quantity for line in self.lines}
            if len(values) > 1:
                raise ValueError(
                    f"runs of several kinds stand on no one axis: {what} is"
                    f" {' and '.join(map(repr, sorted(values)))}; compare those of one kind"
                )

    @property
    def unit(self) -> str:
        """What radii count."""
        return self.lines[0].unit

    @property
    def quantity(self) -> str:
        """What the shares are of: certified accuracy, or without labels certified predictions."""
        return self.lines[0].curve.quantity

    def at(self, radius: int, *, k: int | None = None, name: str | None = None) -> float:
        """The share at a radius.

        Parameters
        ----------
        radius
            In features.
        k, name
            Which curve, where there are several.

        Returns
        -------
        float
            A share of the inputs, in [0, 1].

        Raises
        ------
        ValueError
            Where that leaves none, or more than one, and for what is no radius.
        """
        return self._one(k, name).at(checked_radius(radius))

    def interval(
        self, radius: int, *, k: int | None = None, name: str | None = None
    ) -> tuple[float, float]:
        """Where the share over all such inputs lies: a confidence interval at 95 %.

        Parameters
        ----------
        radius, k, name
            As of `at`.

        Returns
        -------
        tuple of float
            Its lower and upper end.

        Raises
        ------
        ValueError
            As `at`.
        """
        return interval_of(self._one(k, name), checked_radius(radius))

    def _one(self, k: int | None, name: str | None) -> AccuracyCurve:
        found = [
            line.curve
            for line in self.lines
            if k in (None, line.curve.k) and name in (None, line.name)
        ]
        if len(found) != 1:
            there = ", ".join(f"{line.name}, k = {line.curve.k}" for line in self.lines)
            raise ValueError(
                f"k = {k} and name = {name!r} mean {len(found)} curves; there are: {there}"
            )
        return found[0]

    def rows(self) -> list[dict[str, Any]]:
        """One row a run, k and radius: certified, total, share and both ends of its interval."""
        return rows_of(self.lines)

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = self.rows()
        return to_frame({name: [row[name] for row in rows] for name in rows[0]})

    def to_csv(self) -> str:
        """`rows` as CSV."""
        return as_csv(self.rows())

    def to_markdown(self, radii: Sequence[int] | None = None) -> str:
        """A Markdown table: a row for each run and k, a column for each radius.

        Parameters
        ----------
        radii
            The radii to show; by default small ones, round ones, and where curves end.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            For a negative radius.
        """
        return as_markdown(cells_of(self.lines, radii))

    def to_latex(self, radii: Sequence[int] | None = None) -> str:
        """The table of `to_markdown` as a LaTeX tabular, for the package booktabs.

        Parameters
        ----------
        radii
            As of `to_markdown`.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            For a negative radius.
        """
        return as_latex(cells_of(self.lines, radii))

    def plot(self, ax: Any = None, *, intervals: bool = True) -> Any:
        """Draw all curves, and their intervals as bands.

        Parameters
        ----------
        ax
            Axes to draw on; without any a new figure is made (`ax.figure`).
        intervals
            Whether to draw the bands.

        Returns
        -------
        matplotlib.axes.Axes
        """
        several = len({line.name for line in self.lines}) > 1
        named = [
            (f"{line.name}, k = {line.curve.k}" if several else f"k = {line.curve.k}", line.curve)
            for line in self.lines
        ]
        return plot_lines(named, unit=self.unit, ax=ax, intervals=intervals)

    def save(self, path: str | Path) -> Path:
        """Write a table or a picture, by the suffix.

        Parameters
        ----------
        path
            Ends in .csv, .md or .tex for a table, in .png, .svg or .pdf for a picture.

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
        if where.suffix in TABLES:
            made = {".csv": self.to_csv, ".md": self.to_markdown, ".tex": self.to_latex}
            with replacing(where) as aside:
                aside.write_text(made[where.suffix](), encoding="utf-8")
            return where
        if where.suffix not in SUFFIXES:
            raise ValueError(f"{where} must end in {', '.join((*TABLES, *SUFFIXES))}")
        save_figure(self.plot(bare_axes()).figure, where)
        return where

    def __repr__(self) -> str:
        lines = [f"<Accuracy: {self.quantity}, r in {plural_of(self.unit)}"]
        radii = shown_radii(max(len(line.curve.certified) for line in self.lines))
        for line in self.lines:
            shares = ", ".join(f"{radius}: {share_at(line.curve, radius)}" for radius in radii)
            lines.append(f"  {line.name}, k = {line.curve.k}: {shares}")
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        header, *rows = cells_of(self.lines, None)
        return html_table(
            header, rows, most=len(rows), caption=f"{self.quantity}, r in {plural_of(self.unit)}"
        )
