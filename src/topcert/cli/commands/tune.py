"""`topcert tune`: which e, design and w certify most at a radius, by a small labelled sample."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Final, final

import typer
from rich.table import Table

from topcert.cli import options
from topcert.cli.grouping import grouped
from topcert.cli.machine import print_json
from topcert.cli.numbers import choose_ballot, flattened, several
from topcert.cli.option_groups import ModelOptions, PrintOptions, ReadingOptions, Shown
from topcert.cli.own_commands import OwnCommand
from topcert.cli.parsing import check_data_dir, check_folder
from topcert.cli.progress import console
from topcert.cli.running import run_to_ledger
from topcert.cli.suggesting import certify_command
from topcert.evaluation.accuracy import floored
from topcert.evaluation.choices import check_ballot, check_design, check_ks, choose_alpha
from topcert.evaluation.tuning import (
    Trial,
    folder_of,
    ranked,
    setting_in_words,
    try_ballots,
)
from topcert.files import replacing
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.methods.registered_methods import find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.ablation import Ablation
from topcert.noise.make_noise import make_noise
from topcert.randomization.lattices import read_strides
from topcert.voting.ledger import Ledger
from topcert.voting.prepare import prepare
from topcert.voting.request import Request
from topcert.voting.run import open_run

SAMPLES: Final = 1_000
INPUTS: Final = 200


@final
@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """What is tried."""

    method: Annotated[
        str | None,
        typer.Option(help="ablation or located; design with --design, fpa or run-off if said."),
    ] = None
    keep: Annotated[
        list[int] | None,
        typer.Option(
            metavar="E,...",
            parser=several,
            callback=flattened,
            help="Numbers kept to try, such as 40,50,60.",
        ),
    ] = None
    design: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Designs to try, such as lattice:5x5,lattice:4x5."),
    ] = None
    bounds: options.Bounds = None
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**8,
            help="Votes an input (n); 1,000, or one round of a lattice with strides.",
        ),
    ] = None
    ballot: Annotated[
        int | None,
        typer.Option(
            callback=choose_ballot,
            help="Try votes of 1 .. so many (w), at most classes - 1; by default up to k.",
        ),
    ] = None
    alpha: options.MethodAlpha = None
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Seed of the masks.")] = 0


@grouped
def tune(
    data: options.Data,
    model: options.Model,
    *,
    radius: Annotated[
        int, typer.Option(min=0, help="The radius that matters to you, in features.")
    ],
    k: Annotated[int, typer.Option(min=1, help="The k that matters to you.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for the votes of each setting and tune.csv.")],
    tried: TrialOptions,
    shown: Shown,
    reading: ReadingOptions,
    asked: ModelOptions,
    printing: PrintOptions,
) -> None:
    """Try settings on a small labelled sample, and say which certifies most at a radius.

    Each number kept or design has votes of its own; every w is derived from the same votes. What is
    chosen by some inputs must certify others: for CIFAR-10 tune on cifar10-held-out. Repeat the
    command to go on after a stop.
    """
    check_folder(out)
    check_data_dir(data, reading.data_dir)
    design, keep = tried.design, tried.keep
    name = tried.method or ("ablation" if design is None else "design")
    certifier = find_sampled_method(name)
    if certifier.noise != Ablation.name:
        raise ValueError(
            f"tune is for ablated inputs, and {name} is for {certifier.noise} noise; leave"
            " --method out"
        )
    designs = [None] if design is None else [part.strip() for part in design.split(",")]
    for one in designs:
        check_design(one, certifier)
    rule = check_rule(certifier, tried.bounds)
    chance = choose_alpha(tried.alpha, certifier, usual=0.001)
    all_kept: list[int | None] = [None] if keep is None else list(dict.fromkeys(keep))
    settings = list(dict.fromkeys((one, kept) for one in designs for kept in all_kept))
    for one, kept in settings:
        if kept is None and (one is None or read_strides(one) is None):
            raise ValueError(
                "--keep is needed: the numbers of features to keep that are to be tried, such as"
                " --keep 40,50"
            )
    requests = []
    for one, kept in settings:
        strides = None if one is None else read_strides(one)
        usual = SAMPLES if strides is None else strides.round_size
        requests.append(
            Request(
                data=data,
                model=model,
                noise=make_noise(Ablation, {"num_kept": kept, "design": one, **shown}),
                num_samples=usual if tried.samples is None else tried.samples,
                seed=tried.seed,
                unit=asked.unit,
                reading=reading.reading(limit=INPUTS),
                device=asked.device,
                num_classes=asked.classes,
                output=asked.output,
                batch_size=asked.batch_size,
            )
        )
    prepared = prepare(requests[0])  # how many classes there are is known only then
    num_classes = prepared.classifier.num_classes
    check_ks([k], num_classes)
    if prepared.dataset.labels is None:
        raise ValueError(
            f"{data} has no labels, and certified accuracy needs them; tune on labelled inputs"
        )
    most = tried.ballot or (min(k, num_classes - 1) if certifier.ballots else 1)
    check_ballot(most, certifier, num_classes)
    trials: list[Trial] = []
    for request, (_, kept) in zip(requests, settings, strict=True):
        law = request.noise.law
        console.print(f"votes of {setting_in_words(law, kept)}", highlight=False)
        ledger = _votes(
            replace(request, num_named=most), out / folder_of(law, kept), method=certifier
        )
        trials += try_ballots(
            ledger,
            method=name,
            bounds=rule,
            k=k,
            alpha=chance,
            radius=radius,
            ballots=range(1, most + 1),
        )
    order = ranked(trials)
    _print(order, k=k, radius=radius)
    best = order[0]
    more = {
        "--encoding": shown["encoding"],
        "--fill": shown["fill"],
        "--bounds": rule,
        "--alpha": tried.alpha,
        "--class-names": reading.class_names,
    }
    console.print(
        f"best on these {best.total} inputs:"
        f" {certify_command(best, requests[0], k=k, more=more)}\nthey chose it:"
        " certify others than these, for it may do a little worse on them",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    _write(order, out / "tune.csv")
    console.print(f"wrote {out / 'tune.csv'}", soft_wrap=True)
    if printing.as_json:
        print_json({"k": k, "radius": radius, "trials": [_row(trial) for trial in order]})


def _votes(request: Request, folder: Path, *, method: SampledMethod) -> Ledger:
    """The votes of one setting, in a folder of their own; gone on with where they are begun."""
    opened = open_run(request, folder, resume=(folder / "manifest.json").exists())
    made = opened.prepared.design
    if isinstance(method, DesignMethod) and made is not None:
        method.check_masks(request.num_samples, made.round_size)
    return run_to_ledger(
        opened, kept=f"finished blocks are kept in {folder}: repeat the command to go on"
    )


def _print(order: list[Trial], *, k: int, radius: int) -> None:
    table = Table(
        "masks",
        "e",
        "w",
        "votes",
        "certified",
        "95 % interval",
        title=f"certified top-{k} accuracy, r = {radius}",
    )
    for trial in order:
        low, high = trial.interval
        table.add_row(
            setting_in_words(trial.law, None),
            str(trial.num_kept),
            str(trial.num_named),
            f"{trial.passes:,}",
            floored(trial.certified, trial.total, 3),
            f"{low:.3f} to {high:.3f}",
        )
    console.print(table)


def _row(trial: Trial) -> dict[str, object]:
    low, high = trial.interval
    return {
        **asdict(trial),
        "share": trial.certified / trial.total,
        "share_lower": low,
        "share_upper": high,
    }


def _write(order: list[Trial], path: Path) -> None:
    rows = [_row(trial) for trial in order]
    with replacing(path) as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


COMMAND: Final = OwnCommand(
    run=tune, short="Which e, design and w certify most at a radius.", place=30
)
