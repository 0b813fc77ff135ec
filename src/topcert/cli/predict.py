"""`topcert predict`: the k labels that the smoothed classifier shows, each with its radius."""

from __future__ import annotations

import csv
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Annotated, TextIO

import typer

from topcert.cli import options
from topcert.cli.parsing import check_alpha, check_ks
from topcert.cli.progress import messages
from topcert.cli.running import run_to_ledger
from topcert.evaluation.results import smoothing_of
from topcert.files import replacing
from topcert.methods.ablation import METHOD
from topcert.methods.certify import most_voted, radii_of, tells_top_k
from topcert.voting.ledger import Ledger
from topcert.voting.request import Request
from topcert.voting.run import Opened, open_run


def predict(
    data: options.Data,
    model: options.Model,
    *,
    keep: options.Keep,
    k: Annotated[int, typer.Option(help="Labels to show.")] = 3,
    samples: options.Samples = 10_000,
    alpha: options.Alpha = 0.001,
    seed: Annotated[int | None, typer.Option(help="Seed of the mask stream; fresh from the system without it.")] = None,
    encoding: options.Encoding = None,
    fill: options.Fill = None,
    unit: options.UnitOption = None,
    data_dir: options.DataDir = None,
    limit: options.Limit = None,
    stride: options.Stride = None,
    crop: options.Crop = None,
    device: options.Device = "auto",
    classes: options.Classes = None,
    batch_size: options.BatchSize = None,
    out: Annotated[Path | None, typer.Option(help="Folder to keep the votes and predictions.csv in.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
) -> None:
    """Show the k labels of the smoothed classifier, each with its certified radius, or abstain.

    Labels are ordered by votes (ties: lower index first). Test: all k shown labels are certified at radius 0 at least,
    by bounds on both sides of all labels that hold jointly with probability 1 - alpha. So with probability at most
    alpha an input's shown set is not the top k over all masks or one of its radii is too large. The order within the
    set is not certified. Prints CSV `index,rank,label,votes,radius,unit,alpha`; an input that abstains has one row with rank
    `abstain`.
    """
    check_alpha(alpha)
    if seed is None and resume and out is not None and (out / "manifest.json").exists():
        seed = Ledger.open(out).manifest.seed
    request = Request(
        data=data,
        model=model,
        num_kept=keep,
        num_samples=samples,
        seed=secrets.randbits(63) if seed is None else seed,
        encoding=encoding,
        fill=fill,
        unit=unit,
        data_dir=data_dir,
        limit=limit,
        stride=stride,
        crop=crop,
        device=device,
        num_classes=classes,
        batch_size=batch_size,
        refuse_labels=False,
    )
    if resume and out is None:
        raise ValueError("--resume needs --out")
    messages.print(
        f"masks of seed {request.seed}, n = {samples}; for each input, with probability at most alpha = {alpha!r} the shown "
        "set is not the top k over all masks or a radius is too large",
        highlight=False,
        soft_wrap=True,
    )
    if out is not None:
        opened = _checked(open_run(request, out, resume=resume), k)
        ledger = run_to_ledger(opened)
        with replacing(out / "predictions.csv") as aside, aside.open("w", newline="", encoding="utf-8") as file:
            _write(ledger, k, alpha, file)
        _write(ledger, k, alpha, sys.stdout)
    else:
        with tempfile.TemporaryDirectory(prefix="topcert-") as folder:
            _write(run_to_ledger(_checked(open_run(request, Path(folder), resume=False), k)), k, alpha, sys.stdout)


def _checked(opened: Opened, k: int) -> Opened:
    check_ks([k], opened.prepared.classifier.num_classes)
    return opened


def _write(ledger: Ledger, k: int, alpha: float, file: TextIO) -> None:
    counts, (index, _, _) = ledger.counts(), ledger.read_inputs()
    labels = most_voted(counts, k)
    radii = radii_of(METHOD, counts, None, smoothing=smoothing_of(ledger.manifest), ks=[k], alpha=alpha).radius
    unit = ledger.manifest.unit
    told = tells_top_k(radii[:, :, 0], k)
    if not told.all() and file is sys.stdout:
        messages.print(
            f"abstained on {(~told).sum()} of {len(told)}: the votes cannot tell label {k} from the next; lower --k or "
            "raise --samples",
            highlight=False,
            soft_wrap=True,
        )
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["index", "rank", "label", "votes", "radius", "unit", "alpha"])
    for row, place in enumerate(index.tolist()):
        if not told[row]:
            writer.writerow([place, "abstain", "", "", "", unit, alpha])
            continue
        for rank, label in enumerate(labels[row].tolist()):
            writer.writerow([place, rank + 1, label, counts[row, label], radii[row, rank, 0], unit, alpha])
