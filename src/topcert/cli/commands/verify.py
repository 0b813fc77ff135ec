"""`topcert verify`: re-check a folder of certificates without trusting who made it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from topcert.api.verify import audit_folder, audit_of
from topcert.audit.audit_log import AuditLog
from topcert.audit.auditing import Verdict
from topcert.cli import options
from topcert.cli.machine import print_json
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import console, messages, progress_stages, stoppable
from topcert.files import printable

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
    asked = audit_of(
        model,
        data=data,
        replay=replay,
        fresh_seed=fresh_seed,
        num_samples=samples,
        data_dir=data_dir,
        device=device,
        num_classes=classes,
        output=output,
    )
    log = AuditLog(on_line=_print_line, on_note=_note)
    with stoppable("nothing was found so far"):
        found = audit_folder(folder, asked, log=log, stages=progress_stages)
    if as_json and (found.findings or found.open is None):
        print_json(_object(found))
    print_findings(found.findings)
    if found.open is not None:
        raise ValueError(found.open)
    print_confirmed(found.good)


def _object(found: Verdict) -> dict[str, object]:
    """What `--json` prints."""
    record: dict[str, object] = {
        "folder": str(found.folder),
        "good": not found.findings,
        "findings": found.findings,
        "model": found.model,
        "not_checked": found.log.not_checked,
        "to_judge": found.log.to_judge,
        "raw_input": found.raw_input,
    }
    if found.votes:
        record |= {
            "certificates": found.certificates,
            "votes": found.votes,
            "num_named": found.num_named,
            "replayed_votes": found.replayed_votes,
            "fresh_votes_an_input": found.fresh_votes_an_input,
            "not_covered": found.not_covered,
        }
    return record


def _print_line(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)
    sys.stdout.flush()  # code of a model's may end the process


def _note(line: str) -> None:
    messages.print(f"note: {line}", highlight=False, soft_wrap=True, markup=False)


def print_confirmed(text: str) -> None:
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


COMMAND: Final = OwnCommand(
    run=verify, short="Re-check a folder without trusting its maker.", place=80
)
