"""`topcert verify`: re-check a folder of certificates without trusting who made it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Final, get_args

import numpy as np
import typer

from topcert.classifiers.functions import FunctionClassifier
from topcert.cli import options
from topcert.cli.bounding import recheck_bounds
from topcert.cli.machine import print_json
from topcert.cli.noting import note_output
from topcert.cli.progress import console, pairs_bar, progress_bar, stoppable
from topcert.cli.replaying import Replayed, parse_replay
from topcert.cli.replaying import replay as recast
from topcert.cli.running import print_notes
from topcert.cli.verdicts import (
    Said,
    check_rest,
    print_claim,
    print_findings,
    print_good,
    print_taken,
    print_traced,
    say,
    warn_of_code,
)
from topcert.datasets.reading import Reading
from topcert.evaluation.results import Results
from topcert.evaluation.unread import check_plain
from topcert.evaluation.verification import judge_rows, recompute, refuted, same_run
from topcert.evaluation.wording import gap_in_words
from topcert.report.drawing import draw_bounded, draw_results
from topcert.theory.stopping import Stopping
from topcert.voting.among import RowsError
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED, IID, Manifest
from topcert.voting.request import OLDER, Noise, Prepared, Request, algorithm_of, prepare
from topcert.voting.voter import count_all

REFUTE_ERROR: Final = 0.001


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a finished run.")],
    *,
    model: Annotated[
        str | None,
        typer.Option(help="The model, named by you: what only DIR names is never loaded."),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="N|all", help="Compute so many random votes again (whole batches), or all."
        ),
    ] = None,
    fresh_seed: Annotated[
        int | None, typer.Option(min=0, help="Sample afresh under this seed of yours.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Masks an input of the fresh sample.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="The data, if not where the run found it.")
    ] = None,
    data_dir: options.DataDir = None,
    device: options.Device = "auto",
    classes: options.Classes = None,
    output: options.Output = None,
    as_json: options.AsJson = False,
    _progress: options.Progress = None,
) -> None:
    """Re-check a folder of certificates. Exit code 0: good; 1: a certificate does not hold; 2:
    cannot be checked.

    Recomputes every certificate from the votes, and checks that counts, accuracy, pictures and
    manifest agree with them. With --model and --replay, computes random votes again, or all. With
    --model, --fresh-seed and --samples, asks the model with new masks and fails certificates that
    they rule out (all together, a true one falls with probability at most 0.001). A .joblib file or
    module:function runs code of whoever made it; an .onnx file does not.
    """
    if model is None and (replay is not None or fresh_seed is not None or samples is not None):
        raise ValueError(
            "--replay and --fresh-seed need --model: name the model yourself, the folder's word is"
            " not taken"
        )
    if (fresh_seed is None) != (samples is None):
        raise ValueError("--fresh-seed and --samples go together: give both, or neither")
    count = parse_replay(replay)
    check_plain(folder)
    said = Said()
    if (folder / "bounds.json").is_file():
        if replay is not None or fresh_seed is not None:
            raise ValueError(
                f"{folder} holds no votes to replay or sample afresh: leave --replay and"
                " --fresh-seed out"
            )
        made, findings = recheck_bounds(folder, model, data=data, data_dir=data_dir)
        print_taken(said, made.certificates.index, made.bounds.data_options)
        findings += check_rest(said, folder, lambda stem: draw_bounded(made, stem), ledger=False)
        if as_json:
            print_json(
                {"folder": str(folder), "good": not findings, "findings": findings, "model": model}
                | asdict(said)
            )
        print_findings(findings)
        print_good("every certificate follows from the weights")
        return
    ledger = Ledger.open(folder)
    manifest = ledger.manifest
    if fresh_seed is not None and manifest.law != IID:
        raise ValueError(
            f"{folder} is about the masks of the design {manifest.law}, which are the classifier:"
            " other masks are another one; leave --fresh-seed out and --replay votes"
        )
    print_traced(said, model, asked=replay is not None or fresh_seed is not None)
    with pairs_bar() as update:
        results, findings = recompute(ledger, on_pairs=update)
    votes = int(results.counts.sum()) // results.certificates.num_named
    console.print(
        f"{len(results.certificates.index)} certificates recomputed from {votes:,} votes of"
        f" {len(results.index)} inputs",
        highlight=False,
    )
    print_claim(said, results)
    findings += check_rest(said, folder, lambda stem: draw_results(results, stem), ledger=True)
    replayed = Replayed()
    if model is not None:
        warn_of_code(model)
        prepared = prepare(_request(manifest, model, data, data_dir, device, classes, output))
        print_notes(prepared.dataset)
        note_output(prepared.classifier)
        same_run(ledger, prepared)
        # What a function reads beside its own file is for --replay to tell.
        told = (
            " (by its source file alone)"
            if isinstance(prepared.classifier, FunctionClassifier)
            else ""
        )
        source = (
            "as the folder names it; pass --data to name your own"
            if data is None
            else "as you named it"
        )
        say(
            f"model{told}, data and labels are those of the manifest (data:"
            f" {prepared.request.data}, {source})"
        )
        findings += _rows(ledger, prepared)
        if count is not None:
            replayed = recast(said, results, prepared, count, generator=np.random.default_rng())
            findings += replayed.findings
        if fresh_seed is not None and samples is not None:
            findings += _fresh(results, prepared, fresh_seed, samples)
    if as_json and (findings or replayed.open is None):
        print_json(
            {
                "folder": str(folder),
                "good": not findings,
                "findings": findings,
                "certificates": len(results.certificates.index),
                "votes": votes,
                "num_named": results.certificates.num_named,
                "model": model,
                "replayed_votes": replayed.votes,
                "fresh_votes_an_input": samples,
                "not_covered": gap_in_words(manifest),
            }
            | asdict(said)
        )
    print_findings(findings)
    if replayed.open is not None:
        raise ValueError(replayed.open)
    asked = [replayed.good] if replayed.good else []
    asked += [f"{samples} fresh votes an input rule none out"] if fresh_seed is not None else []
    print_good(
        "; ".join(
            [
                "every certificate follows from the votes",
                *(asked or ["which were traced to no model"]),
            ]
        )
    )


def _request(
    manifest: Manifest,
    model: str,
    data: str | None,
    data_dir: Path | None,
    device: str,
    classes: int | None,
    output: str | None,
) -> Request:
    noise = next(noise for noise in get_args(Noise) if noise == manifest.noise)
    ours = algorithm_of(noise, manifest.law)
    older = manifest.algorithm if noise == "gaussian" and manifest.algorithm in OLDER else None
    if manifest.algorithm != ours and older is None:
        raise ValueError(
            f"the manifest names the algorithm {manifest.algorithm}; this release has {ours}"
        )
    reading = Reading.from_json(manifest.data_options)
    return Request(
        data=manifest.data if data is None else data,
        model=model,
        noise=noise,
        num_kept=manifest.num_kept,
        sigma=manifest.sigma,
        keep_probability=manifest.keep_probability,
        design=None if manifest.law == IID else manifest.law,
        num_selection=manifest.num_selection,
        num_samples=manifest.num_samples,
        seed=manifest.seed,
        encoding=manifest.encoding,
        fill=float(manifest.fill) if isinstance(manifest.fill, (int, float)) else None,
        unit=manifest.unit,
        reading=reading if data_dir is None else replace(reading, data_dir=data_dir),
        doubtful="keep",
        device=device,
        num_classes=classes or manifest.num_classes,
        num_named=manifest.depth,
        output=manifest.output if output is None else output,
        batch_size=manifest.batch_size,
        refuse_labels=False,  # a run of predict has them counted
        stopping=None if manifest.stopping == FIXED else Stopping.read(manifest.stopping),
        algorithm=older,
    )


def _rows(ledger: Ledger, prepared: Prepared) -> list[str]:
    try:
        found = judge_rows(ledger, prepared, generator=np.random.default_rng())
    except RowsError as error:
        return [f"the model is no function of one row, so nothing follows from its votes: {error}"]
    console.print(
        f"{found.rows:,} rows judged again among other rows, no answer differs: a check, no proof",
        highlight=False,
    )
    return []


def _fresh(results: Results, prepared: Prepared, seed: int, samples: int) -> list[str]:
    manifest = results.ledger.manifest
    if seed == manifest.seed:
        raise ValueError(
            f"--fresh-seed {seed} is the seed of the run itself; choose one that its maker did not"
            " know"
        )
    with (
        stoppable("fresh votes are not kept"),
        progress_bar("fresh votes", unit="passes") as update,
    ):
        counts = count_all(
            prepared.voter(seed=seed, num_votes=samples),
            num_inputs=manifest.num_inputs,
            num_samples=samples,
            num_classes=manifest.num_classes,
            num_named=results.certificates.num_named,
            on_progress=update,
        )
    found = refuted(results, counts, error=REFUTE_ERROR)
    asked = samples * manifest.num_inputs
    console.print(f"{asked:,} fresh votes rule out {len(found)} certificates", highlight=False)
    return found
