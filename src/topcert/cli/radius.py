"""`topcert radius`: radii from vote counts alone."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from topcert.cli import options
from topcert.cli.parsing import check_alpha, check_ks, choose_label
from topcert.evaluation.counts import read_counts
from topcert.files import replacing
from topcert.methods.ablation import certify_ablation
from topcert.methods.certificates import Certificates
from topcert.theory.radius import ABSTAIN


def radius(
    counts: Annotated[Path, typer.Argument(metavar="COUNTS", help="CSV or Parquet: one row an input, one column a class.")],
    *,
    keep: options.Keep,
    features: Annotated[int, typer.Option(help="Features of an input (d).")],
    k: options.Ks,
    alpha: options.Alpha,
    label: options.Label = None,
    samples: Annotated[int | None, typer.Option(help="Check that the counts of every input sum to this.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV to write; standard output without it.")] = None,
) -> None:
    """Certified radii from vote counts alone.

    COUNTS has a header, one row an input, one integer column a class in class order, and an optional column `label`
    (class index from 0), which --label given needs. Prints CSV `index,label,k,radius`, index being the row from 0 and
    radius empty where nothing is certified; for predicted labels the k most voted ones, most voted first.
    """
    check_alpha(alpha)
    votes, labels = read_counts(counts)
    check_ks(k, votes.shape[1])
    sums = votes.sum(axis=1)
    if samples is not None and (sums != samples).any():
        row = int((sums != samples).argmax())
        raise ValueError(f"{counts}: the counts of row {row} sum to {sums[row]}, not to --samples {samples}")
    if (sums == 0).any():
        raise ValueError(f"{counts}: row {int((sums == 0).argmax())} holds no votes")
    certificates = certify_ablation(
        votes,
        labels=labels,
        label_choice=choose_label(label, has_labels=labels is not None),
        ks=k,
        alpha=alpha,
        num_features=features,
        num_kept=keep,
        unit="feature",
    )
    if out is None:
        _write(certificates, sys.stdout)
        return
    with replacing(out) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        _write(certificates, file)


def _write(certificates: Certificates, file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["index", "label", "k", "radius"])
    columns = (certificates.index, certificates.label, certificates.k, certificates.radius)
    for index, label, k, reach in zip(*(column.tolist() for column in columns), strict=True):
        writer.writerow([index, label, k, "" if reach == ABSTAIN else reach])
