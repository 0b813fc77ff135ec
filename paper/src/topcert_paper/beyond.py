"""What the certificates of docs/beyond.md give beside the paper's: every method on the same images,
from kept votes.

From four kinds of votes all rows follow, each kept as a ledger that is named after network and
kind:

NETWORK.sampled             independent masks: Theorem 1 under either bounds, and located
NETWORK.ballots             independent masks, under each of which several labels are named:
                            Theorem 1 for each w
NETWORK.lattice[-AxB]       the grids of one stride, under each of which several labels are named:
                            design and fpa for each w
NETWORK.design              the masks of a design: design, and fpa from the first partition of them
NETWORK.stop-QUESTION-kK    as many votes as the question takes, for one k; by located evidence
                            where it says so
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.accuracy import AccuracyCurve
from topcert.evaluation.counts import mark_of, read_counts
from topcert.evaluation.results import Results, derive
from topcert.methods.method import DesignMethod
from topcert.methods.registered_methods import find_sampled_method
from topcert.noise.law import IID
from topcert.theory.stopping_rules import Stopping
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.replay import design_of
from topcert_paper.kept import open_kept, read_seconds, tallied
from topcert_paper.records import Origin, read_origins
from topcert_paper.tables import ALPHA

KS: Final = (1, 3)
BALLOT_KS: Final = (1, 2, 3)  # of votes that name several labels
RADII: Final = tuple(range(16))
SIZES: Final = (10_000, 2_000)  # of independent masks, beside all there are
DESIGN_SIZES: Final = (10_000, 2_000, 500)


@final
@dataclass(frozen=True, kw_only=True)
class Row:
    """A certificate of one set of votes: the method, its bounds, and how many votes of each input
    it reads (None: all).

    Of each vote it reads `num_named` labels, and certifies each of `ks` unless a stopping rule has
    its own.
    """

    votes: str
    title: str
    method: str
    bounds: str | None = None
    first: int | None = None
    num_named: int = 1
    ks: tuple[int, ...] = KS

    @property
    def name(self) -> str:
        return (
            f"{self.votes}: {self.title}"
            if self.first is None
            else f"{self.votes}: {self.title}, {self.first}"
        )


@final
@dataclass(frozen=True, kw_only=True)
class Line:
    """What a row gives for one k: votes an input on average, seconds an input where they were
    measured, and the curve.

    `network` is the one of the votes, `masks` the most that an input was shown under, `alpha` 0
    where nothing is left to chance. `settled` inputs have the radius that was asked for, where a
    stopping rule asked.
    """

    network: str
    row: Row
    k: int
    masks: int
    alpha: float
    passes: float
    seconds: float | None
    settled: int | None
    curve: AccuracyCurve
    origin: Origin

    @property
    def area(self) -> float:
        """The area under the whole curve, in pixels: the mean radius, where a label that is not
        certified counts 0.
        """
        return int(self.curve.certified[1:].sum()) / self.curve.total


def rows_of(name: str, manifest: Manifest) -> list[Row]:
    """The rows that follow from a set of votes; of ballots, those of each w."""
    rows = _rows_of(name, manifest)
    if manifest.depth == 1:
        return rows
    if manifest.law == IID and manifest.stopping == FIXED:  # of these counts are kept
        rows = [
            row for row in rows if row.method == "ablation" and row.first == manifest.num_samples
        ]
    asked = range(1, manifest.depth + 1) if manifest.stopping == FIXED else [manifest.depth]
    return [
        replace(
            row,
            title=row.title if named == 1 else f"{row.title}, w = {named}",
            num_named=named,
            ks=BALLOT_KS,
        )
        for named in asked
        for row in rows
    ]


def _rows_of(name: str, manifest: Manifest) -> list[Row]:
    """The rows of one w."""
    whole = manifest.num_samples
    if manifest.stopping != FIXED:
        rule = Stopping.read(manifest.stopping)
        by = "" if rule.method == "ablation" else f", {rule.method}"
        return [Row(votes=name, title=f"stop {rule.question}{by}", method=rule.method)]
    if manifest.law == IID:
        sizes = dict.fromkeys(size for size in (whole, *SIZES) if size <= whole)
        kinds = (
            ("Theorem 1, SimuEM", "ablation", "simuem"),
            ("Theorem 1, intersection-union", "ablation", "intersection-union"),
            ("located", "located", None),
        )
        return [
            Row(votes=name, title=title, method=method, bounds=bounds, first=size)
            for title, method, bounds in kinds
            for size in sizes
        ]
    sizes = dict.fromkeys(size for size in (whole, *DESIGN_SIZES) if size <= whole)
    of = "" if manifest.law == manifest.kind else f", {manifest.law}"
    rows = [Row(votes=name, title=f"design{of}", method="design", first=size) for size in sizes]
    made = design_of(manifest)
    if made is not None and 1 < made.round_size <= whole:
        rows.append(Row(votes=name, title=f"fpa{of}", method="fpa", first=made.round_size))
    return rows


def derive_row(
    ledger: Ledger, row: Row, *, on_pairs: Callable[[int, int], None] | None = None
) -> Results:
    """The certificates of a row, for each of its k or the one k of a stopping rule; `on_pairs` is
    that of `derive`.
    """
    rule = None if ledger.manifest.stopping == FIXED else Stopping.read(ledger.manifest.stopping)
    return derive(
        ledger,
        method=row.method,
        bounds=row.bounds,
        ks=row.ks if rule is None else [rule.k],
        alpha=_alpha(row),
        label_choice="given",
        counts=_counts_of(ledger, row),
        first=row.first,
        num_named=row.num_named,
        on_pairs=on_pairs,
    )


def _counts_of(ledger: Ledger, row: Row) -> NDArray[np.int64] | None:
    """The counts that are kept in the place of a ledger's votes; None where the votes are."""
    manifest = ledger.manifest
    path = ledger.folder / ("counts.csv" if manifest.stopping != FIXED else tallied(row.num_named))
    if not path.is_file():
        return None
    return read_counts(path, mark=mark_of(manifest), num_named=row.num_named)[0]


def measured_lines(
    folder: Path, *, skip: Sequence[str] = (), on_row: Callable[[int, int, str], None] | None = None
) -> list[Line]:
    """The lines of all votes in `folder`, for each row one a k, but for the titles in `skip`.

    `on_row` is told how many rows are made, of how many, and the next. Raises ValueError where
    votes are damaged, or two sets are of other inputs.
    """
    seconds = read_seconds(folder)
    lines: list[Line] = []
    with ExitStack() as opened:
        asked = [one for one in _asked(folder, opened) if one[1].title not in skip]
        for done, (ledger, row, origin) in enumerate(asked):
            show = partial(_show_pairs, on_row, done, len(asked), row.name) if on_row else None
            if show is not None:
                show(0, 0)
            masks = ledger.manifest.num_samples if row.first is None else row.first
            made = derive_row(ledger, row, on_pairs=show)
            lines += _lines(made, row, masks=masks, origin=origin, seconds=seconds)
    return lines


def _asked(folder: Path, opened: ExitStack) -> Iterator[tuple[Ledger, Row, Origin]]:
    """Each row of all votes in `folder`, with its ledger, which `opened` closes."""
    first: tuple[str, str] | None = None
    for name, origin in sorted(read_origins(folder).items(), key=lambda entry: _place(entry[0])):
        ledger = opened.enter_context(open_kept(folder, name))
        manifest = ledger.manifest
        if first is not None and manifest.data_fingerprint != first[1]:
            raise ValueError(
                f"{folder}: {name} has other inputs than {first[0]}; measure them alike, in another"
                " --out"
            )
        first = first or (name, manifest.data_fingerprint)
        yield from ((ledger, row, origin) for row in rows_of(name, manifest))


def _show_pairs(
    on_row: Callable[[int, int, str], None], row: int, rows: int, name: str, done: int, total: int
) -> None:
    """`on_row`, with how many inputs' pairs of features are counted, where any are."""
    on_row(row, rows, f"{name}, pairs of {done} of {total} inputs" if total else name)


def _lines(
    results: Results, row: Row, *, masks: int, origin: Origin, seconds: dict[str, float]
) -> list[Line]:
    made = results.certificates
    inputs = len(results.index)
    passes = masks if made.votes is None else int(made.votes.sum()) / inputs
    pace, work = seconds.get(row.votes), seconds.get(row.name)
    return [
        Line(
            network=network_of(row.votes),
            row=row,
            k=curve.k,
            masks=masks,
            alpha=made.alpha,
            passes=passes,
            seconds=None if pace is None or work is None else passes * pace + work,
            settled=None if made.settled is None else int(made.settled.sum()),
            curve=curve,
            origin=origin,
        )
        for curve in results.curves
    ]


def time_rows(ledger: Ledger, name: str) -> dict[str, float]:
    """Seconds an input that the certificates of each row take, all its k together, under the row's
    name.
    """
    found = {}
    for row in rows_of(name, ledger.manifest):
        began = time.perf_counter()
        inputs = len(derive_row(ledger, row).index)
        found[row.name] = (time.perf_counter() - began) / inputs
    return found


def network_of(name: str) -> str:
    """The network of a set of votes."""
    return name.partition(".")[0]


def _place(name: str) -> tuple[str, int, str]:
    """Where a set of votes stands among the others: network by network, the paper's first, the
    cheap questions first.
    """
    network, _, kind = name.partition(".")
    order = (
        "sampled",
        "ballots",
        "lattice",
        "design",
        "stop-radius",
        "stop-table",
        "stop-exact",
        "stop-located-radius",
        "stop-located-table",
    )
    return (
        network,
        next((place for place, part in enumerate(order) if kind.startswith(part)), len(order)),
        kind,
    )


def _alpha(row: Row) -> float:
    return 0.0 if isinstance(find_sampled_method(row.method), DesignMethod) else ALPHA
