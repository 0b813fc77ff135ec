"""`topcert demo`: the whole way on data that is already here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from topcert.api.certificates import Certificates
from topcert.api.certification import Certification
from topcert.api.demo import KS, Demo, make_demo
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.cli import options
from topcert.cli.certifying import certify_in_view
from topcert.cli.own_commands import OwnCommand
from topcert.cli.printing import print_curves, print_promise
from topcert.cli.progress import console


def demo(
    *,
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = Path(
        "topcert-demo"
    ),
    samples: Annotated[int, typer.Option(min=1, help="Masks an input (n).")] = 2_000,
    alpha: Annotated[
        float, typer.Option(help="Chance per input that a certificate is wrong.")
    ] = 0.001,
    seed: Annotated[int, typer.Option(min=0, help="Seed of training and of the mask stream.")] = 0,
    _progress: options.Progress = None,
) -> None:
    """Train on the UCI digits, certify 360 held-out ones for k = 1 and 3, and draw what came out.
    Under a minute.
    """
    asked = Certification(k=KS, alpha=alpha, label_choice="given", num_samples=samples)
    certify = partial(_certify, asked, seed=seed)
    made = make_demo(out, alpha=alpha, seed=seed, certify=certify, tell=_tell)
    results = made.results
    print_curves(results.curves, what="pixels")
    _print_inputs(made)
    print_promise(results.certificates, results.ledger)
    console.print(
        f"\nEverything is in {out}: look at gallery.png and accuracy.png; re-check it with\n"
        f"  topcert verify {out} --model {made.model} --replay 20",
        highlight=False,
        soft_wrap=True,
    )


def _tell(line: str) -> None:
    console.print(line, highlight=False)


def _certify(
    asked: Certification, smoothed: SmoothedClassifier, folder: Path, *, seed: int
) -> Certificates:
    request = asked.request(smoothed, "digits", seed=seed, reading=None)
    return certify_in_view(asked.open(request, folder, resume=False))


def _print_inputs(made: Demo) -> None:
    table = Table(title="some inputs", title_justify="left")
    for heading in ("input", "label", "votes for it", "radius, top 1", "radius, top 3"):
        table.add_column(heading, justify="right")
    for row in made.rows():
        radii = (row[f"radius_{k}"] for k in KS)
        table.add_row(
            str(row["index"]),
            str(row["label"]),
            f"{row['votes']} of {row['total']}",
            *("abstains" if radius is None else str(radius) for radius in radii),
        )
    console.print(table)


COMMAND: Final = OwnCommand(run=demo, short="The whole way on data that is already here.", place=10)
