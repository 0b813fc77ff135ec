"""Curves and votes on axes of a person's own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.accuracy import AccuracyCurve
from topcert.evaluation.accuracy_intervals import interval_of
from topcert.files import replacing
from topcert.modalities.registered_modalities import plural_of

MARK: Final = 4.0  # points
SUFFIXES: Final = (".png", ".svg", ".pdf")
BINS: Final = 20
SHOWN_CLASSES: Final = 10
SIZE: Final = (6.4, 4.0)  # inches


def axes_or_new(ax: Any) -> Any:
    """Matplotlib axes, or those of a new figure where `ax` is None: in a notebook one of pyplot's,
    which is shown below the cell, else one that is not shown.

    Raises ValueError where `ax` is neither.
    """
    if ax is None and _in_ipython():
        from matplotlib import pyplot

        return pyplot.subplots(figsize=SIZE, layout="constrained")[1]
    if ax is None:
        return bare_axes()
    if not all(callable(getattr(ax, name, None)) for name in ("plot", "bar", "fill_between")):
        raise ValueError(
            f"ax must be matplotlib axes, got {ax!r}; leave it out for a new figure, or make some:"
            " figure, ax = matplotlib.pyplot.subplots()"
        )
    return ax


def bare_axes() -> Any:
    """Axes of a new figure that is not shown."""
    from matplotlib.figure import Figure

    return Figure(figsize=SIZE, layout="constrained").subplots()


def _in_ipython() -> bool:
    """Whether a person's cells run this."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def plot_lines(
    lines: Sequence[tuple[str, AccuracyCurve]], *, unit: str, ax: Any = None, intervals: bool = True
) -> Any:
    """Draw each curve as a line of steps with its name, and its interval as a band; returns axes.

    `ax` are matplotlib axes; without any a new figure is made. A step falls at
    whole r: between r - 1 and r a line stands at the share of r.
    """
    ax = axes_or_new(ax)
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


def plot_shares(
    shares: NDArray[np.float64], right: NDArray[np.bool_] | None, *, ax: Any = None
) -> Any:
    """Draw how many inputs give so large a share of their votes, `(inputs,)`, to the label with the
    most; returns axes.

    `right` says of which inputs that label is the true one, None where no labels are known.
    """
    ax = axes_or_new(ax)
    parts = [shares] if right is None else [shares[right], shares[~right]]
    ax.hist(
        parts,
        bins=np.linspace(0, 1, BINS + 1),
        stacked=True,
        label=None if right is None else ["the true label", "another label"],
    )
    ax.set(
        xlabel="share of an input's votes that name its most voted label",
        ylabel="inputs",
        xlim=(0.0, 1.0),
    )
    if right is not None:
        ax.legend(title="most voted is", frameon=False)
    return ax


def plot_classes(
    names: Sequence[str], shares: NDArray[np.float64], true: int | None, *, title: str, ax: Any
) -> Any:
    """Draw the classes that most votes of one input name, `(classes,)`, as bars; returns axes.

    The bar of the `true` class is darker; of classes without a vote none is drawn but the true one.
    """
    ax = axes_or_new(ax)
    order = np.argsort(-shares, kind="stable")[:SHOWN_CLASSES].tolist()
    shown = [place for place in order if shares[place] > 0 or place == true]
    bars = ax.barh(range(len(shown)), shares[shown], color="tab:blue", alpha=0.5)
    labels = [names[place] for place in shown]
    if true in shown:
        bars[shown.index(true)].set_alpha(1.0)
        labels[shown.index(true)] += " (true)"
    ax.set_yticks(range(len(shown)), labels)
    ax.invert_yaxis()
    ax.set(xlabel="share of the votes that name it", xlim=(0.0, 1.0))
    ax.set_title(title, fontsize="medium")
    for text in (*ax.get_yticklabels(), ax.title):
        text.set_parse_math(False)  # names may be those of files
    return ax


def save_figure(figure: Any, path: Any) -> None:
    """Write a figure, whole or not at all, in the format that its suffix names."""
    with replacing(path) as aside:
        figure.savefig(aside, format=path.suffix.lstrip("."))
