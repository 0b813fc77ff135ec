"""`topcert evaluate`: certified top-k accuracy from a ledger, without new passes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from topcert.cli import options
from topcert.cli.best_possible import print_where_nothing
from topcert.cli.listing import print_inputs
from topcert.cli.machine import choose_json, print_json, summary
from topcert.cli.own_commands import OwnCommand
from topcert.cli.parsing import check_out
from topcert.cli.printing import print_curves, print_promise, print_unlabelled
from topcert.cli.progress import console, pairs_bar
from topcert.cli.stop_messages import print_stopping
from topcert.evaluation.accuracy import write_accuracy
from topcert.evaluation.choices import choose_alpha, choose_ks, choose_label
from topcert.evaluation.results import derive
from topcert.evaluation.wording import gap_in_words
from topcert.files import is_standard_output
from topcert.methods.certificate_table import CertificateTable
from topcert.methods.registered_methods import find_method
from topcert.voting.ledger import Ledger


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
    if (folder / "bounds.json").is_file():
        raise ValueError(
            f"{folder} holds certificates of a network's weights and no votes: repeat certify with"
            " the k you want"
        )
    check_out(out, read=folder)
    if radius is not None and min(radius) < 0:
        raise ValueError(f"--radius must be at least 0, got {min(radius)}")
    radius = None if radius is None else list(dict.fromkeys(radius))
    if out is not None and is_standard_output(out):
        if as_json:
            raise ValueError(f"--json and --out {out} both ask for standard output; leave one out")
        choose_json(True)  # the CSV is alone there
    ledger = Ledger.open(folder)
    usual = 0.001
    path = folder / "certificates.parquet"
    if (
        k is None
        or alpha is None
        or label is None
        or method is None
        or (bounds is None and path.exists())
    ):
        stored, _ = CertificateTable.read(path)
        other = method is not None and find_method(method).name != stored.method
        method = stored.method if method is None else method
        k = np.unique(stored.k).tolist() if k is None and method == stored.method else k
        usual = stored.alpha or usual
        label = stored.label_choice if label is None and not other else label
        bounds = stored.bounds if bounds is None and method == stored.method else bounds
    k = choose_ks(k, method, ledger.manifest.num_classes)
    alpha = choose_alpha(alpha, find_method(method), usual=usual)
    _, labels, _ = ledger.read_inputs()
    choice = choose_label(
        label,
        find_method(method),
        num_selection=ledger.manifest.num_selection,
        has_labels=labels is not None,
    )
    with pairs_bar() as update:
        results = derive(
            ledger,
            method=method,
            bounds=bounds,
            ks=k,
            alpha=alpha,
            label_choice=choice,
            num_named=ballot,
            on_pairs=update,
        )
    print_curves(results.curves, unit=ledger.manifest.unit, radii=radius)
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
        found = summary(results.certificates, results.curves, folder, radii=radius)
        print_json(found | {"not_covered": gap})


COMMAND: Final = OwnCommand(
    run=evaluate, short="Accuracy at other k and alpha, from stored votes.", place=60
)
