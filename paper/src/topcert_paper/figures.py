"""What Figures 1 to 4 of the paper vary, and from votes to their lines: certified top-k accuracy
against r.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, final

import numpy as np

from topcert.evaluation.accuracy import AccuracyCurve, accuracy_curves
from topcert.methods.certify import certify
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation
from topcert_paper.prefixes import PrefixCounts, prefix_sizes, read_prefixes
from topcert_paper.records import Origin
from topcert_paper.tables import ALPHA, TABLE1, TABLE2, PaperTable, Setting

Varied = Literal["k", "e", "n", "alpha"]
K: Final = 3
ALPHAS: Final = (1e-2, 1e-3, 1e-4)


@final
@dataclass(frozen=True, kw_only=True)
class FigureData:
    """One panel's data: which k and e the paper has there. Votes under e are recorded as `prefix` +
    `ablation-E`.
    """

    name: str
    title: str
    table: PaperTable  # the same data's: number of pixels and classes
    ks: tuple[int, ...]
    kepts: tuple[int, ...]
    default_kept: int
    prefix: str = ""

    def record_name(self, num_kept: int) -> str:
        return f"{self.prefix}{setting_of(num_kept).name}"


CIFAR10: Final = FigureData(
    name="cifar10",
    title="CIFAR-10",
    table=TABLE1,
    ks=(1, 2, 3),
    kepts=(50, 100, 200),
    default_kept=50,
)
IMAGENET: Final = FigureData(
    name="imagenet",
    title="ImageNet",
    table=TABLE2,
    ks=(1, 3, 5, 10),
    kepts=(500, 1000, 2000),
    default_kept=1000,
    prefix="imagenet-",
)


@final
@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """One figure: the number that its lines differ in, the others being at their defaults."""

    name: str
    varied: Varied
    caption: str

    def kepts(self, data: FigureData) -> tuple[int, ...]:
        """The e that it needs votes under: no other number needs votes of its own."""
        return data.kepts if self.varied == "e" else (data.default_kept,)


FIGURES: Final = (
    PaperFigure(name="figure1", varied="k", caption="Figure 1: certified top-k accuracy, by k"),
    PaperFigure(
        name="figure2", varied="e", caption="Figure 2: certified top-k accuracy, by kept pixels e"
    ),
    PaperFigure(
        name="figure3", varied="n", caption="Figure 3: certified top-k accuracy, by votes n"
    ),
    PaperFigure(
        name="figure4",
        varied="alpha",
        caption="Figure 4: certified top-k accuracy, by failure probability alpha",
    ),
)


@final
@dataclass(frozen=True, kw_only=True)
class Point:
    """The four numbers that decide a line, for given votes."""

    k: int
    num_kept: int
    num_samples: int
    alpha: float

    def of(self, varied: Varied) -> str:
        """One of them as text."""
        return {
            "k": str(self.k),
            "e": str(self.num_kept),
            "n": str(self.num_samples),
            "alpha": f"{self.alpha:g}",
        }[varied]

    def named(self, varied: Varied) -> str:
        """As people read it, such as `n = 10,000`."""
        return f"n = {self.num_samples:,}" if varied == "n" else f"{varied} = {self.of(varied)}"


@final
@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a figure and where it comes from."""

    point: Point
    curve: AccuracyCurve
    origin: Origin


def setting_of(num_kept: int) -> Setting:
    return Setting(noise=Ablation(num_kept=num_kept), value=str(num_kept))


def measured_lines(figure: PaperFigure, data: FigureData, folder: Path) -> list[Line]:
    """The lines of one panel from the counts in `folder`, in the order of the number that varies;
    none were not measured.

    Raises ValueError where counts are damaged or were not measured alike.
    """
    kept = {
        num_kept: read_prefixes(folder, data.record_name(num_kept))
        for num_kept in figure.kepts(data)
    }
    found = {num_kept: votes for num_kept, votes in kept.items() if votes is not None}
    _check_alike(folder, data, found)
    return [
        Line(point=point, curve=_curve(data, point, votes), origin=votes.origin)
        for num_kept, votes in found.items()
        for point in _points(figure, data, num_kept, votes)
    ]


def _points(
    figure: PaperFigure, data: FigureData, num_kept: int, votes: PrefixCounts
) -> list[Point]:
    num_samples = votes.origin.num_samples
    num_classes = votes.counts[num_samples].shape[1]
    if num_classes <= K:
        raise ValueError(
            f"{data.title}: figures show k = {K}, and the network has {num_classes} classes; take"
            " one of more"
        )
    default = Point(k=K, num_kept=num_kept, num_samples=num_samples, alpha=ALPHA)
    if figure.varied == "k":
        return [replace(default, k=k) for k in data.ks if k < num_classes]
    if figure.varied == "n":
        return [replace(default, num_samples=size) for size in prefix_sizes(num_samples)]
    if figure.varied == "alpha":
        return [replace(default, alpha=alpha) for alpha in ALPHAS]
    return [default]


def _curve(data: FigureData, point: Point, votes: PrefixCounts) -> AccuracyCurve:
    certificates = certify(
        find_vote_method("ablation"),
        votes.counts[point.num_samples],
        smoothing=data.table.smoothing(setting_of(point.num_kept)),
        labels=votes.labels,
        label_choice="given",
        ks=[point.k],
        alpha=point.alpha,
    )
    (curve,) = accuracy_curves(certificates, dict(enumerate(votes.labels.tolist())))
    return curve


def _check_alike(folder: Path, data: FigureData, found: dict[int, PrefixCounts]) -> None:
    """Refuse lines in one panel that differ in more than what it varies."""
    first: tuple[int, PrefixCounts] | None = None
    for num_kept, votes in found.items():
        if first is None:
            first = num_kept, votes
            continue
        other, same = first
        for name, mine, theirs in (
            ("n", votes.origin.num_samples, same.origin.num_samples),
            ("seed", votes.origin.seed, same.origin.seed),
            ("inputs", len(votes.labels), len(same.labels)),
        ):
            if mine != theirs:
                raise ValueError(
                    f"{folder}: {data.title} has {name} = {theirs} at e = {other} and {mine} at e ="
                    f" {num_kept}; measure them alike, in another --out"
                )
        if not np.array_equal(votes.labels, same.labels):
            raise ValueError(
                f"{folder}: {data.title} has other inputs at e = {num_kept} than at e = {other};"
                " measure them alike"
            )
