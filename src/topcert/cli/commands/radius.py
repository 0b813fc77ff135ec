"""`topcert radius`: radii from vote counts alone."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TextIO, cast

import typer

from topcert.api.certificates import Certificates
from topcert.api.certify_counts import FromCounts, certify_counts
from topcert.api.read_counts import read_counts
from topcert.cli import options
from topcert.cli.best_possible import print_best
from topcert.cli.grouping import grouped
from topcert.cli.machine import print_json, radius_or_none
from topcert.cli.option_groups import Needed
from topcert.cli.own_commands import OwnCommand
from topcert.cli.parsing import check_out
from topcert.cli.progress import messages
from topcert.evaluation.accuracy import floored_float
from topcert.evaluation.choices import check_ballot, choose_ks, law_of
from topcert.files import printable, replacing
from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.methods.method import Method
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.law import Noise
from topcert.noise.make_noise import make_noise
from topcert.noise.registered_laws import all_noises
from topcert.theory.certified_radius import ABSTAIN


@grouped
def radius(
    counts: Annotated[
        Path, typer.Argument(metavar="COUNTS", help="CSV or Parquet, or - for standard input.")
    ],
    *,
    method: options.Method = "ablation",
    noise: Needed,
    features: Annotated[
        int | None,
        typer.Option(help="Features of an input (d). Gaussian: without it, the most there may be."),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(help="Values of a feature: 3 for a colour pixel. Gaussian, discrete."),
    ] = None,
    k: options.Ks = None,
    ballot: options.Ballot = 1,
    alpha: options.Alpha = 0.001,
    label: Annotated[
        str | None,
        typer.Option(help="given or predicted; by default given where there is a column `label`."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Check that every input has so many votes.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV to write; standard output without it.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Certified radii from vote counts alone.

    COUNTS has a header, one row an input, one integer column a class in class order, and an
    optional column `label` (class index from 0, or the name of a column), which --label given
    needs. All rows hold as many votes, or a column `votes` says how many each holds; an index or a
    total is refused. A first column `name` names the rows. Prints CSV
    `index,name,label,class,k,radius` (`name` and `class` where rows and classes have names), index
    being the row from 0 and radius, in features, empty where nothing is certified; for predicted
    labels the k most voted ones, most voted first. With --ballot W each vote names its best W
    labels, and rows sum to W times the number of votes. Methods of Gaussian noise add `l2_radius`,
    floored at six decimals.
    """
    check_out(out, read=counts)
    certifier = find_vote_method(method)
    law = _noise(certifier, noise)
    choose_ks(k, method)  # what the method does not certify is refused before anything is read
    check_ballot(ballot, certifier)
    made = certify_counts(
        read_counts(counts, num_samples=samples, num_named=ballot),
        noise=law,
        num_features=features,
        channels=channels,
        method=method,
        k=k,
        alpha=alpha,
        label_choice=cast("LabelChoice | None", label),
    )
    for note in made.notes:
        messages.print(f"note: {note}", highlight=False, soft_wrap=True)
    _print_where_nothing(made)
    certificates = made.table
    if as_json:
        if out is not None:
            raise ValueError(f"--json prints what --out {out} would hold as CSV; leave one out")
        print_json(_objects(certificates))
        return
    if out is None:
        _write(certificates, sys.stdout)
        return
    with replacing(out) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        _write(certificates, file)


def _noise(method: Method, given: Mapping[str, Any]) -> Noise:
    """What the options say the votes were drawn under; refuses what is missing and what belongs to
    another noise.
    """
    law = law_of(method)
    own = law.options()
    for name in law.missing(given):
        raise ValueError(f"--method {method.name} needs {own[name].flag}, {own[name].meaning}")
    for other in all_noises().values():
        for name, asked in other.options().items():
            if name not in own and given.get(name) is not None:
                raise ValueError(
                    f"{asked.flag} is not an option of --method {method.name}; leave it out"
                )
    return make_noise(law, given)


def _print_where_nothing(made: Certificates) -> None:
    """Say it of each k at which nothing could be certified."""
    origin = made.origin
    assert isinstance(origin, FromCounts)
    print_best(
        find_vote_method(made.method),
        smoothing=origin.smoothing,
        num_classes=origin.counts.counts.shape[1],
        num_samples=origin.counts.num_samples,
        ks=made.k,
        alpha=made.alpha,
        label_choice=made.table.label_choice,
        only_nothing=True,
    )


def _objects(certificates: CertificateTable) -> list[dict[str, Any]]:
    """One object a row; `radius` None where nothing is certified."""
    numbers = (certificates.index, certificates.label, certificates.k, certificates.radius)
    names, called, l2 = certificates.names, certificates.class_names, certificates.l2_radius
    rows: list[dict[str, Any]] = []
    for row, (index, label, k, radius) in enumerate(
        zip(*(column.tolist() for column in numbers), strict=True)
    ):
        rows.append(
            {
                "index": index,
                **({} if names is None else {"name": printable(names[row])}),
                "label": label,
                **({} if called is None else {"class": called[row] or None}),
                "k": k,
                "radius": radius_or_none(radius),
                **(
                    {}
                    if l2 is None
                    else {"l2_radius": None if radius == ABSTAIN else float(l2[row])}
                ),
            }
        )
    return rows


def _write(certificates: CertificateTable, file: TextIO) -> None:
    """The same as CSV, empty where nothing is certified, `l2_radius` floored."""
    rows = _objects(certificates)
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if row.get("l2_radius") is not None:
            row["l2_radius"] = floored_float(row["l2_radius"], 6)
        writer.writerow(row)


COMMAND: Final = OwnCommand(run=radius, short="Radii from vote counts alone.", place=70)
