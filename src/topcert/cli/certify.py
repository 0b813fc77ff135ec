"""`topcert certify`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from topcert.cli import options
from topcert.cli.best import say_best, say_where_nothing
from topcert.cli.bounding import certify_bounds
from topcert.cli.listing import print_inputs
from topcert.cli.machine import print_json, summary
from topcert.cli.parsing import check_data_dir, check_folder
from topcert.cli.printing import print_curves, print_promise, print_unlabelled
from topcert.cli.progress import console, pairs_bar
from topcert.cli.running import run_to_ledger
from topcert.cli.stopping import print_stopping
from topcert.datasets.class_order import read_class_names
from topcert.datasets.reading import Reading
from topcert.evaluation.choices import (
    SAMPLES,
    check_alpha,
    check_design,
    choose_alpha,
    choose_ks,
    choose_label,
    choose_selection,
    choose_stopping,
    law_of,
)
from topcert.evaluation.results import Results, derive, smoothing_of
from topcert.evaluation.wording import gap_in_words
from topcert.methods.certificates import LabelChoice
from topcert.methods.certify import check_ballots
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.methods.registry import find_method, find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.asking import make_noise
from topcert.noise.law import IID
from topcert.randomization.lattice import read_strides
from topcert.report.keeping import keep_results
from topcert.voting.ledger import Ledger, judge_of
from topcert.voting.manifest import Manifest
from topcert.voting.request import Request
from topcert.voting.run import open_run

MAX_RADIUS: Final = 32


def certify(
    data: options.Data,
    model: options.Model,
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the votes, the certificates and the curve.")
    ],
    method: options.Method = "ablation",
    design: options.Design = None,
    bounds: options.Bounds = None,
    keep: options.NoiseKeep = None,
    sigma: options.Sigma = None,
    keep_probability: options.KeepProbability = None,
    k: options.Ks = None,
    selection: options.Selection = None,
    samples: options.OptionalSamples = None,
    ballot: options.Ballot = 1,
    stop: options.Stop = None,
    max_samples: options.MaxSamples = None,
    alpha: options.MethodAlpha = None,
    max_radius: Annotated[
        int | None,
        typer.Option(
            min=0, help="chiang: the largest radius that is looked for, in pixels; 32 without it."
        ),
    ] = None,
    seed: options.Seed = 0,
    label: options.Label = None,
    encoding: options.Encoding = None,
    fill: options.Fill = None,
    unit: options.UnitOption = None,
    data_dir: options.DataDir = None,
    limit: options.Limit = None,
    stride: options.Stride = None,
    resize: options.Resize = None,
    crop: options.Crop = None,
    skip_unreadable: options.SkipUnreadable = False,
    channels: options.Channels = None,
    value_range: options.ValueRange = None,
    class_names: options.ClassNames = None,
    device: options.Device = "auto",
    classes: options.Classes = None,
    output: options.Output = None,
    batch_size: options.BatchSize = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: options.AsJson = False,
    _progress: options.Progress = None,
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
    check_folder(out)
    check_data_dir(data, data_dir)
    reading = Reading(
        data_dir=data_dir,
        limit=limit,
        stride=stride,
        resize=resize,
        crop=crop,
        skip_unreadable=skip_unreadable,
        channels=channels,
        value_range=value_range,
        class_names=None if class_names is None else read_class_names(class_names),
    )
    certifier = find_method(method)
    if not isinstance(certifier, SampledMethod):
        given = {
            "--design": design,
            "--bounds": bounds,
            "--keep": keep,
            "--sigma": sigma,
            "--keep-probability": keep_probability,
            "--selection": selection,
            "--samples": samples,
            "--stop": stop,
            "--max-samples": max_samples,
            "--ballot": None if ballot == 1 else ballot,
            "--alpha": alpha,
            "--encoding": encoding,
            "--fill": fill,
            "--unit": unit,
            "--classes": classes,
            "--output": output,
            "--batch-size": batch_size,
        }
        for option, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{option} is for methods on votes, not for {method}; leave it out"
                )
        if value_range is not None:
            raise ValueError(
                f"--range is for methods on votes, not for {method}, whose images lie in [0, 1];"
                " leave it out"
            )
        certify_bounds(
            data,
            model,
            out=out,
            ks=[1] if k is None else k,
            label=label,
            max_radius=MAX_RADIUS if max_radius is None else max_radius,
            reading=reading,
            resume=resume,
            as_json=as_json,
        )
        return
    if max_radius is not None:
        raise ValueError(f"--max-radius is for the method chiang, not for {method}; leave it out")
    rule = check_rule(certifier, bounds)
    check_design(design, certifier)
    if resume and selection is None and (out / "manifest.json").is_file():
        recorded = Manifest.read(out / "manifest.json").num_selection
        if not recorded and label == "selected":
            raise ValueError(
                f"{out} has no first sample that selects a label; leave --label out, or choose"
                " another --out"
            )
        selection = recorded if stop is None or label == "selected" else None
    chance = choose_alpha(alpha, certifier, usual=0.001)
    strides = None if design is None else read_strides(design)
    stopping, num_samples = choose_stopping(
        stop,
        samples=samples,
        max_samples=max_samples,
        method=certifier,
        bounds=bounds,
        ks=choose_ks(k, method),
        alpha=chance,
        label=label,
        num_named=ballot,
        usual=SAMPLES if strides is None else strides.round_size,
    )
    request = Request(
        data=data,
        model=model,
        noise=make_noise(
            law_of(certifier),
            {
                "num_kept": keep,
                "sigma": sigma,
                "keep_probability": keep_probability,
                "design": design,
                "encoding": encoding,
                "fill": fill,
            },
        ),
        num_selection=choose_selection(selection, certifier, label),
        num_samples=num_samples,
        num_named=ballot,
        stopping=stopping,
        seed=seed,
        unit=unit,
        reading=reading,
        doubtful="leave out" if label in ("predicted", "selected") else "refuse",
        device=device,
        num_classes=classes,
        output=output,
        batch_size=batch_size,
    )
    results = run_certification(
        request,
        method=method,
        bounds=rule,
        out=out,
        ks=k,
        alpha=chance,
        label=label,
        resume=resume,
    )
    print_curves(results.curves, unit=results.certificates.unit)
    print_inputs(results.certificates, out)
    print_unlabelled(results.curves, results.certificates)
    print_promise(results.certificates, results.ledger)
    print_stopping(results.certificates, results.ledger.manifest)
    say_where_nothing(results)
    console.print(f"wrote {out}", soft_wrap=True)
    if as_json:
        gap = gap_in_words(results.ledger.manifest)
        print_json(summary(results.certificates, results.curves, out) | {"not_covered": gap})


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
    opened = open_run(request, out, resume=resume)
    made = opened.prepared.design
    if isinstance(certifier, DesignMethod) and made is not None:
        certifier.check_masks(request.num_samples, made.round_size)
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
    say_best(
        certifier,
        smoothing=smoothing_of(planned),
        num_classes=num_classes,
        num_samples=request.num_samples,
        ks=ks,
        alpha=alpha,
        label_choice=choice,
        bounds=bounds,
        judge=judge_of(planned),
    )
    ledger = run_to_ledger(opened)
    return write_run(ledger, method=method, bounds=bounds, ks=ks, alpha=alpha, choice=choice)


def write_run(
    ledger: Ledger,
    *,
    method: str,
    bounds: str | None = None,
    ks: list[int],
    alpha: float,
    choice: LabelChoice,
) -> Results:
    """Derive, write and draw everything that follows from a full ledger, into its folder."""
    with pairs_bar() as update:
        results = derive(
            ledger,
            method=method,
            bounds=bounds,
            ks=ks,
            alpha=alpha,
            label_choice=choice,
            on_pairs=update,
        )
    keep_results(results)
    return results
