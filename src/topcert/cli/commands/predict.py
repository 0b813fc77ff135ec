"""`topcert predict`: the k labels that the smoothed classifier shows, each with its radius."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final, final

import typer

from topcert.api.prediction import Prediction
from topcert.api.request_of import request_of
from topcert.api.votes import Votes
from topcert.api.voting_run import open_for
from topcert.cli import options
from topcert.cli.best_possible import print_best
from topcert.cli.grouping import grouped
from topcert.cli.machine import print_json
from topcert.cli.option_groups import (
    ExecutorOptions,
    Masks,
    ModelOptions,
    PrintOptions,
    ReadingOptions,
)
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import messages
from topcert.cli.running import run_to_ledger
from topcert.evaluation.accuracy import floored
from topcert.evaluation.choices import MAX_SAMPLES, choose_samples
from topcert.evaluation.predictions import Predictions
from topcert.evaluation.results import choose_attacker, smoothing_of
from topcert.methods.method import DesignMethod
from topcert.noise.ablation import Ablation
from topcert.noise.law import IID
from topcert.noise.make_noise import make_noise
from topcert.randomization.lattices import read_strides
from topcert.voting.executors.executor import Executor
from topcert.voting.open_inputs import stopping_test_of
from topcert.voting.request import Request


@final
@dataclass(frozen=True, kw_only=True)
class VoteOptions:
    """Votes, and what they promise."""

    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**8,
            help="Votes an input (n); 10,000, or one round of a design with strides.",
        ),
    ] = None
    stop: Annotated[
        str | None,
        typer.Option(
            help=(
                "Sample until an answer is known about each label: radius=R (at least R?), table"
                " (0 .. 5) or exact. A first sample of 100 chooses the labels."
            )
        ),
    ] = None
    max_samples: options.MaxSamples = None
    max_seconds: Annotated[
        float | None,
        typer.Option(help="Be done after about so many seconds; --stop exact unless said."),
    ] = None
    ballot: options.Ballot = 1
    alpha: options.MethodAlpha = None
    seed: Annotated[
        int | None,
        typer.Option(
            help=(
                "Seed of the mask stream; without it fresh from the system, for designs 0 as of"
                " certify."
            )
        ),
    ] = None


@grouped
def predict(
    data: options.Data,
    model: options.Model,
    *,
    method: Annotated[
        str | None,
        typer.Option(
            help=(
                "ablation; with --stop also located; with --design: design, or fpa or run-off if"
                " said."
            )
        ),
    ] = None,
    noise: Masks,
    k: Annotated[
        int | None, typer.Option(help="Labels to show; 3, or fewer where there are fewer classes.")
    ] = None,
    votes: VoteOptions,
    reading: ReadingOptions,
    asked: ModelOptions,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to keep the run in: as that of certify, and predictions.csv."),
    ] = None,
    work: ExecutorOptions,
    printing: PrintOptions,
) -> None:
    """Show the k labels of the smoothed classifier, each with its certified radius; a label without
    one abstains.

    Labels are ordered by votes (ties: lower index first). Each has a certificate of its own: a
    label with radius r stays among the top k of the vote over all masks, however r features are
    rewritten; of one that abstains nothing is claimed, and the others keep theirs. All claims about
    an input hold together with probability at least 1 - alpha. Where no label abstains, the shown
    set is the top k; the order within it is not certified. Prints CSV
    `index,name,rank,label,class,votes,radius,stay,unit,alpha` (`name` and `class` where files and
    classes have names). Up to radius `stay` at least as many of the labels that the input is shown
    as the rank says are still among the top k, whichever they are. With --ballot W each ablated
    input names its W best labels, `votes` says how many name the label, and a column `num_named` W.
    With --design the vote over its published masks is the classifier: every label that is shown has
    a radius, nothing is left to chance, and a column `method` says by which rule. With --stop or
    --max-seconds a first sample chooses the k labels of an input, each is certified at alpha / k
    however long it samples, and a column `samples` says how many votes that took; nothing of it can
    be kept.
    """
    design = noise["design"]
    wanted = Prediction.of(
        method,
        design=design,
        alpha=votes.alpha,
        num_named=votes.ballot,
        stop=votes.stop,
        max_seconds=votes.max_seconds,
    )
    if noise["num_kept"] is None and (design is None or read_strides(design) is None):
        raise ValueError("--keep is needed: how many features each mask keeps (e)")
    if work.resume and out is None:
        raise ValueError("--resume needs --out")
    wanted.check_folder(out)
    stops = wanted.question is not None
    if stops and votes.samples is not None:
        raise ValueError(
            "--samples is a number of votes set beforehand; with --stop or --max-seconds give the"
            " cap as --max-samples"
        )
    if votes.max_samples is not None and not stops:
        raise ValueError(
            "--max-samples is the cap of --stop; give a question with --stop, or use --samples"
        )
    request = request_of(
        asked.smoothed(model, noise=make_noise(Ablation, noise), num_named=votes.ballot),
        data,
        None,
        num_samples=(
            votes.max_samples or MAX_SAMPLES if stops else choose_samples(votes.samples, design)
        ),
        num_selection=wanted.num_selection,
        stopping=wanted.rule(k, votes.ballot),
        seed=wanted.seed(votes.seed, out if work.resume else None),
        reading=reading.reading(),
        unmatched="leave out",
        refuse_labels=False,  # the inputs may be an attacker's
    )
    run = partial(_run, request, asked=wanted, k=k, executor=work.made())
    if out is not None:
        made, raw_input = run(out, resume=work.resume, kept=None)
    else:
        with tempfile.TemporaryDirectory(prefix="topcert-") as folder:
            made, raw_input = run(Path(folder), resume=False, kept="nothing is kept without --out")
    _print_what_abstains(made)
    _print_how_many_stay(made)
    if printing.as_json:
        print_json(_as_object(made, request, raw_input))
    else:
        sys.stdout.write(made.text())


def _run(
    request: Request,
    folder: Path,
    *,
    asked: Prediction,
    k: int | None,
    resume: bool,
    kept: str | None,
    executor: Executor,
) -> tuple[Predictions, str | None]:
    """Vote, and show what the votes say; a folder that is to be kept is finished (`kept` None).

    Beside it stands what an attacker of the raw input can do, or None.
    """
    method = asked.method
    opened = open_for(method, request, folder, resume=resume)
    num_classes = opened.prepared.classifier.num_classes
    k = asked.k(k, num_classes)
    planned = opened.prepared.manifest("")
    print_best(
        method,
        smoothing=smoothing_of(planned, attacker=choose_attacker(None, planned)),
        num_classes=num_classes,
        num_samples=request.num_samples,
        ks=[k],
        alpha=asked.alpha,
        label_choice="predicted",
        stopping_test=stopping_test_of(planned),
    )
    promise, raw = _promise(request, asked), opened.prepared.dataset.raw
    unit = opened.prepared.unit
    if raw is not None:
        promise += f"; {raw.in_words(unit=unit)}"
    ledger = run_to_ledger(
        opened, kept=kept, promise=promise, executor=executor, budget=asked.budget
    )
    made = asked.show(Votes(ledger), k, keep=kept is None)
    return made, None if raw is None else raw.sentence(unit=unit)


def _promise(request: Request, asked: Prediction) -> str:
    """What is claimed of the labels that will be shown."""
    method, rule = asked.method, request.stopping
    w = request.num_named
    named = "" if w == 1 else f", each naming its {w} best labels (w = {w})"
    if isinstance(method, DesignMethod):
        return (
            f"the {request.num_samples:,} published masks of {request.noise.law}{named}, method"
            f" {method.name}: the shown label {method.promise}; {method.guarantee}"
        )
    many = f"n = {request.num_samples}"
    if rule is not None:
        many = (
            f"n up to {request.num_samples}, until {rule.question} is answered for the {rule.k}"
            f" labels that a first sample of {request.num_selection} chooses"
        )
    return (
        f"masks of seed {request.seed}, {many}{named}; all radii of an input hold together with"
        f" probability at least 1 - alpha, alpha = {asked.alpha!r}; of a label that abstains"
        " nothing is claimed"
    )


def _print_how_many_stay(made: Predictions) -> None:
    """Of how many labels an input is shown how many stay, at a few radii."""
    if made.k == 1 or not made.stay.size:
        return
    reach = int(made.stay.max())
    shares = [
        f"{floored(int(made.num_staying(r).sum()), len(made), 2)} at r = {r}"
        for r in dict.fromkeys((0, 1, 3, 5, 10, reach))
        if 0 <= r <= reach
    ]
    if shares:
        messages.print(
            f"of the {made.k} labels that an input is shown, at least so many stay on average:"
            f" {', '.join(shares)}",
            highlight=False,
            soft_wrap=True,
        )


def _print_what_abstains(made: Predictions) -> None:
    for line in made.stopped_in_words():
        messages.print(line, highlight=False, soft_wrap=True)
    abstaining = int((made.radii < 0).sum())
    if abstaining:
        messages.print(
            f"{abstaining} of {made.radii.size} shown labels abstain, on {(~made.is_top_k).sum()}"
            f" of {len(made.is_top_k)} inputs: the votes cannot tell whether they are among the top"
            f" {made.k}",
            highlight=False,
            soft_wrap=True,
        )


def _as_object(made: Predictions, request: Request, raw_input: str | None) -> dict[str, object]:
    return {
        "k": made.k,
        "alpha": made.alpha,
        "unit": made.unit,
        "moves": list(made.attacker.moves),
        "seed": request.seed,
        "num_samples": request.num_samples,
        "stop": None if request.stopping is None else request.stopping.question,
        "num_named": request.num_named,
        "method": made.method,
        "design": None if request.noise.law == IID else request.noise.law,
        "raw_input": raw_input,
        "inputs": list(made.as_objects()),
    }


COMMAND: Final = OwnCommand(
    run=predict, short="The k labels to show, each with its radius.", place=50
)
