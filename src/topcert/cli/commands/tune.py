"""`topcert tune`: which e, design and w certify most at a radius, by a small labelled sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, final

import typer
from rich.table import Table

from topcert.api.claim import Claim
from topcert.api.request_of import request_of
from topcert.api.tune import INPUTS, SAMPLES, try_settings
from topcert.api.votes import Votes
from topcert.api.voting_run import open_for
from topcert.cli import options
from topcert.cli.grouping import grouped
from topcert.cli.machine import print_json
from topcert.cli.numbers import choose_ballot, flattened, several
from topcert.cli.option_groups import ModelOptions, PrintOptions, ReadingOptions, Shown
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import console
from topcert.cli.running import run_to_ledger
from topcert.cli.suggesting import certify_command
from topcert.evaluation.accuracy import floored
from topcert.evaluation.choices import choose_samples
from topcert.evaluation.tuning import Trial, setting_in_words
from topcert.files import check_out_folder
from topcert.methods.method import SampledMethod
from topcert.methods.registered_methods import find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.ablation import Ablation
from topcert.noise.make_noise import make_noise
from topcert.randomization.lattices import read_strides
from topcert.voting.request import Request


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
    k: Annotated[
        int | None,
        typer.Option(min=1, help="The k that matters to you; 3, or fewer where classes are fewer."),
    ] = None,
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
    check_out_folder(out)
    design, keep = tried.design, tried.keep
    designs = [None] if design is None else [part.strip() for part in design.split(",")]
    kept_all: list[int | None] = [None] if keep is None else list(dict.fromkeys(keep))
    settings = list(dict.fromkeys((one, kept) for one in designs for kept in kept_all))
    claim = Claim(
        method=tried.method, bounds=tried.bounds, alpha=tried.alpha, num_named=tried.ballot
    )
    for one, kept in settings:
        if kept is None and (one is None or read_strides(one) is None):
            raise ValueError(
                "--keep is needed: the numbers of features to keep that are to be tried, such as"
                " --keep 40,50"
            )
    requests = [
        request_of(
            asked.smoothed(
                model, noise=make_noise(Ablation, {"num_kept": kept, "design": one, **shown})
            ),
            data,
            None,
            num_samples=choose_samples(tried.samples, one, usual=SAMPLES),
            seed=tried.seed,
            reading=reading.reading(limit=INPUTS),
            unmatched="refuse",
        )
        for one, kept in settings
    ]
    found = try_settings(requests, claim, k=k, radius=radius, out=out, collect=_votes)
    order = found.trials
    _print(order, k=found.k, radius=radius)
    best = order[0]
    more = {
        "--encoding": shown["encoding"],
        "--fill": shown["fill"],
        "--bounds": check_rule(find_sampled_method(best.method), tried.bounds),
        "--alpha": tried.alpha,
        "--class-names": reading.class_names,
    }
    console.print(
        f"best on these {best.total} inputs:"
        f" {certify_command(best, requests[0], k=found.k, more=more)}\nthey chose it:"
        " certify others than these, for it may do a little worse on them",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    found.save(out / "tune.csv")
    console.print(f"wrote {out / 'tune.csv'}", soft_wrap=True)
    if printing.as_json:
        print_json({"k": found.k, "radius": radius, "trials": found.rows()})


def _votes(request: Request, method: SampledMethod, folder: Path | None) -> Votes:
    """The votes of one setting, in a folder of their own; gone on with where they are begun."""
    assert folder is not None
    law = request.noise.law
    kept = request.noise.entries().get("num_kept")
    console.print(f"votes of {setting_in_words(law, kept)}", highlight=False)
    opened = open_for(method, request, folder, resume=(folder / "manifest.json").exists())
    kept_in = f"finished blocks are kept in {folder}: repeat the command to go on"
    return Votes(run_to_ledger(opened, kept=kept_in))


def _print(order: Sequence[Trial], *, k: int, radius: int) -> None:
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


COMMAND: Final = OwnCommand(
    run=tune, short="Which e, design and w certify most at a radius.", place=30
)
