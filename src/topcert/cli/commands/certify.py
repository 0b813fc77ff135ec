"""`topcert certify`: the main job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, final

import typer

from topcert.api.certify_network import MAX_RADIUS
from topcert.api.voting_run import open_for
from topcert.cli import options
from topcert.cli.best_possible import print_best, print_where_nothing
from topcert.cli.bounding import certify_bounds
from topcert.cli.certifying import save_certificates
from topcert.cli.grouping import flags_given, grouped
from topcert.cli.listing import print_inputs
from topcert.cli.machine import print_json, summary
from topcert.cli.option_groups import Laws, ModelOptions, PrintOptions, ReadingOptions
from topcert.cli.own_commands import OwnCommand
from topcert.cli.parsing import check_data_dir
from topcert.cli.printing import print_curves, print_promise, print_unlabelled
from topcert.cli.progress import console
from topcert.cli.running import run_to_ledger
from topcert.cli.stop_messages import print_stopping
from topcert.evaluation.choices import (
    check_alpha,
    check_design,
    choose_alpha,
    choose_ks,
    choose_label,
    choose_samples,
    choose_selection,
    choose_stopping,
    law_of,
)
from topcert.evaluation.results import Results, smoothing_of
from topcert.evaluation.wording import gap_in_words
from topcert.files import check_out_folder
from topcert.methods.certify import check_ballots
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.methods.registered_methods import find_method, find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.law import IID
from topcert.noise.make_noise import make_noise
from topcert.noise.registered_laws import all_noises
from topcert.voting.manifest import Manifest
from topcert.voting.open_inputs import stopping_test_of
from topcert.voting.request import Request


@final
@dataclass(frozen=True, kw_only=True)
class ClaimOptions:
    """What is claimed of which label."""

    k: options.Ks = None
    label: options.Label = None


@final
@dataclass(frozen=True, kw_only=True)
class VoteOptions:
    """Votes, and the bounds that they give: nothing here is for a method without votes."""

    bounds: options.Bounds = None
    selection: options.Selection = None
    samples: options.OptionalSamples = None
    ballot: options.Ballot = 1
    stop: options.Stop = None
    max_samples: options.MaxSamples = None
    alpha: options.MethodAlpha = None
    seed: options.Seed = 0


@grouped
def certify(
    data: options.Data,
    model: options.Model,
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the votes, the certificates and the curve.")
    ],
    method: options.Method = "ablation",
    claim: ClaimOptions,
    noise: Laws,
    votes: VoteOptions,
    max_radius: Annotated[
        int | None,
        typer.Option(
            min=0, help="chiang: the largest radius that is looked for, in pixels; 32 without it."
        ),
    ] = None,
    reading: ReadingOptions,
    asked: ModelOptions,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    printing: PrintOptions,
) -> None:
    """Certify how many features an attacker may change before a label can leave the top k.

    The folder --out then holds manifest.json, ledger/ (every vote), counts.csv,
    certificates.parquet, accuracy.csv and accuracy.png/.svg. A run that was stopped goes on with
    --resume; with another --method, --bounds, --k, --alpha or --label the same votes are certified
    anew. With --stop (ablation or located) each input has as many votes as its answer takes, for
    one k and alpha: no other certificate may be made of them. With --ballot W each ablated input
    names its W best labels instead of one; evaluate --ballot w then certifies any smaller w from
    the same votes. The method chiang has no votes: its bounds.json takes the place of the first
    three.
    """
    check_out_folder(out)
    check_data_dir(data, reading.data_dir)
    certifier = find_method(method)
    if not isinstance(certifier, SampledMethod):
        _refuse_votes(method, noise, votes, asked, reading)
        certify_bounds(
            data,
            model,
            out=out,
            ks=[1] if claim.k is None else claim.k,
            label=claim.label,
            max_radius=MAX_RADIUS if max_radius is None else max_radius,
            reading=reading.reading(),
            resume=resume,
            as_json=printing.as_json,
        )
        return
    if max_radius is not None:
        raise ValueError(f"--max-radius is for the method chiang, not for {method}; leave it out")
    rule = check_rule(certifier, votes.bounds)
    design, label = noise.get("design"), claim.label
    check_design(design, certifier)
    selection = votes.selection
    if resume and selection is None and (out / "manifest.json").is_file():
        recorded = Manifest.read(out / "manifest.json").num_selection
        if not recorded and label == "selected":
            raise ValueError(
                f"{out} has no first sample that selects a label; leave --label out, or choose"
                " another --out"
            )
        selection = recorded if votes.stop is None or label == "selected" else None
    chance = choose_alpha(votes.alpha, certifier, usual=0.001)
    stopping, num_samples = choose_stopping(
        votes.stop,
        samples=votes.samples,
        max_samples=votes.max_samples,
        method=certifier,
        bounds=votes.bounds,
        ks=choose_ks(claim.k, method),
        alpha=chance,
        label=label,
        num_named=votes.ballot,
        usual=choose_samples(None, design),
    )
    request = Request(
        data=data,
        model=model,
        noise=make_noise(law_of(certifier), noise),
        num_selection=choose_selection(selection, certifier, label),
        num_samples=num_samples,
        num_named=votes.ballot,
        stopping=stopping,
        seed=votes.seed,
        unit=asked.unit,
        reading=reading.reading(),
        unmatched="leave out" if label in ("predicted", "selected") else "refuse",
        device=asked.device,
        num_classes=asked.classes,
        output=asked.output,
        batch_size=asked.batch_size,
    )
    results = run_certification(
        request,
        method=method,
        bounds=rule,
        out=out,
        ks=claim.k,
        alpha=chance,
        label=label,
        resume=resume,
    )
    print_curves(results.curves, unit=results.certificates.unit)
    print_inputs(results.certificates, out)
    print_unlabelled(results.curves, results.certificates)
    print_promise(results.certificates, results.ledger)
    print_stopping(results.certificates, results.ledger.manifest)
    print_where_nothing(results)
    console.print(f"wrote {out}", soft_wrap=True)
    if printing.as_json:
        gap = gap_in_words(results.ledger.manifest)
        print_json(summary(results.certificates, results.curves, out) | {"not_covered": gap})


def _refuse_votes(
    method: str,
    noise: Mapping[str, Any],
    votes: VoteOptions,
    asked: ModelOptions,
    reading: ReadingOptions,
) -> None:
    """Refuse what is for methods on votes alone."""
    laws = {name: one.flag for law in all_noises().values() for name, one in law.options().items()}
    given = [laws[name] for name, value in noise.items() if value is not None]
    for flag in (*given, *flags_given(votes), *flags_given(asked)):
        raise ValueError(f"{flag} is for methods on votes, not for {method}; leave it out")
    if reading.value_range is not None:
        raise ValueError(
            f"--range is for methods on votes, not for {method}, whose images lie in [0, 1];"
            " leave it out"
        )


def run_certification(
    request: Request,
    *,
    method: str,
    bounds: str | None = None,
    out: Path,
    ks: list[int] | None,
    alpha: float,
    label: str | None,
    resume: bool,
) -> Results:
    """Everything `certify` does but print results: check all parameters, fill the ledger, derive,
    write, draw.

    `ks` None takes the usual ones for the method and the number of classes.
    """
    certifier = find_sampled_method(method)
    if isinstance(certifier, DesignMethod):
        check_design(None if request.noise.law == IID else request.noise.law, certifier)
    else:
        check_alpha(alpha)
    check_ballots(certifier, request.num_named)
    opened = open_for(certifier, request, out, resume=resume)
    num_classes = opened.prepared.classifier.num_classes
    if ks is None and request.stopping is not None and request.stopping.k >= num_classes:
        raise ValueError(
            f"there are {num_classes} classes, and without --k a rule of --stop asks about 3; say"
            " --k 1 with it"
        )
    ks = choose_ks(ks, method, num_classes)
    choice = choose_label(
        label,
        certifier,
        num_selection=request.num_selection,
        has_labels=opened.prepared.dataset.labels is not None,
    )
    planned = opened.prepared.manifest("")
    print_best(
        certifier,
        smoothing=smoothing_of(planned),
        num_classes=num_classes,
        num_samples=request.num_samples,
        ks=ks,
        alpha=alpha,
        label_choice=choice,
        bounds=bounds,
        stopping_test=stopping_test_of(planned),
    )
    ledger = run_to_ledger(opened)
    return save_certificates(
        ledger, method=method, bounds=bounds, ks=ks, alpha=alpha, choice=choice
    )


COMMAND: Final = OwnCommand(
    run=certify, short="Votes, certificates and their curve, in one folder.", place=40
)
