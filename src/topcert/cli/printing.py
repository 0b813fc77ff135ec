"""What several commands print the same way."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from topcert.cli.progress import console
from topcert.evaluation.accuracy import PREDICTION, AccuracyCurve, floored
from topcert.evaluation.wording import (
    gap_in_words,
    label_zero_in_words,
    promise_in_words,
    shown_radii,
)
from topcert.methods.certificate_table import CertificateTable
from topcert.methods.registered_methods import find_method
from topcert.modalities.registered_modalities import plural_of
from topcert.voting.ledger import Ledger


def print_curves(
    curves: list[AccuracyCurve], *, what: str, radii: Sequence[int] | None = None
) -> None:
    """A table of shares at `radii`, or at `shown_radii` and where each curve ends, floored at three
    decimals; `what` radii count, in words.
    """
    console.print(f"{curves[0].quantity}, r in {what}")
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


def print_unlabelled(curves: list[AccuracyCurve], certificates: CertificateTable) -> None:
    """What stands in the place of an accuracy where there are no true labels; nothing where there
    are some.
    """
    if curves[0].quantity != PREDICTION:
        return
    picked = find_method(certificates.method).picks
    chosen = "that its first sample selected" if certificates.label_choice == "selected" else picked
    console.print(
        "The data has no labels, so nothing is said of accuracy. The prediction of an input is the"
        f" label {chosen}; it is certified at r where no change of r"
        f" {plural_of(certificates.unit)} moves it"
        " out of the top k."
    )


def print_ballot(certificates: CertificateTable, depth: int) -> None:
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


def print_promise(certificates: CertificateTable, ledger: Ledger) -> None:
    """What the numbers mean, in three sentences."""
    manifest = ledger.manifest
    console.print(promise_in_words(certificates, ledger), soft_wrap=False)
    print_ballot(certificates, manifest.depth)
    if manifest.noise.note is not None:
        console.print(manifest.noise.note, highlight=False)
    if warning := label_zero_in_words(manifest.data_options):
        console.print(f"For you to judge: {warning}.", highlight=False)
    if gap := gap_in_words(manifest):
        console.print(f"Not covered: {gap}.", highlight=False)
