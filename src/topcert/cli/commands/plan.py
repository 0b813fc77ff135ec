"""`topcert plan`: what can be certified at best, and what it costs here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, final

import typer
from rich.table import Table

from topcert.api.cost import time_passes
from topcert.api.plan import numbers_of, settings_of
from topcert.api.request_of import request_of
from topcert.cli import options
from topcert.cli.grouping import grouped
from topcert.cli.machine import print_json, radius_or_none
from topcert.cli.option_groups import Kept, ModelOptions, ReadingOptions
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import console
from topcert.cli.suggesting import suggest
from topcert.evaluation.accuracy import floored
from topcert.evaluation.choices import check_alpha
from topcert.evaluation.wording import best_in_words
from topcert.methods.planning import Setting, shown_radii
from topcert.noise.ablation import Ablation
from topcert.noise.make_noise import make_noise
from topcert.theory.attacker import REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN
from topcert.voting.prepare import prepare
from topcert.voting.prepared_run import Prepared

_FEWEST: Final = ("one rival has it all", "as few rivals as can have it all")


@final
@dataclass(frozen=True, kw_only=True)
class ClaimOptions:
    """Of which inputs and k, and what radius is wished for."""

    features: Annotated[
        int | None, typer.Option(help="Features of an input (d); read from DATA if given.")
    ] = None
    radius: Annotated[
        int | None,
        typer.Option(
            min=0, help="Say which e, w and designs can reach this radius, and how to choose."
        ),
    ] = None
    k: options.Ks = None
    moves: options.Moves = None


@final
@dataclass(frozen=True, kw_only=True)
class SharingOptions:
    """Who is to share the work, and what they cost."""

    workers: Annotated[
        int | None,
        typer.Option(min=1, help="With DATA and MODEL: what so many workers take, each as here."),
    ] = None
    price: Annotated[
        float | None, typer.Option(min=0, help="Of an hour of one worker, in any money.")
    ] = None


@grouped
def plan(
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="With MODEL: also time it on this machine."),
    ] = None,
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="As for certify.")] = None,
    *,
    noise: Kept,
    claim: ClaimOptions,
    ballot: options.Ballot = 1,
    samples: options.Samples = 10_000,
    alpha: options.Alpha = 0.001,
    reading: ReadingOptions,
    asked: ModelOptions,
    sharing: SharingOptions,
    as_json: options.AsJson = False,
) -> None:
    """Say what can be certified at best, which vote shares it takes, and (with DATA and MODEL) what
    it costs here.

    With --radius, say which numbers kept, ballots and designs can reach it at each share of votes;
    which of them is best only votes can tell: the commands of `topcert tune` that are printed try
    them on a labelled sample.
    """
    keep, classes = noise["num_kept"], asked.classes
    features, radius = claim.features, claim.radius
    check_alpha(alpha)
    if keep is None and radius is None:
        raise ValueError(
            "--keep is needed, how many features each mask keeps (e); or --radius, to be told which"
            " can reach it"
        )
    if keep is None and data is not None:
        raise ValueError("--keep is needed with DATA and MODEL, which are timed under such masks")
    if sharing.price is not None and sharing.workers is None:
        raise ValueError("--price is that of an hour of --workers; say how many")
    if sharing.workers is not None and data is None:
        raise ValueError("--workers needs DATA and MODEL, which are timed")
    if (data is None) != (model is None):
        raise ValueError("give both DATA and MODEL to time them, or neither")
    prepared = None
    name = "feature"
    if data is not None and model is not None:
        request = request_of(
            asked.smoothed(model, noise=make_noise(Ablation, noise), num_named=ballot),
            data,
            None,
            num_samples=samples,
            seed=0,
            reading=reading.reading(),
            unmatched="leave out",
        )
        prepared = prepare(request)
        for option, given, found in (
            ("--features", features, prepared.num_features),
            ("--classes", classes, prepared.classifier.num_classes),
        ):
            if given not in (None, found):
                raise ValueError(
                    f"{option} is {given}, but DATA and MODEL have {found}; leave it out"
                )
        features, classes, name = (
            prepared.num_features,
            prepared.classifier.num_classes,
            prepared.unit,
        )
    attacker = REWRITES if prepared is None else prepared.form.modality.attacker
    if claim.moves is not None:
        attacker = Attacker(moves=tuple(claim.moves.split(",")))
    if features is None or classes is None:
        raise ValueError("--features and --classes are needed without DATA and MODEL")
    planned = settings_of(
        num_features=features,
        num_kept=1 if keep is None else keep,
        num_classes=classes,
        ks=claim.k,
        num_samples=samples,
        alpha=alpha,
        num_named=ballot,
        attacker=attacker,
    )
    grid = prepared is not None and prepared.form.grid is not None
    settings, suggested = [], []
    for setting in planned:
        if keep is not None:
            settings.append(_print_setting(setting, name))
        if radius is not None:
            suggested.append(suggest(setting, radius, unit=name, grid=grid))
    cost = None if prepared is None else _print_cost(prepared, sharing)
    if as_json:
        more = {} if radius is None else {"suggested": suggested}
        print_json({"unit": name, "settings": settings, "cost": cost, **more})


def _print_setting(setting: Setting, unit: str) -> dict[str, Any]:
    """Print what can be certified; returns it as well, for --json."""
    largest = setting.largest_radius()
    w, n = setting.num_named, setting.num_samples
    console.print(
        best_in_words(largest, k=setting.k, unit=unit, setting=numbers_of(setting)),
        highlight=False,
        soft_wrap=True,
    )
    record = {**asdict(setting), "largest_radius": radius_or_none(largest), "votes_needed": []}
    record["moves"] = list(setting.attacker.moves)
    del record["attacker"]
    if w == 1:
        del record["num_named"]
    if largest == ABSTAIN:
        return record
    radii = shown_radii(largest)
    console.print(
        "votes that"
        f" {'a given label needs' if w == 1 else f'must name a given label among their {w}'}, if"
        f" the others share the rest evenly or if {_FEWEST[w > 1]}; other splits lie"
        f" elsewhere{', and radii in between are left out' if len(radii) <= largest else ''}",
        highlight=False,
    )
    table = Table()
    few = "one rival has the rest" if w == 1 else "few rivals have the rest"
    for heading in ("r", "others share the rest evenly", "share", few, "share"):
        table.add_column(heading, justify="right")
    # a share of votes is printed rounded up: what is printed suffices
    columns = [setting.votes_needed(radii, rest).tolist() for rest in ("even", "one")]
    for r, even, one in zip(radii.tolist(), *columns, strict=True):
        table.add_row(str(r), *_needed(even, n), *_needed(one, n))
        needed = {"others_even": even, "one_rival" if w == 1 else "few_rivals": one}
        record["votes_needed"].append(
            {"radius": r, **{name: None if votes > n else votes for name, votes in needed.items()}}
        )
    console.print(table)
    return record


def _needed(votes: int, all_votes: int) -> tuple[str, str]:
    """Votes and their share; none where no number of them is enough."""
    return ("none", "none") if votes > all_votes else (f"{votes:,}", _raised(votes, all_votes))


def _raised(part: int, whole: int) -> str:
    """`part / whole` rounded up at four decimals."""
    return floored(-(-part * 10**4 // whole), 10**4, 4)


def _print_cost(prepared: Prepared, sharing: SharingOptions) -> dict[str, Any]:
    """Time some passes and print what all take; returns it as well, for --json."""
    found = time_passes(prepared)
    inputs, samples = len(prepared.dataset), prepared.request.num_samples
    console.print(
        f"cost here: {inputs} inputs x {samples:,} masks = {found.passes:,} passes;"
        f" {found.passes_per_second:,.0f} passes a second in batches of {prepared.batch_size}"
        f" ({found.runtime}): {duration_in_words(found.seconds)}; at most"
        f" {found.bytes / 2**20:,.1f} MiB of votes on disk, in {found.blocks:,}"
        f" block{'s' * (found.blocks > 1)}",
        highlight=False,
        soft_wrap=True,
    )
    if sharing.workers is None:
        return asdict(found)
    shared = found.shared(sharing.workers, price=sharing.price)
    money = "" if shared.money is None else f", {shared.money:,.2f} at {sharing.price:g} an hour"
    console.print(
        f"{shared.workers:,} worker{'s' * (shared.workers > 1)} as fast as this process:"
        f" {duration_in_words(shared.seconds)}, {shared.worker_hours:,.2f} worker hours{money}",
        highlight=False,
        soft_wrap=True,
    )
    return asdict(found) | {"shared": asdict(shared)}


def duration_in_words(seconds: float) -> str:
    """As a person says it: 12.9 hours, not 772.7 minutes."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size or (unit == "minutes" and seconds >= size):
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.1f} seconds"


COMMAND: Final = OwnCommand(
    run=plan, short="What can be certified at best, and what it costs.", place=20
)
