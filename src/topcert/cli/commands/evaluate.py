"""`topcert evaluate`: certified top-k accuracy from a ledger, without new passes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, cast

import typer

from topcert.api.evaluate import evaluate as evaluate_folder
from topcert.cli import options
from topcert.cli.best_possible import print_where_nothing
from topcert.cli.certifying import results_of, with_bar
from topcert.cli.listing import print_inputs
from topcert.cli.machine import choose_json, print_json, summary
from topcert.cli.own_commands import OwnCommand
from topcert.cli.parsing import check_out
from topcert.cli.printing import print_curves, print_promise, print_unlabelled
from topcert.cli.progress import console
from topcert.cli.stop_messages import print_stopping
from topcert.evaluation.accuracy import write_accuracy
from topcert.evaluation.wording import counted_in_words, gap_in_words, raw_in_words
from topcert.files import is_standard_output
from topcert.methods.certificate_table import LabelChoice


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run.")],
    *,
    k: options.StoredKs = None,
    alpha: Annotated[
        float | None, typer.Option(help="Chance of error; by default that of the run.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="The certificate; by default that of the run.")
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(
            help=(
                "ablation: simuem or intersection-union; by default those of the run where the"
                " method is its."
            )
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="given, predicted or selected; by default that of the run.")
    ] = None,
    ballot: options.StoredBallot = None,
    moves: options.Moves = None,
    radius: options.Radii = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV to write as well, in the form of accuracy.csv.")
    ] = None,
    as_json: options.AsJson = False,
    _progress: options.Progress = None,
) -> None:
    """Certified top-k accuracy from the ledger alone, at any k and alpha, by any method of its
    noise: no new passes.

    Of a run with --ballot W it certifies any --ballot w up to W: each vote then names its w best
    labels.
    """
    check_out(out, read=folder)
    if radius is not None and min(radius) < 0:
        raise ValueError(f"--radius must be at least 0, got {min(radius)}")
    radius = None if radius is None else list(dict.fromkeys(radius))
    if out is not None and is_standard_output(out):
        if as_json:
            raise ValueError(f"--json and --out {out} both ask for standard output; leave one out")
        choose_json(True)  # the CSV is alone there
    made = with_bar(
        lambda progress: evaluate_folder(
            folder,
            method,
            k=k,
            alpha=alpha,
            label_choice=cast("LabelChoice | None", label),
            bounds=bounds,
            num_named=ballot,
            moves=None if moves is None else moves.split(","),
            progress=progress,
        )
    )
    results = results_of(made)
    ledger = results.ledger
    print_curves(results.curves, what=counted_in_words(results.certificates), radii=radius)
    print_inputs(results.certificates, folder)
    print_unlabelled(results.curves, results.certificates)
    print_promise(results.certificates, ledger)
    print_stopping(results.certificates, ledger.manifest)
    print_where_nothing(results)
    if out is not None:
        write_accuracy(results.curves, out)
        console.print(f"wrote {out}", soft_wrap=True)
    if as_json:
        gap = gap_in_words(ledger.manifest)
        raw = raw_in_words(ledger.manifest)
        found = summary(results.certificates, results.curves, folder, raw_input=raw, radii=radius)
        print_json(found | {"not_covered": gap})


COMMAND: Final = OwnCommand(
    run=evaluate, short="Accuracy at other k and alpha, from stored votes.", place=60
)
