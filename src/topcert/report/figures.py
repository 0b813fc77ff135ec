"""Figures from curves and counts; matplotlib without a display, PNG and SVG side by side."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import matplotlib as mpl
import numpy as np
from matplotlib import ft2font
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from topcert.evaluation.accuracy import AccuracyCurve
from topcert.files import replacing
from topcert.modalities.registered_modalities import count_in_words, plural_of
from topcert.theory.certified_radius import ABSTAIN
from topcert.version import __version__

COLOURS: Final = (
    "#1b6ca8",
    "#d1495b",
    "#2e8b57",
    "#8e5ea2",
    "#e0a030",
    "#555555",
    "#17a2b8",
)  # told apart when printed grey
# lines that coincide are all seen: the earlier in the gaps of the later
DASHES: Final = ((), (7, 2), (3, 2), (1, 1.5))
MARKS: Final = ("o", "s", "^", "D")
STYLE: Final[Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "svg.hashsalt": "topcert",  # the same figure gives the same bytes
}


@final
@dataclass(frozen=True, kw_only=True)
class Marks:
    """Somebody else's shares at some radii, drawn as crosses beside our curves."""

    name: str
    radii: Sequence[int]
    shares: Sequence[float]


@final
@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes: its title, which may have several lines, its curves, each with what it is
    called, and `marks`.
    """

    title: str
    lines: Sequence[tuple[str, AccuracyCurve]]
    marks: Sequence[Marks] = ()


@final
@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a method gives (`share`) in a group, such as of one network, for so many forward passes
    an input (`passes`).

    Where there is a `curve`, it is drawn as well.
    """

    method: str
    group: str
    passes: float
    share: float
    curve: AccuracyCurve | None = None


def stamp() -> str:
    """What decides how a picture comes out beside what is drawn: this file, the libraries and the
    processor.
    """
    own_hash = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    return (
        f"drawn by topcert {__version__} ({own_hash}), matplotlib {mpl.__version__}, freetype"
        f" {ft2font.__freetype_version__}, {platform.machine()}"
    )


@contextmanager
def _style() -> Iterator[None]:
    """Our settings over those of matplotlib alone: a person's own would give another picture on
    every machine.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def draw_curves(
    curves: Sequence[AccuracyCurve],
    *,
    unit: str,
    title: str,
    stem: Path,
    marks: Sequence[Marks] = (),
    stamped: bool = False,
) -> list[Path]:
    """Certified accuracy against the radius, one step line for each k; writes `stem`.png and .svg.

    The n-th of `marks` has the colour of the n-th curve. `stamped`: the pictures say what they were
    drawn by, so that they can be drawn again and compared.
    """
    with _style():
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        longest = max(len(curve.certified) for curve in curves)
        for curve, colour in zip(curves, _cycle(len(curves)), strict=True):
            shares = [curve.at(r) for r in range(longest)]
            axes.plot(
                *_stepped(shares), drawstyle="steps-pre", color=colour, linewidth=1.0, alpha=0.5
            )
            axes.plot(
                range(longest), shares, "o", color=colour, markersize=4, label=f"k = {curve.k}"
            )
        for mark, colour in zip(marks, _cycle(len(marks)), strict=True):
            axes.plot(mark.radii, mark.shares, "x", color=colour, markersize=7, label=mark.name)
            longest = max(longest, max(mark.radii) + 2)
        _style_axes(axes, longest, unit=unit, quantity=curves[0].quantity, title=title)
        axes.title.set_parse_math(False)  # it may hold names of files
        return _save(figure, stem, stamped=stamped)


def draw_panels(panels: Sequence[Panel], *, unit: str, title: str, stem: Path) -> list[Path]:
    """Panels side by side, each with its own radii and legend; a line ends where it meets zero.

    Writes `stem`.png and .svg.
    """
    with _style():
        figure = Figure(figsize=(6.4 * len(panels), 4.6), layout="constrained")
        figure.suptitle(title, fontsize=11, fontweight="bold")
        for axes, panel in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            styles = [
                (place % len(COLOURS), place % len(DASHES)) for place in range(len(panel.lines))
            ]
            _plot_panel(axes, panel, styles, unit=unit)
        return _save(figure, stem)


def draw_costs(
    columns: Mapping[str, Sequence[Cost]], *, unit: str, title: str, measure: str, stem: Path
) -> list[Path]:
    """For each title of `columns`: the curves above, and below what each method gives for its
    passes, on a logarithmic axis.

    A method has one colour everywhere, a group one kind of line and of mark; each column has a
    curve at least. `measure` says what a share below is. Writes `stem`.png and .svg.
    """
    every = [cost for costs in columns.values() for cost in costs]
    methods, groups = (
        dict.fromkeys(cost.method for cost in every),
        dict.fromkeys(cost.group for cost in every),
    )
    styles = {
        (method, group): (colour % len(COLOURS), place % len(DASHES))
        for colour, method in enumerate(methods)
        for place, group in enumerate(groups)
    }
    with _style():
        figure = Figure(figsize=(6.4 * len(columns), 9.2), layout="constrained")
        figure.suptitle(title, fontsize=11, fontweight="bold")
        grid = figure.subplots(2, len(columns), squeeze=False)
        for place, (heading, costs) in enumerate(columns.items()):
            drawn = [(cost, cost.curve) for cost in costs if cost.curve is not None]
            lines = [
                (f"{cost.method} ({cost.group}), {cost.passes:,.0f} passes", curve)
                for cost, curve in drawn
            ]
            panel = Panel(title=heading, lines=lines)
            _plot_panel(
                grid[0][place],
                panel,
                [styles[cost.method, cost.group] for cost, _ in drawn],
                unit=unit,
            )
            axes = grid[1][place]
            for (method, group), (colour, mark) in styles.items():
                shown = [cost for cost in costs if (cost.method, cost.group) == (method, group)]
                if shown:
                    axes.plot(
                        [cost.passes for cost in shown],
                        [cost.share for cost in shown],
                        MARKS[mark],
                        color=COLOURS[colour],
                        markerfacecolor=COLOURS[colour] if mark == 0 else "none",
                        markersize=7,
                        label=f"{method} ({group})",
                    )
            axes.set(xscale="log", xlabel="forward passes an input", ylabel=measure)
            grid[0][place].legend(frameon=False, fontsize=8)
        marks = {handle.get_label(): handle for axes in grid[1] for handle in axes.lines}
        figure.legend(
            handles=list(marks.values()),
            loc="outside lower center",
            ncols=4,
            frameon=False,
            fontsize=8,
        )
        return _save(figure, stem)


def _plot_panel(axes: Any, panel: Panel, styles: Sequence[tuple[int, int]], *, unit: str) -> None:
    """The lines of a panel, each in its colour and kind of line."""
    for (name, curve), (colour, dash) in zip(panel.lines, styles, strict=True):
        # where nothing is certified, a line along the bottom
        radii = range(max(2, len(curve.certified)))
        axes.plot(
            *_stepped([curve.at(r) for r in radii]),
            drawstyle="steps-pre",
            color=COLOURS[colour],
            dashes=DASHES[dash],
            linewidth=1.8,
            label=name,
        )
    for mark in panel.marks:
        axes.plot(mark.radii, mark.shares, "kx", markersize=8, markeredgewidth=2, label=mark.name)
    ends = [max(mark.radii) + 2 for mark in panel.marks]
    longest = max(2, *ends, *(len(curve.certified) for _, curve in panel.lines))
    _style_axes(axes, longest, unit=unit, quantity=panel.lines[0][1].quantity, title=panel.title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.title.set_fontsize(9)


def _stepped(shares: Sequence[float]) -> tuple[list[float], list[float]]:
    """Points of a line that is drawn in steps: between r - 1 and r it stands at the share of r, and
    falls at whole r.
    """
    return [-0.5, *map(float, range(len(shares)))], [shares[0], *shares]


def _style_axes(axes: Any, longest: int, *, unit: str, quantity: str, title: str) -> None:
    """Name the axes, cut them to radii 0 .. `longest` - 1, and add the legend."""
    axes.set(
        xlabel=f"radius r ({plural_of(unit)} that an attacker may change)",
        ylabel=quantity,
        ylim=(0.0, 1.02),
        xlim=(-0.5, longest - 0.5),
        title=title,
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def draw_training(
    epochs: Sequence[int], accuracies: Mapping[str, Sequence[float]], *, title: str, stem: Path
) -> list[Path]:
    """Accuracy against the epoch, one line for each name; writes `stem`.png and .svg."""
    with _style():
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        for (name, shares), colour in zip(accuracies.items(), _cycle(len(accuracies)), strict=True):
            axes.plot(
                epochs,
                shares,
                color=colour,
                linewidth=1.4,
                marker="o" if len(epochs) < 3 else None,
                label=name,
            )
        axes.set(xlabel="epoch", ylabel="accuracy", ylim=(0.0, 1.0), title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        return _save(figure, stem)


def draw_gallery(
    inputs: NDArray[np.floating],
    kept: NDArray[np.bool_],
    counts: NDArray[np.int64],
    labels: NDArray[np.int64],
    radii: Sequence[dict[int, int]],
    *,
    class_names: Sequence[str],
    unit: str,
    stem: Path,
) -> list[Path]:
    """Some inputs, what the classifier saw of each under three masks, its votes, and the radii of
    its label.

    `inputs` `(inputs, H, W, C)` in [0, 1]; `kept` bool `(inputs, 3, H, W)`; `counts` `(inputs,
    classes)`; `radii[i]` maps k to the radius of `labels[i]`.
    """
    views = kept.shape[1]
    with _style():
        figure = Figure(
            figsize=(2.0 * (views + 2) + 1.6, 1.75 * len(inputs) + 0.5), layout="constrained"
        )
        grid = figure.subplots(
            len(inputs), views + 2, width_ratios=[1.0] * (views + 1) + [1.9], squeeze=False
        )
        for row, axes in enumerate(grid):
            _show(axes[0], inputs[row], None)
            for view in range(views):
                _show(axes[1 + view], inputs[row], kept[row, view])
            bars = axes[-1]
            truth = int(labels[row])
            colours = [COLOURS[1] if j == truth else "#b8c4ce" for j in range(counts.shape[1])]
            bars.bar(range(counts.shape[1]), counts[row] / counts[row].sum(), color=colours)
            bars.set(ylim=(0, 1), ylabel="share of votes")
            bars.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)
            bars.set_xticks(
                range(counts.shape[1]),
                class_names,
                rotation=0 if _short(class_names) else 60,
                fontsize=8,
            )
            text = "   ".join(
                f"top {k}: {_radius(radius, unit)}" for k, radius in sorted(radii[row].items())
            )
            bars.set_title(f"label {class_names[truth]}   {text}", fontsize=9, loc="left")
        figure.supxlabel("red: the true label; light blue: hidden pixels", fontsize=9)
        for axes, title in zip(grid[0], ["input", *["what one pass saw"] * views], strict=False):
            axes.set_title(title, fontsize=9)
        return _save(figure, stem)


def _radius(radius: int, unit: str) -> str:
    if radius == ABSTAIN:
        return "abstains"
    return count_in_words(radius, unit)


def _show(axes: Any, image: NDArray[np.floating], kept: NDArray[np.bool_] | None) -> None:
    colour = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    if kept is not None:  # NULL is drawn as a blue that no grey input holds
        colour = np.where(kept[:, :, None], colour, np.array([0.80, 0.87, 0.94]))
    axes.imshow(np.clip(colour, 0, 1), interpolation="nearest")
    axes.set_axis_off()


def _short(names: Sequence[str]) -> bool:
    return max(map(len, names)) <= 2


def _cycle(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _save(figure: Figure, stem: Path, *, stamped: bool = False) -> list[Path]:
    paths = [stem.with_name(stem.name + suffix) for suffix in (".png", ".svg")]
    for path in paths:
        kind = path.suffix[1:]
        metadata: dict[str, str | None] = {"Date": None} if kind == "svg" else {}
        if stamped:
            metadata["Description"] = stamp()
        with replacing(path) as aside:
            figure.savefig(aside, format=kind, dpi=150, metadata=metadata)
    return paths
