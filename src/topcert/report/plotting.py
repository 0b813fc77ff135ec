"""Accuracy curves on axes of a person's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from topcert.evaluation.accuracy import AccuracyCurve
from topcert.evaluation.accuracy_intervals import interval_of
from topcert.modalities.registered_modalities import plural_of

MARK: Final = 4.0  # points


def plot_lines(
    lines: Sequence[tuple[str, AccuracyCurve]], *, unit: str, ax: Any = None, intervals: bool = True
) -> Any:
    """Draw each curve as a line of steps with its name, and its interval as a band; returns axes.

    `ax` are matplotlib axes; without any a new figure is made, which is not shown. A step falls at
    whole r: between r - 1 and r a line stands at the share of r.
    """
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=(6.4, 4.0), layout="constrained").subplots()
    longest = max(len(curve.certified) for _, curve in lines)
    for name, curve in lines:
        radii = range(longest)
        shares = [curve.at(r) for r in radii]
        (drawn,) = ax.plot(
            radii, shares, "o", drawstyle="steps-pre", linestyle="-", markersize=MARK, label=name
        )
        if intervals:
            ends = [interval_of(curve, r) for r in radii]
            ax.fill_between(
                radii,
                [low for low, _ in ends],
                [high for _, high in ends],
                step="pre",
                alpha=0.15,
                color=drawn.get_color(),
                linewidth=0,
            )
    ax.set(
        xlabel=f"radius r ({plural_of(unit)} that an attacker may change)",
        ylabel=lines[0][1].quantity,
        ylim=(0.0, 1.02),
        xlim=(-0.5, longest - 0.5),
    )
    for label in ax.legend(frameon=False).get_texts():
        label.set_parse_math(False)  # names may be those of files
    return ax


def save_figure(figure: Any, path: Any) -> None:
    """Write a figure, whole or not at all, in the format that its suffix names."""
    from topcert.files import replacing

    with replacing(path) as aside:
        figure.savefig(aside, format=path.suffix.lstrip("."))
