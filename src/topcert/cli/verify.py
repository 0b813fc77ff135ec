"""`topcert verify`: re-check a folder of certificates without trusting who made it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from topcert.audit.auditing import Audit, audit
from topcert.audit.claims import check_rest, tell_taken
from topcert.audit.replaying import parse_replay
from topcert.audit.said import Said
from topcert.cli import options
from topcert.cli.bounding import recheck_bounds
from topcert.cli.machine import print_json
from topcert.cli.progress import console, messages, progress_stages, stoppable
from topcert.evaluation.unread import check_plain
from topcert.files import printable
from topcert.report.drawing import draw_bounded

FINDINGS_SHOWN: Final = 20


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
    asked = Audit(
        model=model,
        data=data,
        data_dir=data_dir,
        device=device,
        num_classes=classes,
        output=output,
        replay=parse_replay(replay),
        fresh_seed=fresh_seed,
        samples=samples,
    )
    check_plain(folder)
    said = Said(tell=_say, tell_note=_note)
    if (folder / "bounds.json").is_file():
        _verify_bounds(folder, asked, said, as_json=as_json)
        return
    with stoppable("nothing was found so far"):
        found = audit(folder, asked, said=said, stages=progress_stages)
    if as_json and (found.findings or found.open is None):
        print_json(
            {
                "folder": str(folder),
                "good": not found.findings,
                "findings": found.findings,
                "certificates": found.certificates,
                "votes": found.votes,
                "num_named": found.num_named,
                "model": model,
                "replayed_votes": found.replayed_votes,
                "fresh_votes_an_input": samples,
                "not_covered": found.not_covered,
                "not_checked": said.not_checked,
                "to_judge": said.to_judge,
            }
        )
    print_findings(found.findings)
    if found.open is not None:
        raise ValueError(found.open)
    print_good(found.good)


def _verify_bounds(folder: Path, asked: Audit, said: Said, *, as_json: bool) -> None:
    """Certificates of a network's weights, made again."""
    if asked.asks_votes:
        raise ValueError(
            f"{folder} holds no votes to replay or sample afresh: leave --replay and"
            " --fresh-seed out"
        )
    made, findings = recheck_bounds(folder, asked.model, data=asked.data, data_dir=asked.data_dir)
    tell_taken(said, made.certificates.index, made.bounds.data_options)
    findings += check_rest(said, folder, lambda stem: draw_bounded(made, stem), ledger=False)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "good": not findings,
                "findings": findings,
                "model": asked.model,
                "not_checked": said.not_checked,
                "to_judge": said.to_judge,
            }
        )
    print_findings(findings)
    print_good("every certificate follows from the weights")


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)
    sys.stdout.flush()  # code of a model's may end the process


def _note(line: str) -> None:
    messages.print(f"note: {line}", highlight=False, soft_wrap=True, markup=False)


def print_good(text: str) -> None:
    """What is good."""
    console.print(
        Text.assemble(("good:", "bold green"), " ", printable(text)),
        highlight=False,
        soft_wrap=True,
    )


def print_findings(findings: Sequence[str]) -> None:
    """What does not hold; leaves with exit code 1 if there is anything."""
    for finding in findings[:FINDINGS_SHOWN]:
        line = Text.assemble(("does not hold:", "bold red"), " ", printable(finding))
        console.print(line, highlight=False, soft_wrap=True)
    if len(findings) > FINDINGS_SHOWN:
        console.print(f"... and {len(findings) - FINDINGS_SHOWN} more", highlight=False)
    if findings:
        raise typer.Exit(1)
