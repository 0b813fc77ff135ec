"""What several commands print the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from rich.markup import escape
from rich.table import Table

from topcert.cli.progress import console
from topcert.evaluation.accuracy import PREDICTION, AccuracyCurve, floored
from topcert.evaluation.wording import (
    ballot_in_words,
    gap_in_words,
    method_in_words,
    noise_in_words,
    source_in_words,
    votes_in_words,
    zero_in_words,
)
from topcert.methods.certificates import Certificates
from topcert.methods.registry import find_method
from topcert.randomization import rounded
from topcert.voting.checks import in_words, read_check
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import IID


def print_curves(
    curves: list[AccuracyCurve], *, unit: str, radii: Sequence[int] | None = None
) -> None:
    """A table of shares at `radii`, or at `shown_radii` and where each curve ends, floored at three
    decimals.
    """
    console.print(f"{curves[0].quantity}, r in {unit}s")
    table = Table()
    table.add_column("r", justify="right")
    for curve in curves:
        table.add_column(f"k = {curve.k}", justify="right")
    for r in _radii_of(curves) if radii is None else radii:
        cells = [
            (
                floored(int(curve.certified[r]), curve.total, 3)
                if r < len(curve.certified)
                else "0.000"
            )
            for curve in curves
        ]
        table.add_row(str(r), *cells)
    console.print(table)


def _radii_of(curves: list[AccuracyCurve]) -> list[int]:
    """`shown_radii` of the longest curve, and the largest radius of each: none ends where no row
    shows it.
    """
    ends = {max(len(curve.certified) - 2, 0) for curve in curves}
    return sorted({*shown_radii(max(len(curve.certified) for curve in curves)), *ends})


def shown_radii(longest: int) -> list[int]:
    """Of 0 .. `longest` - 1 every r up to 5, then round ones, ten at most, and the last two: the
    largest r, and one more.
    """
    step = next(step for step in _round_numbers() if (longest - 1) // step <= 10)
    thinner = range(step * (5 // step + 1), longest, step)
    return sorted({*range(min(6, longest)), *thinner, *range(max(longest - 2, 0), longest)})


def _round_numbers() -> Iterator[int]:
    for zeros in count():
        yield from (10**zeros, 2 * 10**zeros, 5 * 10**zeros)


def print_unlabelled(curves: list[AccuracyCurve], certificates: Certificates) -> None:
    """What stands in the place of an accuracy where there are no true labels; nothing where there
    are some.
    """
    if curves[0].quantity != PREDICTION:
        return
    picked = find_method(certificates.method).picks
    chosen = "that its first sample selected" if certificates.label_choice == "selected" else picked
    console.print(
        "The data has no labels, so nothing is said of accuracy. The prediction of an input is the"
        f" label {chosen}; it is certified at r where no change of r {certificates.unit}s moves it"
        " out of the top k."
    )


def print_ballot(certificates: Certificates, depth: int) -> None:
    """What w is, where votes name more than one label; nothing else. `depth`: how many labels the
    run's votes name.
    """
    named = certificates.num_named
    if depth == 1:
        return
    each = "best label" if named == 1 else f"{named} best labels"
    console.print(
        f"w = {named}: each ablated input names its {each}. Another w is another classifier: choose"
        " one for a run, on other images; alpha does not pay for picking the best of several by"
        " these.",
        highlight=False,
    )


def print_promise(certificates: Certificates, ledger: Ledger) -> None:
    """What the numbers mean, in three sentences."""
    manifest = ledger.manifest
    unit = certificates.unit
    shape = f"{' x '.join(map(str, manifest.input_shape))} array"
    if len(manifest.input_shape) == 1:
        shape = f"array of {manifest.input_shape[0]} values"
    source = source_in_words(manifest)
    cut = f" ({source})" if source else ""
    if manifest.noise == "ablation":
        done = f"{unit}s are ablated ({manifest.num_kept} of {manifest.num_features} kept)"
        draws, within = (
            ("masks" if manifest.law == IID else f"{manifest.num_samples} published masks"),
            "",
        )
    else:
        done = f"values get {noise_in_words(manifest)}"
        draws, within = (
            "noise",
            (" within [0, 1]" if manifest.noise == "gaussian" else " to any 8-bit values"),
        )
    if manifest.law == IID:
        chance = (
            f"Each input's certificates are wrong with probability at most {certificates.alpha!r}"
            f" over the {draws}"
        )
        after = "; alpha is per input"
    else:
        chance, after = "These masks are the classifier: there is no failure probability", ""
    console.print(
        f"The certified input is the {shape}{cut} whose {done}. Radius r: however an attacker"
        f" rewrites up to r of its {unit}s{within}, the label"
        f" {find_method(certificates.method).promise} over all {draws}. {chance} (method"
        f" {method_in_words(certificates)},"
        f" {votes_in_words(manifest)}{ballot_in_words(certificates.num_named)},"
        f" {escape(certificates.label_choice)} labels){after}."
        f" {in_words(read_check(ledger.folder, manifest.digest()))}",
        soft_wrap=False,
    )
    print_ballot(certificates, manifest.depth)
    if manifest.algorithm == rounded.ALGORITHM and manifest.sigma is not None:
        console.print(
            "Input and noise are whole steps of"
            f" 1/{rounded.TOP * rounded.steps_of(manifest.sigma)}: 8-bit values exactly, others"
            " after rounding. l2 radii are between inputs of whole steps.",
            highlight=False,
        )
    if doubt := zero_in_words(manifest.data_options):
        console.print(f"For you to judge: {doubt}.", highlight=False)
    if gap := gap_in_words(manifest):
        console.print(f"Not covered: {gap}.", highlight=False)
