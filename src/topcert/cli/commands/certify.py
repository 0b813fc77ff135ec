"""`topcert certify`: the main job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, final

import typer

from topcert.api.certification import Certification
from topcert.api.certify_network import MAX_RADIUS
from topcert.cli import options
from topcert.cli.best_possible import print_where_nothing
from topcert.cli.bounding import certify_bounds
from topcert.cli.certifying import certify_in_view, results_of, vote_share_in_view
from topcert.cli.grouping import flags_given, grouped
from topcert.cli.listing import print_inputs
from topcert.cli.machine import print_json, summary
from topcert.cli.option_groups import (
    ExecutorOptions,
    Laws,
    ModelOptions,
    PrintOptions,
    ReadingOptions,
)
from topcert.cli.own_commands import OwnCommand
from topcert.cli.printing import print_curves, print_promise, print_unlabelled
from topcert.cli.progress import console
from topcert.cli.stop_messages import print_stopping
from topcert.evaluation.choices import check_design, law_of
from topcert.evaluation.wording import counted_in_words, gap_in_words, raw_in_words
from topcert.files import check_out_folder
from topcert.methods.method import SampledMethod
from topcert.methods.registered_methods import find_method
from topcert.noise.make_noise import make_noise
from topcert.noise.registered_laws import all_noises
from topcert.voting.share import Share


@final
@dataclass(frozen=True, kw_only=True)
class ClaimOptions:
    """What is claimed of which label."""

    k: options.Ks = None
    label: options.Label = None
    moves: options.Moves = None


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
    shard: options.Shard = None


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
    work: ExecutorOptions,
    printing: PrintOptions,
) -> None:
    """Certify how many features an attacker may change before a label can leave the top k.

    The folder --out then holds manifest.json, ledger/ (every vote), counts.csv,
    certificates.parquet, accuracy.csv and accuracy.png/.svg. A run that was stopped goes on with
    --resume; with another --method, --bounds, --k, --alpha or --label the same votes are certified
    anew. With --stop (ablation or located) each input has as many votes as its answer takes, for
    one k and alpha: no other certificate may be made of them. With --ballot W each ablated input
    names its W best labels instead of one; evaluate --ballot w then certifies any smaller w from
    the same votes. With --shard I/N only the blocks of share I of N are computed, and nothing is
    certified: merge puts shares together. The method chiang has no votes: its bounds.json takes the
    place of the first three.
    """
    check_out_folder(out)
    certifier = find_method(method)
    if not isinstance(certifier, SampledMethod):
        if claim.moves is not None:
            raise ValueError(f"--moves is for methods on votes, not for {method}; leave it out")
        _refuse_votes(method, noise, votes, asked, work, reading)
        certify_bounds(
            data,
            model,
            out=out,
            ks=[1] if claim.k is None else claim.k,
            label=claim.label,
            max_radius=MAX_RADIUS if max_radius is None else max_radius,
            reading=reading.reading(),
            resume=work.resume,
            as_json=printing.as_json,
        )
        return
    executor = work.made()
    if max_radius is not None:
        raise ValueError(f"--max-radius is for the method chiang, not for {method}; leave it out")
    certification = Certification(
        method=method,
        k=claim.k,
        alpha=votes.alpha,
        label_choice=claim.label,
        bounds=votes.bounds,
        num_samples=votes.samples,
        num_selection=votes.selection,
        stop=votes.stop,
        max_samples=votes.max_samples,
        moves=None if claim.moves is None else claim.moves.split(","),
    )
    check_design(noise.get("design"), certifier)  # before the noise, which knows no method
    request = certification.request(
        asked.smoothed(model, noise=make_noise(law_of(certifier), noise), num_named=votes.ballot),
        data,
        seed=votes.seed,
        reading=reading.reading(),
        folder=out if work.resume else None,
    )
    share = None if votes.shard is None else Share.read(votes.shard)
    opened = certification.open(request, out, resume=work.resume)
    if share is not None:
        vote_share_in_view(opened, share, executor=executor)
        return
    results = results_of(certify_in_view(opened, executor=executor))
    print_curves(results.curves, what=counted_in_words(results.certificates))
    print_inputs(results.certificates, out)
    print_unlabelled(results.curves, results.certificates)
    print_promise(results.certificates, results.ledger)
    print_stopping(results.certificates, results.ledger.manifest)
    print_where_nothing(results)
    console.print(f"wrote {out}", soft_wrap=True)
    if printing.as_json:
        manifest = results.ledger.manifest
        raw = raw_in_words(manifest)
        found = summary(results.certificates, results.curves, out, raw_input=raw)
        print_json(found | {"not_covered": gap_in_words(manifest)})


def _refuse_votes(
    method: str,
    noise: Mapping[str, Any],
    votes: VoteOptions,
    asked: ModelOptions,
    work: ExecutorOptions,
    reading: ReadingOptions,
) -> None:
    """Refuse what is for methods on votes alone."""
    laws = {name: one.flag for law in all_noises().values() for name, one in law.options().items()}
    given = [laws[name] for name, value in noise.items() if value is not None]
    working = set(flags_given(work)) - {"--resume"}
    for flag in (*given, *flags_given(votes), *flags_given(asked), *sorted(working)):
        raise ValueError(f"{flag} is for methods on votes, not for {method}; leave it out")
    if reading.value_range is not None:
        raise ValueError(
            f"--range is for methods on votes, not for {method}, whose images lie in [0, 1];"
            " leave it out"
        )


COMMAND: Final = OwnCommand(
    run=certify, short="Votes, certificates and their curve, in one folder.", place=40
)
