"""`topcert lee-table`: the thresholds of Lee et al. 2019."""

from __future__ import annotations

import csv
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

from topcert.cli import options
from topcert.cli.machine import print_json
from topcert.cli.own_commands import OwnCommand
from topcert.files import replacing
from topcert.theory.discrete_radius import lee_thresholds

DECIMALS = 20


def lee_table(
    *,
    keep_probability: Annotated[
        str, typer.Option(help="Chance that a channel keeps its value, such as 0.2; taken exactly.")
    ],
    values: Annotated[
        int,
        typer.Option(help="Values that a channel can take: 256 for 8 bits, 2 for black and white."),
    ],
    max_radius: Annotated[
        int | None,
        typer.Option(
            help="Last radius, in channels; without it, where the threshold reaches 1 - 1e-12."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV to write; standard output without it.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Thresholds of Lee et al. 2019 for discrete noise.

    Under noise that keeps each channel's value with the given probability, and else draws one of
    the other values, a label of probability above the threshold stays the likeliest however so many
    channels are changed. Prints CSV `radius,threshold`, the radius in channels, the threshold
    computed exactly and rounded up at the 20th decimal.
    """
    thresholds = lee_thresholds(
        keep_probability=keep_probability, num_values=values, max_radius=max_radius
    )
    if as_json:
        if out is not None:
            raise ValueError(f"--json prints what --out {out} would hold as CSV; leave one out")
        print_json(
            [
                {"radius": radius, "threshold": _rounded_up(value)}
                for radius, value in enumerate(thresholds)
            ]
        )
        return
    if out is None:
        _write(thresholds, sys.stdout)
        return
    with replacing(out) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        _write(thresholds, file)


def _write(thresholds: list[Fraction], file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["radius", "threshold"])
    for radius, threshold in enumerate(thresholds):
        writer.writerow([radius, _rounded_up(threshold)])


def _rounded_up(threshold: Fraction) -> str:
    unit = 10**DECIMALS
    digits = -(-threshold.numerator * unit // threshold.denominator)
    return f"{digits // unit}.{digits % unit:0{DECIMALS}}"


COMMAND: Final = OwnCommand(run=lee_table, short="Thresholds of Lee et al. 2019.", place=110)
