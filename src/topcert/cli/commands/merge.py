"""`topcert merge`: shares of a run put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from topcert.cli import options
from topcert.cli.machine import print_json
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import console, progress_stages
from topcert.files import check_out_folder
from topcert.voting.share import merge_shares


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of certify --shard.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the whole run.")],
    as_json: options.AsJson = False,
    _progress: options.Progress = None,
) -> None:
    """Put the blocks of votes that certify --shard wrote on several machines into one folder.

    All shares are of one run: the same data, model, noise and seed. The folder is then a run that
    was stopped: the same certify with --resume and no --shard replays some of its votes, computes
    blocks that are missing, and certifies.
    """
    check_out_folder(out)
    with progress_stages() as stage:
        found = merge_shares(folders, out, on_progress=stage("merge", unit="blocks"))
    missing = f", and {len(found.missing)} are missing" if found.missing else ", which are all"
    console.print(
        f"{out} has {found.blocks} block{'s' * (found.blocks != 1)} of votes{missing}: repeat"
        " certify with --resume and without --shard to certify them",
        highlight=False,
        soft_wrap=True,
    )
    if as_json:
        print_json({"out": str(out), "blocks": found.blocks, "missing": list(found.missing)})


COMMAND: Final = OwnCommand(run=merge, short="Votes of several machines, in one folder.", place=45)
