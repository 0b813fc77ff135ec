"""`topcert demo`: the whole way on data that is already here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import joblib
import numpy as np
import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.commands.certify import run_certification
from topcert.cli.own_commands import OwnCommand
from topcert.cli.printing import print_curves, print_promise
from topcert.cli.progress import console
from topcert.datasets.dataset import digits_split
from topcert.evaluation.results import Results
from topcert.files import check_out_folder, replacing
from topcert.noise.ablation import Ablation
from topcert.randomization.masks import draw_masks
from topcert.report.figures import draw_gallery
from topcert.theory.certified_radius import ABSTAIN
from topcert.training.digits import train_digits
from topcert.voting.request import Request

KEEP: Final = 10
SHOWN: Final = 6
VIEWS: Final = 3


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
    check_out_folder(out)
    if (out / "manifest.json").exists() or (out / "digits.joblib").exists():
        raise ValueError(f"{out} already holds a demo; remove it or choose another --out")
    images, labels, test = digits_split()
    console.print(
        f"training a small network on {(~test).sum()} digits, {KEEP} of 64 pixels kept ...",
        highlight=False,
    )
    network = train_digits(images[~test], labels[~test], num_kept=KEEP, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    model = out / "digits.joblib"
    with replacing(model) as aside:
        joblib.dump(network, aside)
    request = Request(
        data="digits",
        model=str(model),
        noise=Ablation(num_kept=KEEP),
        num_samples=samples,
        seed=seed,
    )
    results = run_certification(
        request, method="ablation", out=out, ks=[1, 3], alpha=alpha, label="given", resume=False
    )
    _draw(results, images[test], out, seed=seed)
    print_curves(results.curves, unit="pixel")
    _print_inputs(results)
    print_promise(results.certificates, results.ledger)
    console.print(
        f"\nEverything is in {out}: look at gallery.png and accuracy.png; re-check it with\n"
        f"  topcert verify {out} --model {model} --replay 20",
        highlight=False,
        soft_wrap=True,
    )


def _chosen(results: Results) -> list[int]:
    """Rows from the best certified to the worst, evenly spread."""
    first = results.certificates.radius[results.certificates.k == 3]
    order = np.argsort(-first, kind="stable")
    return [int(row) for row in order[np.linspace(0, len(order) - 1, SHOWN).round().astype(int)]]


def _radii(results: Results, row: int) -> dict[int, int]:
    made = results.certificates
    own_rows = made.index == results.index[row]
    return dict(zip(made.k[own_rows].tolist(), made.radius[own_rows].tolist(), strict=True))


def _draw(results: Results, images: np.ndarray, out: Path, *, seed: int) -> None:
    assert results.labels is not None
    rows = _chosen(results)
    masks = draw_masks(seed=seed, start=0, stop=VIEWS, num_features=64, num_kept=KEEP)
    kept = np.zeros((VIEWS, 64), np.bool_)
    np.put_along_axis(kept, masks.astype(np.int64), True, axis=1)
    draw_gallery(
        images[rows],
        np.tile(kept.reshape(1, VIEWS, 8, 8), (len(rows), 1, 1, 1)),
        results.counts[rows],
        results.labels[rows],
        [_radii(results, row) for row in rows],
        class_names=tuple("0123456789"),
        unit="pixel",
        stem=out / "gallery",
    )


def _print_inputs(results: Results) -> None:
    assert results.labels is not None
    table = Table(title="some inputs", title_justify="left")
    for heading in ("input", "label", "votes for it", "radius, top 1", "radius, top 3"):
        table.add_column(heading, justify="right")
    for row in _chosen(results):
        label = int(results.labels[row])
        radii = _radii(results, row)
        cells = ("abstains" if radii[k] == ABSTAIN else str(radii[k]) for k in (1, 3))
        table.add_row(
            str(results.index[row]),
            str(label),
            f"{results.counts[row, label]} of {results.counts[row].sum()}",
            *cells,
        )
    console.print(table)


COMMAND: Final = OwnCommand(run=demo, short="The whole way on data that is already here.", place=10)
